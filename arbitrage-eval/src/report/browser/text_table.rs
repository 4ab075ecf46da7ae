//! Texts, each stored once.

use std::collections::HashMap;

use super::MAX_TEXT_CHARS;
use crate::report::text::{cut, visible};

/// Texts in the order in which they were added.
#[derive(Debug, Default)]
pub(crate) struct TextTable {
    indices: HashMap<String, usize>,
    all: Vec<String>,
}

impl TextTable {
    /// The index of a text, after invisible characters are made visible and long texts are cut.
    pub(crate) fn index(&mut self, text: &str) -> usize {
        let text = cut(&visible(text), MAX_TEXT_CHARS);
        if let Some(index) = self.indices.get(&text) {
            return *index;
        }
        let index = self.all.len();
        self.all.push(text.clone());
        self.indices.insert(text, index);
        index
    }

    /// All texts, by index.
    pub(crate) fn into_all(self) -> Vec<String> {
        self.all
    }
}
