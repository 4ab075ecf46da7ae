//! Python's methods and filters that change or ask for the case of letters.

use super::fault::{Evaluated, Fault};

/// Python's `str.isspace` for one character.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

/// The first letter of a word. Letters whose title form is not the upper one and not found by the rules here are refused.
fn title_letter(letter: char) -> Evaluated<String> {
    let paired = match letter {
        '\u{1c4}'..='\u{1c6}' => Some('\u{1c5}'),
        '\u{1c7}'..='\u{1c9}' => Some('\u{1c8}'),
        '\u{1ca}'..='\u{1cc}' => Some('\u{1cb}'),
        '\u{1f1}'..='\u{1f3}' => Some('\u{1f2}'),
        '\u{10d0}'..='\u{10ff}' => Some(letter),
        '\u{1f80}'..='\u{1ffc}' => return Err(Fault::invalid(format!("the title form of `{letter}` is not known"))),
        _ => None,
    };
    let mut upper = letter.to_uppercase();
    Ok(match paired {
        Some(letter) => letter.to_string(),
        None => upper.next().into_iter().chain(upper.flat_map(char::to_lowercase)).collect(),
    })
}

/// `str.capitalize`.
pub(super) fn capitalized(text: &str) -> Evaluated<String> {
    let mut characters = text.chars();
    let Some(first) = characters.next() else { return Ok(String::new()) };
    // Lower case may depend on what stands before a letter, as with Greek sigma.
    let lower = text.to_lowercase();
    let skipped: usize = first.to_lowercase().map(char::len_utf8).sum();
    Ok(title_letter(first)? + lower.get(skipped..).unwrap_or_default())
}

/// `str.title`: every letter after something else begins a word.
pub(super) fn titled(text: &str) -> Evaluated<String> {
    if text.contains('Σ') {
        return Err(Fault::invalid("title: the lower form of `Σ` is not known"));
    }
    let mut out = String::with_capacity(text.len());
    let mut in_word = false;
    for character in text.chars() {
        if in_word {
            out.extend(character.to_lowercase());
        } else {
            out.push_str(&title_letter(character)?);
        }
        in_word = is_cased(character);
    }
    Ok(out)
}

/// `str.swapcase`.
pub(super) fn swapped(text: &str) -> String {
    let lower = |character: char| character.to_lowercase().collect::<String>();
    let upper = |character: char| character.to_uppercase().collect::<String>();
    text.chars().map(|c| if c.is_uppercase() { lower(c) } else { upper(c) }).collect()
}

/// `str.casefold`, for the letters of European languages.
pub(super) fn folded(text: &str) -> Evaluated<String> {
    match text.chars().find(|&c| c >= '\u{250}' && c.is_alphabetic() && c.to_lowercase().ne(c.to_uppercase())) {
        Some(letter) if !matches!(letter, '\u{410}'..='\u{44f}') => {
            Err(Fault::invalid(format!("casefold: the folded form of `{letter}` is not known")))
        }
        _ => Ok(text.to_lowercase().replace('ß', "ss").replace('ſ', "s").replace('ŉ', "ʼn")),
    }
}

/// Whether a letter has a case.
pub(super) fn is_cased(character: char) -> bool {
    character.is_lowercase()
        || character.is_uppercase()
        || matches!(character, '\u{1c5}' | '\u{1c8}' | '\u{1cb}' | '\u{1f2}')
}

/// `str.istitle`.
pub(super) fn is_title(text: &str) -> bool {
    let (mut in_word, mut any) = (false, false);
    for character in text.chars() {
        let fits = if character.is_uppercase() { !in_word } else { !character.is_lowercase() || in_word };
        if !fits {
            return false;
        }
        in_word = is_cased(character);
        any |= in_word;
    }
    any
}

/// The `title` filter, whose words are separated by spaces, hyphens and opening brackets.
pub(super) fn filter_title(text: &str) -> String {
    let word = |piece: &str| {
        let mut characters = piece.chars();
        let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
        first + &characters.as_str().to_lowercase()
    };
    text.split_inclusive(|c: char| is_space(c) || "-({[<".contains(c)).map(word).collect()
}
