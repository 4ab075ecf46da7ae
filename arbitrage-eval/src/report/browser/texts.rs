//! Texts, each kept once.

use std::collections::HashMap;

use super::LONGEST;
use crate::report::text::{cut, visible};

/// Texts in the order in which they came.
#[derive(Debug, Default)]
pub struct Texts {
    places: HashMap<String, usize>,
    all: Vec<String>,
}

impl Texts {
    /// The place of a text, made visible and cut.
    pub fn place(&mut self, text: &str) -> usize {
        let text = cut(&visible(text), LONGEST);
        if let Some(place) = self.places.get(&text) {
            return *place;
        }
        let place = self.all.len();
        self.all.push(text.clone());
        self.places.insert(text, place);
        place
    }

    /// All of them, by their places.
    pub fn into_all(self) -> Vec<String> {
        self.all
    }
}
