//! The people and things of a story.

use arbitrage_core::Draw;

/// Names with their pronouns, at the beginning of a sentence and inside it.
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

/// The words that fill the slots of a story, as indices into the lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    name: usize,
    other: usize,
    things: usize,
}

impl Names {
    /// Two people and some things, drawn uniformly.
    pub(crate) fn draw(draw: &mut Draw) -> Self {
        let name = uniform_below(draw, PEOPLE.len());
        let other = (name + 1 + uniform_below(draw, PEOPLE.len() - 1)) % PEOPLE.len();
        Self { name, other, things: uniform_below(draw, THINGS.len()) }
    }

    /// Names that together have every word in every slot.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..PEOPLE.len().max(THINGS.len())).map(|at| {
            let person = at % PEOPLE.len();
            Self { name: person, other: (person + 1) % PEOPLE.len(), things: at % THINGS.len() }
        })
    }

    /// The word of a slot. `None` for the slots of numbers.
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

    /// Sets the word of a slot. `None` where the slot does not have that word. Pronouns are ignored, since they follow from the name.
    pub(crate) fn set(&mut self, slot: &str, word: &str) -> Option<()> {
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

/// A uniformly drawn whole number below `count`, which is at least 1.
pub(crate) fn uniform_below(draw: &mut Draw, count: usize) -> usize {
    ((draw.uniform() * count as f64) as usize).min(count.saturating_sub(1))
}
