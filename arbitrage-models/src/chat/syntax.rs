//! Parses templates as jinja2 does for transformers.

use super::fault::{Evaluated, Fault, FaultKind};
use minijinja::machinery::{ast::Stmt, parse};
use minijinja::syntax::SyntaxConfig;
use std::borrow::Cow;

/// The source as jinja2 reads it: every line ends with `\n`, and there is no byte order mark. `{% generation %}`, which marks what an
/// assistant wrote and writes nothing itself, becomes `{% with %}`, which has variables of its own, too.
pub(super) fn normalized(source: &str) -> String {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source).replace("\r\n", "\n").replace('\r', "\n");
    if source.contains("generation") { without_generation(&source).into_owned() } else { source }
}

/// Parses a normalised source. Lines with nothing but a block are removed (`trim_blocks`, `lstrip_blocks`).
pub(super) fn parsed(source: &str) -> Evaluated<Stmt<'_>> {
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    let parsed = syntax.and_then(|syntax| parse(source, super::TEMPLATE_NAME, syntax));
    parsed.map_err(|error| {
        let fault = Fault::new(FaultKind::Syntax, error.detail().unwrap_or_default());
        match error.line() {
            Some(line) => fault.at(line),
            None => fault,
        }
    })
}

fn without_generation(source: &str) -> Cow<'_, str> {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = ["{%", "{{", "{#"].iter().filter_map(|open| rest.find(open)).min() {
        let (before, tag) = rest.split_at(start);
        out.push_str(before);
        let length = match tag.as_bytes().get(1) {
            Some(b'#') => tag.find("#}").map_or(tag.len(), |end| end + 2),
            Some(b'{') => tag_length(tag, "}}"),
            _ => tag_length(tag, "%}"),
        };
        let (tag, mut after) = tag.split_at(length);
        match keyword(tag) {
            "raw" => {
                // What is inside is no tag.
                let end = after.match_indices("{%").find(|(at, _)| keyword(&after[*at..]) == "endraw");
                let (content, following) = after.split_at(end.map_or(after.len(), |(at, _)| at));
                out.push_str(tag);
                out.push_str(content);
                after = following;
            }
            "generation" => out.push_str(&tag.replacen("generation", "with", 1)),
            "endgeneration" => out.push_str(&tag.replacen("endgeneration", "endwith", 1)),
            _ => out.push_str(tag),
        }
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The length of a tag with its end, which may stand in a string before.
fn tag_length(tag: &str, end: &str) -> usize {
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in tag.char_indices().skip(2) {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if character == '\\' => escaped = true,
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if character == '"' || character == '\'' => quote = Some(character),
            None if tag[at..].starts_with(end) => return at + end.len(),
            None => {}
        }
    }
    tag.len()
}

/// The first word of a block's tag.
fn keyword(tag: &str) -> &str {
    let Some(inside) = tag.strip_prefix("{%") else { return "" };
    let inside = inside.strip_prefix(['-', '+']).unwrap_or(inside).trim_start();
    inside.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generation_blocks_become_scopes() {
        let cases = [
            ("a{%- generation -%}b{% endgeneration +%}c", "a{%- with -%}b{% endwith +%}c"),
            ("{# {% generation %} #}{{ '{% generation %}' }}", "{# {% generation %} #}{{ '{% generation %}' }}"),
            ("{% raw %}{% generation %}{% endraw %}", "{% raw %}{% generation %}{% endraw %}"),
            (
                "{% set x = '%} {% generation %}' %}{% if add_generation_prompt %}",
                "{% set x = '%} {% generation %}' %}{% if add_generation_prompt %}",
            ),
            ("{% generation", "{% with"),
        ];
        for (source, expected) in cases {
            assert_eq!(normalized(source), expected);
        }
    }
}
