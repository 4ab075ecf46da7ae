//! A parsed report page.

use roxmltree::{Document, Node};
use serde_json::Value;

/// A report page.
pub(crate) struct Page {
    pub text: String,
    markup: String,
}

impl Page {
    /// Removes styles and scripts, so that an XML parser can read the rest.
    pub(crate) fn new(text: String) -> Self {
        let mut markup = text.strip_prefix("<!doctype html>").unwrap().to_owned();
        for name in ["style", "script"] {
            let (begin, end) = (format!("<{name}"), format!("</{name}>"));
            let mut from = 0;
            while let Some(at) = markup[from..].find(&begin).map(|at| at + from) {
                let open = at + markup[at..].find('>').unwrap() + 1;
                let close = open + markup[open..].find(&end).unwrap();
                markup.replace_range(open..close, "");
                from = open;
            }
        }
        Self { text, markup }
    }

    /// The markup, which is well-formed XML.
    pub(crate) fn document(&self) -> Document<'_> {
        Document::parse(&self.markup).unwrap_or_else(|error| panic!("{error}: {}", self.markup))
    }

    /// The data of the browser of solutions.
    pub(crate) fn data(&self) -> Value {
        let begin = self.text.find("id=\"data\">").unwrap() + "id=\"data\">".len();
        let end = begin + self.text[begin..].find("</script>").unwrap();
        serde_json::from_str(&self.text[begin..end]).unwrap()
    }

    /// The cells of a row, by section id, table title and row name.
    pub(crate) fn row(&self, section: &str, table: &str, name: &str) -> Vec<String> {
        let document = self.document();
        let section = document.descendants().find(|node| node.attribute("id") == Some(section)).unwrap();
        let region = section.descendants().find(|node| node.attribute("aria-label") == Some(table)).unwrap();
        let mut rows = region.descendants().filter(|node| node.has_tag_name("tr"));
        let row = rows.find(|row| row.first_element_child().is_some_and(|head| text(head) == name)).unwrap();
        row.children().filter(|cell| cell.has_tag_name("td")).map(text).collect()
    }
}

fn text(node: Node<'_, '_>) -> String {
    let parts = node.descendants().filter(|node| node.is_text()).filter_map(|node| node.text());
    parts.collect::<String>().trim().to_owned()
}
