//! Makes untrusted text of models and file names safe to show.

/// Makes invisible characters visible: control characters become their symbols (`␛`), and characters that change the direction of text, hide
/// it or break lines become their code points (`⟨U+202E⟩`). Line feeds and tabs stay.
///
/// Escaping for HTML, JSON or Markdown is done separately, afterwards.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            '\0'..='\u{1f}' => out.extend(char::from_u32(0x2400 + c as u32)),
            '\u{7f}' => out.push('␡'),
            c if is_invisible(c) => out.push_str(&format!("⟨U+{:04X}⟩", c as u32)),
            c => out.push(c),
        }
    }
    out
}

/// C1 controls, direction marks (Unicode Standard Annex 9), invisible characters, and characters that XML and HTML parsers refuse.
fn is_invisible(c: char) -> bool {
    const RANGES: [(u32, u32); 10] = [
        (0x80, 0x9f),
        (0xad, 0xad),
        (0x61c, 0x61c),
        (0x200b, 0x200b),
        (0x200e, 0x200f),
        (0x2028, 0x202e),
        (0x2060, 0x206f),
        (0xfdd0, 0xfdef),
        (0xfeff, 0xfeff),
        (0xfff0, 0xfffb),
    ];
    let code = c as u32;
    RANGES.iter().any(|(low, high)| (*low..=*high).contains(&code))
        || code & 0xfffe == 0xfffe
        || (0xe0000..=0xe0fff).contains(&code)
}

/// At most `max_chars` characters; the last one is an ellipsis if the text was longer.
pub(crate) fn cut(text: &str, max_chars: usize) -> String {
    if text.chars().nth(max_chars).is_none() {
        return text.to_owned();
    }
    text.chars().take(max_chars.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_become_visible() {
        assert_eq!(visible("a\tb\nc é 数 𝔸"), "a\tb\nc é 数 𝔸");
        assert_eq!(visible("\u{1b}[31m\0\r\u{7f}"), "␛[31m␀␍␡");
        assert_eq!(visible("x\u{202e}y\u{2028}\u{feff}\u{ffff}"), "x⟨U+202E⟩y⟨U+2028⟩⟨U+FEFF⟩⟨U+FFFF⟩");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("éééé", 4), "éééé");
        assert_eq!(cut("ééééé", 4), "ééé…");
        assert_eq!(cut("ab", 0), "…");
    }
}
