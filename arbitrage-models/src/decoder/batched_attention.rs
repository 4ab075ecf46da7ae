//! Attention by burn operations, on any device, batched over the sequences of a pass.

use burn::tensor::{Device, FloatDType, Int, Tensor, TensorData, activation};

use super::backbone::Backbone;
use super::rope::{ByRotation, RotaryTables};
use super::slots::{SharedSlots, Slots};
use crate::config::LayerAttention;

/// Added to the scores of masked positions: the least finite f16, since minus infinity would give NaN in a row where all are
/// masked.
const MASKED: f32 = -65504.0;

/// The sequences of a pass, and what depends on their positions alone: made once, used by every layer.
pub(super) struct BatchedAttention {
    slots: SharedSlots,
    tables: ByRotation<RotaryTables>,
    /// Where each row's keys and values are written.
    indices: Tensor<2, Int>,
    groups: Vec<AttentionGroup>,
    /// For each row of the pass, its row in the groups' concatenated results; `None` where they are in order.
    order: Option<Tensor<1, Int>>,
    heads: [usize; 2],
    width: usize,
    /// What products of queries and keys are multiplied by.
    scale: f32,
    layers: Vec<LayerAttention>,
}

/// Rows that attend together.
struct AttentionGroup {
    /// The slots whose keys and values are read.
    slots: std::ops::Range<usize>,
    /// Positions that are read of each slot.
    len: usize,
    /// Rows of the pass a slot.
    rows: usize,
    /// The pass's rows, slot by slot.
    queries: GroupRows,
    /// The mask of layers without a window, and that of layers with one, as far as the model has such layers.
    masks: [Option<AttentionMask>; 2],
    /// Rows of the result that belong to a sequence of the pass; `None` for all.
    selected: Option<Tensor<1, Int>>,
}

/// 0 where a row attends, [`MASKED`] elsewhere, `[slots, 1, rows, len]`. There is none where every row attends to all positions.
type AttentionMask = Tensor<4>;

/// Rows of the pass that are a group's queries.
#[expect(clippy::large_enum_variant, reason = "a group has one of them")]
enum GroupRows {
    Range(std::ops::Range<usize>),
    Indices(Tensor<1, Int>),
}

/// One sequence of the pass: its slot, cached positions, new rows, and the index of the first of them in the pass.
#[derive(Clone, Copy)]
struct PassSequence {
    slot: usize,
    cached: usize,
    rows: usize,
    start: usize,
}

impl PassSequence {
    fn end(&self) -> usize {
        self.cached + self.rows
    }
}

impl BatchedAttention {
    /// A pass of `rows` new positions each in slots of which `cached` has index and cached positions.
    pub(super) fn new(slots: SharedSlots, cached: &[(usize, usize)], rows: &[usize], backbone: &Backbone) -> Self {
        let sequences = pass_sequences(cached, rows);
        let (device, config) = (&backbone.device, &backbone.config);
        let positions: Vec<(usize, usize)> =
            sequences.iter().flat_map(|of| (of.cached..of.end()).map(|at| (of.slot, at))).collect();
        let mut guard = slots.lock();
        guard.reserve(sequences.iter().map(PassSequence::end).max().unwrap_or(0));
        let indices = guard.indices(positions.iter().copied());
        drop(guard);
        let at: Vec<usize> = positions.into_iter().map(|(_, at)| at).collect();
        let (together, alone) = partition(&sequences);
        let has_global = config.layer_attention.iter().any(|layer| layer.window.is_none());
        let windows = [has_global.then_some(usize::MAX), config.window()];
        let rows = |p: &PassSequence| p.start as u32..(p.start + p.rows) as u32;
        let order: Vec<u32> = together.iter().chain(&alone).flat_map(rows).collect();
        let mut groups: Vec<AttentionGroup> =
            alone.iter().map(|sequence| AttentionGroup::alone(sequence, windows, device)).collect();
        if !together.is_empty() {
            groups.insert(0, AttentionGroup::together(&together, windows, device));
        }
        Self {
            tables: backbone.frequencies.map(|of| RotaryTables::new(&at, of, device)),
            indices,
            groups,
            order: (!order.is_sorted()).then(|| ints(&inverse(&order), device)),
            heads: [config.heads, config.kv_heads],
            width: config.head_dim,
            scale: config.attention_scale,
            layers: config.layer_attention.clone(),
            slots,
        }
    }

    /// Attends with queries, keys and values `[rows, heads · head_dim]` of one layer, after writing the last two to the
    /// caches: `[rows, heads · head_dim]`.
    pub(super) fn attend(&self, [q, k, v]: [Tensor<2>; 3], layer: usize) -> Tensor<2> {
        let [heads, kv_heads] = self.heads;
        let split = |x: Tensor<2>, heads: usize| {
            let rows = x.dims()[0];
            x.reshape([rows, heads, self.width])
        };
        let LayerAttention { window, rotation } = self.layers[layer];
        let tables = self.tables.get(rotation);
        let rotated = |x: Tensor<3>| match tables {
            Some(tables) => tables.rotate(x),
            None => x,
        };
        let q = rotated(split(q, heads)) * self.scale;
        let k = rotated(split(k, kv_heads));
        let mut slots = self.slots.lock();
        slots.write(layer, [k, split(v, kv_heads)], &self.indices);
        let mut parts: Vec<_> = self
            .groups
            .iter()
            .map(|group| group.attend(q.clone(), layer, window.is_some(), &slots, kv_heads))
            .collect();
        let all = if parts.len() == 1 { parts.remove(0) } else { Tensor::cat(parts, 0) };
        match &self.order {
            Some(order) => all.select(0, order.clone()),
            None => all,
        }
    }
}

impl AttentionGroup {
    /// Sequences of one row each, in one product over every slot from the first to the last of theirs.
    fn together(sequences: &[PassSequence], windows: [Option<usize>; 2], device: &Device) -> Self {
        let first = sequences.iter().map(|of| of.slot).min().unwrap_or(0);
        let slots = first..sequences.iter().map(|of| of.slot + 1).max().unwrap_or(0);
        let len = sequences.iter().map(PassSequence::end).max().unwrap_or(0);
        let mut queries = vec![sequences[0].start; slots.len()];
        sequences.iter().for_each(|sequence| queries[sequence.slot - first] = sequence.start);
        // Idle slots attend to everything; nobody looks at what they get.
        let mut ends = vec![len; slots.len()];
        sequences.iter().for_each(|sequence| ends[sequence.slot - first] = sequence.end());
        let selected: Vec<usize> = sequences.iter().map(|sequence| sequence.slot - first).collect();
        let all = selected.iter().copied().eq(0..slots.len());
        Self {
            len,
            rows: 1,
            queries: if queries.is_sorted() && all && queries[0] + queries.len() == queries[queries.len() - 1] + 1 {
                GroupRows::Range(queries[0]..queries[0] + queries.len())
            } else {
                GroupRows::Indices(ints(&queries, device))
            },
            masks: windows.map(|window| attention_mask(&ends, window?, [slots.len(), 1, 1, len], device)),
            selected: (!all).then(|| ints(&selected, device)),
            slots,
        }
    }

    /// One sequence.
    fn alone(sequence: &PassSequence, windows: [Option<usize>; 2], device: &Device) -> Self {
        let &PassSequence { slot, cached, rows, start } = sequence;
        let ends: Vec<usize> = (cached + 1..=cached + rows).collect();
        Self {
            slots: slot..slot + 1,
            len: sequence.end(),
            rows,
            queries: GroupRows::Range(start..start + rows),
            masks: windows.map(|window| attention_mask(&ends, window?, [1, 1, rows, sequence.end()], device)),
            selected: None,
        }
    }

    /// Queries `[rows of the pass, heads, head_dim]` → `[rows of the group, heads · head_dim]`. Heads that share keys are laid
    /// along the rows, so that keys and values are never repeated.
    fn attend(&self, q: Tensor<3>, layer: usize, windowed: bool, slots: &Slots, kv_heads: usize) -> Tensor<2> {
        let [_, heads, width] = q.dims();
        let (count, group) = (self.slots.len(), heads / kv_heads);
        let q = match &self.queries {
            GroupRows::Range(range) => q.slice([range.clone(), 0..heads, 0..width]),
            GroupRows::Indices(rows) => q.select(0, rows.clone()),
        };
        let q = q.reshape([count, self.rows, heads, width]).swap_dims(1, 2);
        let q = q.reshape([count, kv_heads, group * self.rows, width]).cast(slots.dtype());
        let Some([keys, values]) = slots.read(layer, self.slots.clone(), self.len) else {
            return Tensor::zeros([count * self.rows, heads * width], &q.device());
        };
        let scores = q.matmul(keys.swap_dims(2, 3)).cast(FloatDType::F32);
        let scores = scores.reshape([count, heads, self.rows, self.len]);
        let scores = match &self.masks[usize::from(windowed)] {
            Some(mask) => scores + mask.clone(),
            None => scores,
        };
        let weights = activation::softmax(scores, 3).reshape([count, kv_heads, group * self.rows, self.len]);
        let attended = weights.cast(slots.dtype()).matmul(values).cast(FloatDType::F32);
        let attended = attended.reshape([count, heads, self.rows, width]).swap_dims(1, 2);
        let attended = attended.reshape([count * self.rows, heads * width]);
        match &self.selected {
            Some(selected) => attended.select(0, selected.clone()),
            None => attended,
        }
    }
}

fn pass_sequences(cached: &[(usize, usize)], rows: &[usize]) -> Vec<PassSequence> {
    let mut start = 0;
    let sequence = |(&(slot, cached), &rows): (&(usize, usize), &usize)| {
        start += rows;
        PassSequence { slot, cached, rows, start: start - rows }
    };
    cached.iter().zip(rows).map(sequence).collect()
}

/// The sequences of one row that attend together, unless most of the slots between them would be idle, and those that attend
/// alone.
fn partition(sequences: &[PassSequence]) -> (Vec<PassSequence>, Vec<PassSequence>) {
    let (single, more): (Vec<PassSequence>, Vec<PassSequence>) =
        sequences.iter().partition(|sequence| sequence.rows == 1);
    let slots = || single.iter().map(|sequence| sequence.slot);
    let spanned = slots().max().unwrap_or(0) + 1 - slots().min().unwrap_or(0);
    if single.len() > 1 && spanned <= 2 * single.len() { (single, more) } else { (Vec::new(), sequences.to_vec()) }
}

/// The inverse of a permutation.
pub(super) fn inverse(order: &[u32]) -> Vec<usize> {
    let mut inverse = vec![0; order.len()];
    order.iter().enumerate().for_each(|(at, &row)| inverse[row as usize] = at);
    inverse
}

/// Integers on a device.
pub(super) fn ints(values: &[usize], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = values.iter().map(|&value| value as i32).collect();
    Tensor::from_data(TensorData::from(values.as_slice()), device)
}

/// The mask of rows each of which attends to the last `window` positions before one of `ends`; `None` where all attend to everything.
fn attention_mask(ends: &[usize], window: usize, shape: [usize; 4], device: &Device) -> Option<AttentionMask> {
    let len = shape[3];
    if ends.iter().all(|&end| end == len && end <= window) {
        return None;
    }
    let row = |&end: &usize| {
        let attended = end.saturating_sub(window)..end;
        (0..len).map(move |at| if attended.contains(&at) { 0.0 } else { MASKED })
    };
    let mask: Vec<f32> = ends.iter().flat_map(row).collect();
    Some(Tensor::from_data(TensorData::new(mask, shape), device))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_of_one_row_go_together_where_their_slots_are_close() {
        let count = |cached: &[(usize, usize)], rows: &[usize]| {
            let (together, alone) = partition(&pass_sequences(cached, rows));
            (together.len(), alone.len())
        };
        assert_eq!(count(&[(0, 5), (1, 9), (2, 3)], &[1, 1, 1]), (3, 0));
        assert_eq!(count(&[(0, 5), (1, 9), (3, 3)], &[1, 7, 1]), (2, 1));
        assert_eq!(count(&[(0, 5), (9, 9)], &[1, 1]), (0, 2));
        assert_eq!(count(&[(4, 5)], &[1]), (0, 1));
    }

    #[test]
    fn inverses_undo() {
        assert_eq!(inverse(&[2, 0, 3, 1]), [1, 3, 0, 2]);
    }
}
