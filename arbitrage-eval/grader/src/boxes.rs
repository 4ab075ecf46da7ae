//! `\boxed{…}` and `\fbox{…}` in a text, in one pass over it.

/// The contents of a box, and where the whole box begins and ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Boxed<'t> {
    pub inner: &'t str,
    pub start: usize,
    pub end: usize,
}

/// Most boxes that words join to one answer.
const MOST_JOINED: usize = 16;

/// The outermost boxes of `text` whose braces close, and whether a later one does not.
pub(super) fn boxes(text: &str) -> (Vec<Boxed<'_>>, bool) {
    let bytes = text.as_bytes();
    let (mut open, mut found): (Vec<Option<(usize, usize)>>, Vec<Boxed<'_>>) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => {
                let length = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
                let name = &bytes[at + 1..at + 1 + length];
                let spaces = bytes[at + 1 + length..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                let brace = at + 1 + length + spaces;
                if matches!(name, b"boxed" | b"fbox") && bytes.get(brace) == Some(&b'{') {
                    open.push(Some((at, brace + 1)));
                    at = brace;
                } else {
                    // The character behind a lone backslash is escaped.
                    at += length.max(1);
                }
            }
            b'{' => open.push(None),
            b'}' => {
                if let Some(Some((start, inner))) = open.pop() {
                    while found.last().is_some_and(|last| last.start > start) {
                        found.pop();
                    }
                    found.push(Boxed { inner: text[inner..at].trim(), start, end: at + 1 });
                }
            }
            _ => {}
        }
        at += 1;
    }
    let last = found.last().map_or(0, |last| last.end);
    let unclosed = open.iter().flatten().any(|(start, _)| *start >= last);
    (found, unclosed)
}

/// The last box, or the last ones where nothing but a conjunction or a comma stands between them; and how many.
pub(super) fn last_joined<'t>(text: &'t str, boxes: &[Boxed<'t>]) -> Option<(String, usize)> {
    let count =
        boxes.windows(2).rev().take(MOST_JOINED).take_while(|pair| joins(&text[pair[0].end..pair[1].start])).count()
            + 1;
    let last = boxes.last()?;
    let members: Vec<&str> = boxes[boxes.len() - count..].iter().map(|one| one.inner).collect();
    let mut answer = members.join(", ");
    let behind = text[last.end..].trim_start_matches([' ', '$', '\\', ',', ')']);
    if ["%", "percent", "pct"].iter().any(|sign| behind.starts_with(sign)) {
        answer += "\\%";
    }
    Some((answer, count))
}

fn joins(between: &str) -> bool {
    if between.len() > 60 {
        return false;
    }
    let mut words = between.replace(['$', '{', '}', '(', ')', '[', ']'], " ");
    for command in ["\\quad", "\\qquad", "\\text", "\\mathrm", "\\;", "\\,", "\\ ", "\\"] {
        words = words.replace(command, " ");
    }
    let words: Vec<&str> = words.split_whitespace().collect();
    matches!(words.as_slice(), ["and" | "or" | ","] | [",", "and" | "or"])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(text: &str) -> Option<(String, usize)> {
        last_joined(text, &boxes(text).0)
    }

    #[test]
    fn the_last_box_that_closes_is_found() {
        for (text, expected) in [
            (r"\boxed{1} then \boxed{2}.", "2"),
            (r"\boxed { \frac{1}{2} }", r"\frac{1}{2}"),
            (r"\fbox{\boxed{3}}", r"\boxed{3}"),
            (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
            (r"$\boxed{28}$ percent", r"28\%"),
            (r"\[\boxed{-2} \quad \text{and} \quad \boxed{1}\]", "-2, 1"),
            (r"\boxed{9} \boxed{8}", "8"),
            (r"use \boxed \n to get $\boxed{42}$", "42"),
        ] {
            assert_eq!(last(text).unwrap().0, expected, "{text}");
        }
        assert!(boxes(r"\boxed{1} and \boxed{2").1);
        assert!(!boxes(r"\boxed{1}").1);
    }

    #[test]
    fn floods_take_one_pass() {
        assert!(boxes(&r"\boxed{".repeat(100_000)).0.is_empty());
        assert_eq!(boxes(&format!("{}1{}", r"\boxed{".repeat(50_000), "}".repeat(50_000))).0.len(), 1);
    }
}
