//! What one rendering may use: an amount of work, which is never given back, and an amount of memory, which is given back when a value
//! is dropped.
//!
//! Every text and every container that a template makes holds its part of the memory ([`Held`]), and results that can be longer than
//! what they are made of are built piece by piece ([`TextBuilder`], [`ListBuilder`]), so no allocation comes before its charge.

use super::compare;
use super::fault::{Evaluated, Fault};
use super::value::{PyValue, Sequence, SequenceKind, Text};
use std::cell::Cell;
use std::rc::Rc;

/// Work of one rendering. A unit is a step of the interpreter, an item that is visited, or some hundred bytes that are copied. Real
/// templates need some hundreds for each message. All of it takes a fraction of a second.
pub(super) const RENDER_WORK: usize = 1_000_000;
/// Memory of one rendering, in bytes of values that exist at the same time. While a text grows, it may take up to three times as much.
pub(super) const RENDER_BYTES: usize = 64 << 20;
/// Bytes that are copied or compared by one unit of work.
const BYTES_PER_UNIT: usize = 256;
/// What a value takes besides its content, in bytes.
const OVERHEAD: usize = 64;

/// Handle to what a rendering may still use.
#[derive(Debug, Clone)]
pub(super) struct Allowance(Rc<Remaining>);

#[derive(Debug)]
struct Remaining {
    work: Cell<usize>,
    bytes: Cell<usize>,
}

impl Allowance {
    pub(super) fn new(work: usize, bytes: usize) -> Self {
        Self(Rc::new(Remaining { work: Cell::new(work), bytes: Cell::new(bytes) }))
    }

    /// Pays for `units` of work.
    pub(super) fn work(&self, units: usize) -> Evaluated<()> {
        let remaining = self.0.work.get().checked_sub(units);
        // What is used up stays used up.
        self.0.work.set(remaining.unwrap_or(0));
        remaining.map(drop).ok_or_else(Fault::exhausted)
    }

    /// Pays for the copying or comparing of so many bytes.
    pub(super) fn copying(&self, bytes: usize) -> Evaluated<()> {
        self.work(1 + bytes / BYTES_PER_UNIT)
    }

    /// Pays for looking at so many characters one by one.
    pub(super) fn characters(&self, bytes: usize) -> Evaluated<()> {
        self.work(1 + bytes / (BYTES_PER_UNIT / 8))
    }

    /// Reserves the memory of a value with so many bytes of content.
    pub(super) fn hold(&self, bytes: usize) -> Evaluated<Held> {
        let mut held = Held { bytes: 0, allowance: self.clone() };
        held.grow(bytes.saturating_add(OVERHEAD))?;
        Ok(held)
    }

    /// A text that is not much longer than what it was made of.
    pub(super) fn text(&self, text: impl Into<Box<str>>) -> Evaluated {
        let text = text.into();
        self.copying(text.len())?;
        let held = self.hold(text.len())?;
        Ok(PyValue::Text(Text::new(text, held)))
    }

    /// A list of values that exist already.
    pub(super) fn list(&self, kind: SequenceKind, items: Vec<PyValue>) -> Evaluated {
        self.work(1 + items.len() / 8)?;
        let held = self.hold(items.capacity() * size_of::<PyValue>())?;
        Sequence::new(kind, items, held).map(|sequence| PyValue::List(Rc::new(sequence)))
    }
}

/// Memory that is reserved until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    bytes: usize,
    allowance: Allowance,
}

impl Held {
    /// Reserves `bytes` more.
    pub(super) fn grow(&mut self, bytes: usize) -> Evaluated<()> {
        let free = &self.allowance.0.bytes;
        free.set(free.get().checked_sub(bytes).ok_or_else(Fault::exhausted)?);
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let free = &self.allowance.0.bytes;
        free.set(free.get() + self.bytes);
    }
}

/// A text that grows piece by piece.
#[derive(Debug)]
pub(super) struct TextBuilder {
    text: String,
    held: Held,
    allowance: Allowance,
}

impl TextBuilder {
    pub(super) fn new(allowance: &Allowance) -> Evaluated<Self> {
        Ok(Self { text: String::new(), held: allowance.hold(0)?, allowance: allowance.clone() })
    }

    pub(super) fn push(&mut self, piece: &str) -> Evaluated<()> {
        self.allowance.copying(piece.len())?;
        self.held.grow(piece.len())?;
        self.text.push_str(piece);
        Ok(())
    }

    /// Adds `piece` so many times.
    pub(super) fn repeat(&mut self, piece: &str, times: usize) -> Evaluated<()> {
        let bytes = piece.len().saturating_mul(times);
        self.held.grow(bytes)?;
        self.allowance.copying(bytes)?;
        self.text.push_str(&piece.repeat(times));
        Ok(())
    }

    pub(super) fn finish(self) -> PyValue {
        PyValue::Text(Text::new(self.text.into_boxed_str(), self.held))
    }

    pub(super) fn into_string(self) -> String {
        self.text
    }
}

/// A list that grows item by item.
#[derive(Debug)]
pub(super) struct ListBuilder {
    items: Vec<PyValue>,
    held: Held,
    allowance: Allowance,
}

impl ListBuilder {
    pub(super) fn new(allowance: &Allowance) -> Evaluated<Self> {
        Ok(Self { items: Vec::new(), held: allowance.hold(0)?, allowance: allowance.clone() })
    }

    pub(super) fn push(&mut self, item: PyValue) -> Evaluated<()> {
        self.allowance.work(1)?;
        self.held.grow(size_of::<PyValue>())?;
        self.items.push(item);
        Ok(())
    }

    /// Adds a text.
    pub(super) fn push_text(&mut self, text: &str) -> Evaluated<()> {
        let text = self.allowance.text(text)?;
        self.push(text)
    }

    /// Whether an equal item is in the list.
    pub(super) fn contains(&self, wanted: &PyValue) -> Evaluated<bool> {
        for item in &self.items {
            if compare::equal(item, wanted, &self.allowance)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn finish(self, kind: SequenceKind) -> Evaluated {
        self.into_sequence(kind).map(PyValue::List)
    }

    pub(super) fn into_sequence(self, kind: SequenceKind) -> Evaluated<Rc<Sequence>> {
        Sequence::new(kind, self.items, self.held).map(Rc::new)
    }
}
