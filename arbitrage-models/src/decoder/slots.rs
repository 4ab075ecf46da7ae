//! Keys and values of all sequences of a decoder, side by side in one tensor a layer.
//!
//! A pass of many sequences then is a pass of few operations: new rows of all of them are written at once, and sequences that
//! decode a token each attend in one batched product. On a device every operation is a launch, which costs as much as the
//! arithmetic of a row.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::tensor::{Device, FloatDType, IndexingUpdateOp, Int, Tensor, TensorData};

use crate::config::ModelConfig;

/// The least capacity of a slot, in tokens.
const MIN_CAPACITY: usize = 64;

/// `[slots, kv_heads, capacity, head_dim]` for keys and for values.
type KeysAndValues = [Tensor<4>; 2];

/// Keys and values of several sequences, in tensors that are preallocated, written in place and grown by doubling.
pub(super) struct Slots {
    layers: Vec<Option<KeysAndValues>>,
    free: BTreeSet<usize>,
    count: usize,
    /// Tokens a slot.
    capacity: usize,
    kv_heads: usize,
    width: usize,
    dtype: FloatDType,
    device: Device,
}

/// One sequence's slot. It is free again once this is dropped.
pub(super) struct Slot {
    pub slots: SharedSlots,
    pub index: usize,
}

/// Slots that a decoder and its caches share.
#[derive(Clone)]
pub(super) struct SharedSlots(Arc<Mutex<Slots>>);

impl SharedSlots {
    /// No slots yet, for a model of this shape.
    pub(super) fn new(config: &ModelConfig, dtype: FloatDType, device: &Device) -> Self {
        Self(Arc::new(Mutex::new(Slots {
            layers: vec![None; config.layers],
            free: BTreeSet::new(),
            count: 0,
            capacity: 0,
            kv_heads: config.kv_heads,
            width: config.head_dim,
            dtype,
            device: device.clone(),
        })))
    }

    /// Locks the slots. After a panic elsewhere they can still be used: a pass that panicked has not advanced its caches, so that
    /// what it wrote is overwritten.
    pub(super) fn lock(&self) -> MutexGuard<'_, Slots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A free slot, all zeros.
    pub(super) fn take(&self) -> Slot {
        Slot { slots: self.clone(), index: self.lock().take() }
    }

    /// Whether both are the same slots.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Slot {
    /// Another slot with the first `len` positions of this one.
    pub(super) fn copy(&self, len: usize) -> Self {
        let copy = self.slots.take();
        self.slots.lock().copy(self.index, copy.index, len);
        copy
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.lock().free.insert(self.index);
    }
}

impl Slots {
    /// The lowest free slot: those in use lie close together, so that products over all of them waste little. It is wiped: what
    /// a mask hides is multiplied by zero, which an infinity survives.
    fn take(&mut self) -> usize {
        if self.free.is_empty() {
            let more = (2 * self.count).max(1);
            self.free.extend(self.count..more);
            self.resize(more, self.capacity);
        } else if let Some(&slot) = self.free.first() {
            let whole = self.part(slot, self.capacity);
            self.for_each_layer(|pair| pair.map(|cached| cached.slice_fill(whole.clone(), 0.0)));
        }
        self.free.pop_first().unwrap_or_default()
    }

    /// Makes room for `len` tokens in every slot.
    pub(super) fn reserve(&mut self, len: usize) {
        if len > self.capacity {
            self.resize(self.count, len.next_power_of_two().max(MIN_CAPACITY));
        }
    }

    fn resize(&mut self, count: usize, capacity: usize) {
        let old_part = [0..self.count, 0..self.kv_heads, 0..self.capacity, 0..self.width];
        (self.count, self.capacity) = (count, capacity);
        let shape = [count, self.kv_heads, capacity, self.width];
        let empty = || Tensor::<4>::zeros(shape, (&self.device, self.dtype.into()));
        let grown = |old: Tensor<4>| empty().slice_assign(old_part.clone(), old);
        for layer in self.layers.iter_mut().filter(|_| count * capacity > 0) {
            *layer = Some(layer.take().map_or_else(|| [empty(), empty()], |pair| pair.map(grown)));
        }
    }

    fn copy(&mut self, from: usize, to: usize, len: usize) {
        let (from, to) = (self.part(from, len), self.part(to, len));
        self.for_each_layer(|pair| {
            pair.map(|cached| {
                let copied = cached.clone().slice(from.clone());
                cached.slice_assign(to.clone(), copied)
            })
        });
    }

    /// The first `len` positions of a slot.
    fn part(&self, slot: usize, len: usize) -> [Range<usize>; 4] {
        [slot..slot + 1, 0..self.kv_heads, 0..len, 0..self.width]
    }

    fn for_each_layer(&mut self, change: impl Fn(KeysAndValues) -> KeysAndValues) {
        for layer in &mut self.layers {
            *layer = layer.take().map(&change);
        }
    }

    /// Writes rows of keys and values, `[rows, kv_heads, head_dim]` each, to their [places](Self::indices). The tensors are
    /// moved through the operation, which makes it write in place.
    pub(super) fn write(&mut self, layer: usize, rows: [Tensor<3>; 2], indices: &Tensor<2, Int>) {
        let written = self.layers[layer].take().map(|pair| {
            let mut rows = rows.into_iter();
            pair.map(|cached| match rows.next() {
                Some(new) => self.assign(cached, new, indices.clone()),
                None => cached,
            })
        });
        self.layers[layer] = written;
    }

    fn assign(&self, cached: Tensor<4>, new: Tensor<3>, indices: Tensor<2, Int>) -> Tensor<4> {
        let [rows, heads, width] = new.dims();
        let new: Tensor<2> = new.reshape([rows * heads, width]).cast(self.dtype);
        cached.scatter_nd(indices, new, IndexingUpdateOp::Assign)
    }

    /// The indices of rows in a layer's tensors, `[rows · kv_heads, 3]`: slot, head and position, given slot and position.
    pub(super) fn indices(&self, rows: impl Iterator<Item = (usize, usize)>) -> Tensor<2, Int> {
        let heads = self.kv_heads;
        let indices: Vec<i32> = rows
            .flat_map(|(slot, at)| (0..heads).flat_map(move |head| [slot as i32, head as i32, at as i32]))
            .collect();
        let shape = [indices.len() / 3, 3];
        Tensor::from_data(TensorData::new(indices, shape), &self.device)
    }

    /// Keys and values of some slots' first `len` positions, `[slots, kv_heads, len, head_dim]`.
    pub(super) fn read(&self, layer: usize, slots: Range<usize>, len: usize) -> Option<KeysAndValues> {
        let part = [slots, 0..self.kv_heads, 0..len, 0..self.width];
        self.layers[layer].clone().map(|pair| pair.map(|cached| cached.slice(part.clone())))
    }

    /// The type in which keys and values are kept.
    pub(super) fn dtype(&self) -> FloatDType {
        self.dtype
    }
}
