//! Finds `\boxed{…}` and `\fbox{…}` in one pass over a text.

/// The contents of a box, and the byte range of the whole box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LatexBox<'t> {
    pub inner: &'t str,
    pub start: usize,
    pub end: usize,
}

/// Most boxes that are joined to one answer.
const MAX_JOINED_BOXES: usize = 16;

/// Longest text between two boxes that are joined, in bytes.
const MAX_CONJUNCTION_BYTES: usize = 60;

/// The outermost closed boxes of `text`, and whether a box after them is cut off.
pub(super) fn boxes(text: &str) -> (Vec<LatexBox<'_>>, bool) {
    let bytes = text.as_bytes();
    let (mut open, mut found): (Vec<Option<(usize, usize)>>, Vec<LatexBox<'_>>) = (Vec::new(), Vec::new());
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
                    // A backslash without a command escapes the next character.
                    at += length.max(1);
                }
            }
            b'{' => open.push(None),
            b'}' => {
                if let Some(Some((start, inner))) = open.pop() {
                    while found.last().is_some_and(|last| last.start > start) {
                        found.pop();
                    }
                    found.push(LatexBox { inner: text[inner..at].trim(), start, end: at + 1 });
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

/// The contents of the last box, or of the last boxes where only a conjunction or a comma is between them, and their number.
pub(super) fn last_joined<'t>(text: &'t str, boxes: &[LatexBox<'t>]) -> Option<(String, usize)> {
    let count = boxes
        .windows(2)
        .rev()
        .take(MAX_JOINED_BOXES)
        .take_while(|pair| is_conjunction(&text[pair[0].end..pair[1].start]))
        .count()
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

fn is_conjunction(between: &str) -> bool {
    if between.len() > MAX_CONJUNCTION_BYTES {
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
