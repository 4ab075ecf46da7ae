//! Attention by burn operations, on any device.

use burn::tensor::{Device, FloatDType, Int, Tensor, TensorData, activation};

use super::body::Body;
use super::rope::Tables;
use super::slots::{SharedSlots, Slots};

/// What hides a position: the least finite f16, since an infinity would make `∞ − ∞` of a row that sees nothing.
const HIDDEN: f32 = -65504.0;

/// The sequences of a pass, and what depends on their places alone: made once, used by every layer.
pub(super) struct PlainPass {
    slots: SharedSlots,
    tables: Tables,
    /// Where each row's keys and values go.
    places: Tensor<2, Int>,
    groups: Vec<Group>,
    /// Which row of the groups' results, laid one after the other, is which of the pass; `None` where they are in order.
    order: Option<Tensor<1, Int>>,
    heads: [usize; 2],
    width: usize,
}

/// Rows that attend together.
struct Group {
    /// Whose keys and values.
    slots: std::ops::Range<usize>,
    /// How many of them.
    len: usize,
    /// Rows a slot.
    rows: usize,
    /// The pass's rows, slot by slot.
    from: Picked,
    /// 0 where a row may look, [`HIDDEN`] where not, `[slots, 1, rows, len]`; `None` where all may look everywhere.
    mask: Option<Tensor<4>>,
    /// Rows of the result that are wanted, where some slots had none of their own.
    back: Option<Tensor<1, Int>>,
}

/// Rows of a tensor.
#[allow(clippy::large_enum_variant, reason = "there is one of them a group")]
enum Picked {
    Range(std::ops::Range<usize>),
    Each(Tensor<1, Int>),
}

/// One sequence: its slot, what it holds, its new rows, and the first of them in the pass.
#[derive(Clone, Copy)]
struct Place {
    slot: usize,
    held: usize,
    rows: usize,
    start: usize,
}

impl Place {
    fn end(&self) -> usize {
        self.held + self.rows
    }
}

impl PlainPass {
    /// A pass of `rows` new positions each in slots that hold so much.
    pub fn new(slots: SharedSlots, held: &[(usize, usize)], rows: &[usize], body: &Body) -> Self {
        let places = placed(held, rows);
        let (device, config) = (&body.device, &body.config);
        let positions: Vec<(usize, usize)> =
            places.iter().flat_map(|place| (place.held..place.end()).map(|at| (place.slot, at))).collect();
        let mut guard = slots.lock();
        guard.reserve(places.iter().map(Place::end).max().unwrap_or(0));
        let scattered = guard.places(positions.iter().copied());
        drop(guard);
        let at: Vec<usize> = positions.into_iter().map(|(_, at)| at).collect();
        let (together, alone) = share_out(&places);
        let order: Vec<usize> = together.iter().chain(&alone).flat_map(|p| p.start..p.start + p.rows).collect();
        let mut groups: Vec<Group> = alone.iter().map(|place| Group::alone(place, device)).collect();
        if !together.is_empty() {
            groups.insert(0, Group::together(&together, device));
        }
        Self {
            tables: Tables::new(&at, &body.frequencies, device),
            places: scattered,
            groups,
            order: (!order.is_sorted()).then(|| ints(&inverse(&order), device)),
            heads: [config.heads, config.kv_heads],
            width: config.head_dim,
            slots,
        }
    }

    /// Attends with queries, keys and values `[rows, heads · head_dim]` of one layer, after writing the last two to the
    /// caches: `[rows, heads · head_dim]`.
    pub fn attend(&self, [q, k, v]: [Tensor<2>; 3], layer: usize) -> Tensor<2> {
        let [heads, kv_heads] = self.heads;
        let split = |x: Tensor<2>, heads: usize| {
            let rows = x.dims()[0];
            x.reshape([rows, heads, self.width])
        };
        let q = self.tables.turn(split(q, heads)) * (self.width as f64).powf(-0.5);
        let k = self.tables.turn(split(k, kv_heads));
        let mut slots = self.slots.lock();
        slots.write(layer, [k, split(v, kv_heads)], &self.places);
        let mut parts: Vec<_> =
            self.groups.iter().map(|group| group.attend(q.clone(), layer, &slots, kv_heads)).collect();
        let all = if parts.len() == 1 { parts.remove(0) } else { Tensor::cat(parts, 0) };
        match &self.order {
            Some(order) => all.select(0, order.clone()),
            None => all,
        }
    }
}

impl Group {
    /// Sequences of one row each, in one product over every slot from the first to the last of theirs.
    fn together(places: &[Place], device: &Device) -> Self {
        let first = places.iter().map(|place| place.slot).min().unwrap_or(0);
        let slots = first..places.iter().map(|place| place.slot + 1).max().unwrap_or(0);
        let len = places.iter().map(Place::end).max().unwrap_or(0);
        let mut from = vec![places[0].start; slots.len()];
        let mut mask = vec![0.0; slots.len() * len];
        for place in places {
            let at = place.slot - first;
            from[at] = place.start;
            mask[at * len + place.end()..(at + 1) * len].fill(HIDDEN);
        }
        let back: Vec<usize> = places.iter().map(|place| place.slot - first).collect();
        let whole = back.iter().copied().eq(0..slots.len());
        let level = places.iter().all(|place| place.end() == len);
        let mask = TensorData::new(mask, [slots.len(), 1, 1, len]);
        Self {
            len,
            rows: 1,
            from: if from.is_sorted() && whole && from[0] + from.len() == from[from.len() - 1] + 1 {
                Picked::Range(from[0]..from[0] + from.len())
            } else {
                Picked::Each(ints(&from, device))
            },
            mask: (!level).then(|| Tensor::from_data(mask, device)),
            back: (!whole).then(|| ints(&back, device)),
            slots,
        }
    }

    /// One sequence.
    fn alone(place: &Place, device: &Device) -> Self {
        Self {
            slots: place.slot..place.slot + 1,
            len: place.end(),
            rows: place.rows,
            from: Picked::Range(place.start..place.start + place.rows),
            mask: (place.rows > 1).then(|| causal_mask(place.held, place.rows, device)),
            back: None,
        }
    }

    /// Queries `[rows of the pass, heads, head_dim]` → `[rows of the group, heads · head_dim]`. Heads that share keys are laid
    /// along the rows, so that keys and values are never repeated.
    fn attend(&self, q: Tensor<3>, layer: usize, slots: &Slots, kv_heads: usize) -> Tensor<2> {
        let [_, heads, width] = q.dims();
        let (count, group) = (self.slots.len(), heads / kv_heads);
        let q = match &self.from {
            Picked::Range(range) => q.slice([range.clone(), 0..heads, 0..width]),
            Picked::Each(rows) => q.select(0, rows.clone()),
        };
        let q = q.reshape([count, self.rows, heads, width]).swap_dims(1, 2);
        let q = q.reshape([count, kv_heads, group * self.rows, width]).cast(slots.dtype());
        let Some([keys, values]) = slots.read(layer, self.slots.clone(), self.len) else {
            return Tensor::zeros([count * self.rows, heads * width], &q.device());
        };
        let scores = q.matmul(keys.swap_dims(2, 3)).cast(FloatDType::F32);
        let scores = scores.reshape([count, heads, self.rows, self.len]);
        let scores = match &self.mask {
            Some(mask) => scores + mask.clone(),
            None => scores,
        };
        let weights = activation::softmax(scores, 3).reshape([count, kv_heads, group * self.rows, self.len]);
        let attended = weights.cast(slots.dtype()).matmul(values).cast(FloatDType::F32);
        let attended = attended.reshape([count, heads, self.rows, width]).swap_dims(1, 2);
        let attended = attended.reshape([count * self.rows, heads * width]);
        match &self.back {
            Some(back) => attended.select(0, back.clone()),
            None => attended,
        }
    }
}

fn placed(held: &[(usize, usize)], rows: &[usize]) -> Vec<Place> {
    let mut start = 0;
    let place = |(&(slot, held), &rows): (&(usize, usize), &usize)| {
        start += rows;
        Place { slot, held, rows, start: start - rows }
    };
    held.iter().zip(rows).map(place).collect()
}

/// The sequences of one row that attend together, unless most of the slots between them would be idle, and those that attend
/// alone.
fn share_out(places: &[Place]) -> (Vec<Place>, Vec<Place>) {
    let (single, more): (Vec<Place>, Vec<Place>) = places.iter().partition(|place| place.rows == 1);
    let slots = || single.iter().map(|place| place.slot);
    let spanned = slots().max().unwrap_or(0) + 1 - slots().min().unwrap_or(0);
    if single.len() > 1 && spanned <= 2 * single.len() { (single, more) } else { (Vec::new(), places.to_vec()) }
}

/// Where each number of a permutation stands.
fn inverse(order: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; order.len()];
    order.iter().enumerate().for_each(|(at, &row)| inverse[row] = at);
    inverse
}

/// Integers on a device.
pub(super) fn ints(values: &[usize], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = values.iter().map(|&value| value as i32).collect();
    Tensor::from_data(TensorData::from(values.as_slice()), device)
}

/// `[1, 1, rows, held + rows]`: each row sees what is held, and the rows up to itself.
fn causal_mask(held: usize, rows: usize, device: &Device) -> Tensor<4> {
    let len = held + rows;
    let mask: Vec<f32> =
        (0..rows).flat_map(|row| (0..len).map(move |at| if at <= held + row { 0.0 } else { HIDDEN })).collect();
    Tensor::from_data(TensorData::new(mask, [1, 1, rows, len]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_of_one_row_go_together_where_their_slots_are_close() {
        let count = |held: &[(usize, usize)], rows: &[usize]| {
            let (together, alone) = share_out(&placed(held, rows));
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
