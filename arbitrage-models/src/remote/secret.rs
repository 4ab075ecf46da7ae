//! A text that must not be shown.

use std::fmt;

/// An API key. Neither `Debug` nor an error shows it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(String);

impl Secret {
    /// The key, if a header can hold it: one that none can would only fail with an error that shows it. Neither may it hold what JSON
    /// writes in another way, so that it is found wherever a server repeats it.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !br#""\"#.contains(&byte)))
            .then(|| Self(text.to_owned()))
    }

    /// The key itself, for the header alone.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `text` without the key.
    pub fn redact(&self, text: &str) -> String {
        text.replace(&self.0, "[key]")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[key]")
    }
}
