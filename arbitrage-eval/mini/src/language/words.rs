//! Who and what the stories are about.

use arbitrage_core::Draw;

/// Names with their pronouns, as a sentence begins and within one.
const PEOPLE: [(&str, &str, &str); 8] = [
    ("Ann", "She", "she"),
    ("Bob", "He", "he"),
    ("Dan", "He", "he"),
    ("Eve", "She", "she"),
    ("Max", "He", "he"),
    ("Mia", "She", "she"),
    ("Tom", "He", "he"),
    ("Zoe", "She", "she"),
];

const THINGS: [&str; 8] = ["books", "cards", "coins", "cups", "eggs", "nuts", "pens", "stamps"];

/// The words that a story's slots are filled with, as indices into the lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cast {
    name: usize,
    other: usize,
    things: usize,
}

impl Cast {
    /// Two people and some things, each choice as likely.
    pub(crate) fn draw(draw: &mut Draw) -> Self {
        let name = below(draw, PEOPLE.len());
        let other = (name + 1 + below(draw, PEOPLE.len() - 1)) % PEOPLE.len();
        Self { name, other, things: below(draw, THINGS.len()) }
    }

    /// Casts in which every word appears in every slot.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..PEOPLE.len().max(THINGS.len())).map(|at| {
            let person = at % PEOPLE.len();
            Self { name: person, other: (person + 1) % PEOPLE.len(), things: at % THINGS.len() }
        })
    }

    /// The word of a slot; `None` for slots that hold numbers.
    pub(crate) fn word(&self, slot: &str) -> Option<&'static str> {
        let (name, upper, lower) = PEOPLE[self.name % PEOPLE.len()];
        match slot {
            "name" => Some(name),
            "She" => Some(upper),
            "she" => Some(lower),
            "other" => Some(PEOPLE[self.other % PEOPLE.len()].0),
            "things" => Some(THINGS[self.things % THINGS.len()]),
            _ => None,
        }
    }

    /// Takes over a word that was read in a slot; `None` when the word is not one of the slot's. Pronouns are not looked
    /// at: they follow the name.
    pub(crate) fn take(&mut self, slot: &str, word: &str) -> Option<()> {
        let person = || PEOPLE.iter().position(|(name, ..)| *name == word);
        match slot {
            "name" => self.name = person()?,
            "other" => self.other = person()?,
            "things" => self.things = THINGS.iter().position(|things| *things == word)?,
            _ => {}
        }
        Some(())
    }
}

/// A whole number below `count`, at least 1.
pub(crate) fn below(draw: &mut Draw, count: usize) -> usize {
    ((draw.uniform() * count as f64) as usize).min(count.saturating_sub(1))
}
