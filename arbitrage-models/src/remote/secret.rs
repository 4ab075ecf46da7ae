//! API keys.

use std::fmt;

/// An API key. Neither `Debug` nor an error shows it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(String);

impl Secret {
    /// The key, if a header can hold it, since otherwise the request would fail with an error that shows it. Characters that JSON escapes
    /// are not allowed either, so that the key is found wherever a server repeats it.
    pub(super) fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !br#""\"#.contains(&byte)))
            .then(|| Self(text.to_owned()))
    }

    /// The key itself, for the header only.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// `text` without the key.
    pub(super) fn redact(&self, text: &str) -> String {
        text.replace(&self.0, "[key]")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[key]")
    }
}
