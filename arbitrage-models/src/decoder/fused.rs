//! Packed linear layers, and the operations on them.
//!
//! Inside a pass they work on slices ([`products`]). What begins and ends at a tensor goes through burn's extension mechanism. Each
//! operation has a plain counterpart where it is called; tests compare the two.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{Bytes, DType, Shape, Tensor};

use super::rope::{ByRotation, RopeFrequencies};
use crate::config::{LayerAttention, ModelConfig};
use crate::error::Result;
use crate::kernels::{
    AttentionLayer, Heads, InstructionSet, KvCache, PackedMatrix, Pool, Product, ProductInput, Rotation, multiply,
};
use crate::profile::{Part, measure};
use crate::weights::Rows;

/// A linear layer with packed weights.
pub(super) struct PackedLinear {
    weight: PackedMatrix,
    bias: Option<Vec<f32>>,
    /// Which input each column of the weights is, if they are not in order.
    columns: Option<Vec<u32>>,
}

impl PackedLinear {
    /// Packs `rows`, `[out, in]`, whose columns are the inputs `columns`, or all in order. `packed` learns of the rows that are done, as in
    /// [`PackedMatrix::pack_rows_with`].
    pub(super) fn new(
        rows: &Rows<'_>,
        bias: Option<Vec<f32>>,
        columns: Option<&[u32]>,
        packed: impl FnMut(Range<usize>),
    ) -> Result<Self> {
        Ok(Self { weight: PackedMatrix::pack_rows_with(rows, packed)?, bias, columns: columns.map(<[u32]>::to_vec) })
    }

    /// The inputs in the order of the columns: `x`, `[rows, in]`, where they are in order.
    fn in_order<'x>(&self, x: &'x [f32]) -> Cow<'x, [f32]> {
        let Some(columns) = &self.columns else { return Cow::Borrowed(x) };
        let row = |x: &'x [f32]| columns.iter().map(move |&column| x[column as usize]);
        Cow::Owned(x.chunks_exact(columns.len()).flat_map(row).collect())
    }

    /// How the weights are stored.
    pub(super) fn dtype(&self) -> crate::weights::DType {
        self.weight.dtype()
    }

    /// Output features.
    pub(super) fn width(&self) -> usize {
        self.weight.rows()
    }

    /// Bytes that a pass reads.
    pub(super) fn bytes(&self) -> usize {
        self.weight.bytes()
    }
}

/// The sequences of a pass: their caches, rows, and rotary tables.
pub(super) struct AttentionBatch {
    pub caches: Vec<Arc<Mutex<KvCache>>>,
    pub rows: Vec<usize>,
    rotations: ByRotation<Rotation>,
    layers: Vec<LayerAttention>,
    pub heads: Heads,
}

impl AttentionBatch {
    /// A pass of `rows` new positions each after those in `caches`.
    pub(super) fn new(
        caches: Vec<Arc<Mutex<KvCache>>>,
        rows: &[usize],
        config: &ModelConfig,
        frequencies: &ByRotation<RopeFrequencies>,
    ) -> Self {
        let starts: Vec<usize> = caches.iter().map(|cache| lock(cache).len()).collect();
        let positions = || starts.iter().zip(rows).flat_map(|(&start, &rows)| start..start + rows);
        let tables = |of: &RopeFrequencies| Rotation::new(positions(), &of.radians, of.magnitude);
        let rotations = measure(Part::Rotary, || frequencies.map(tables));
        let heads =
            Heads { query: config.heads, kv: config.kv_heads, dim: config.head_dim, scale: config.attention_scale };
        Self { caches, rows: rows.to_vec(), rotations, layers: config.layer_attention.clone(), heads }
    }

    /// How layer `index` attends.
    pub(super) fn layer(&self, index: usize) -> AttentionLayer<'_> {
        let LayerAttention { window, rotation } = self.layers[index];
        AttentionLayer { index, rotation: self.rotations.get(rotation), window: window.unwrap_or(usize::MAX) }
    }
}

/// Locks a cache. After a panic elsewhere it can still be used: a pass that did not finish has not advanced it.
pub(super) fn lock(cache: &Mutex<KvCache>) -> MutexGuard<'_, KvCache> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

#[backend_extension(Flex)]
trait Fused: Backend {
    /// `x · Wᵀ + b`, `[rows, in]` → `[rows, out]`.
    fn fused_linear(x: FloatTensor<Self>, layer: Arc<PackedLinear>) -> FloatTensor<Self>;
}

impl Fused for Flex {
    fn fused_linear(x: FloatTensor<Self>, layer: Arc<PackedLinear>) -> FloatTensor<Self> {
        let x = x.to_contiguous();
        let mut out = Vec::new();
        let rows = products(Part::Head, values(&x), [&*layer], OutputLayout::SideBySide, &mut out);
        let shape = Shape::from([rows, layer.width()]);
        FlexTensor::new(Bytes::from_elems(out), Layout::contiguous(shape), DType::F32)
    }
}

/// Where the results of several layers go.
#[derive(Clone, Copy)]
pub(super) enum OutputLayout {
    /// `[rows, Σ out]`: all results of a row together.
    SideBySide,
    /// `[rows, out]` of each layer, one behind the other.
    Consecutive,
}

/// Products of one input, `[rows, in]`, with several layers, which replace what `out` holds. Returns the number of rows. The time is
/// counted as that of `part`, apart from the quantisation of the input.
pub(super) fn products<const N: usize>(
    part: Part,
    x: &[f32],
    layers: [&PackedLinear; N],
    layout: OutputLayout,
    out: &mut Vec<f32>,
) -> usize {
    let first = layers[0];
    let rows = x.len() / first.weight.cols();
    let all = AllResults { layout, rows, width: layers.iter().map(|layer| layer.width()).sum() };
    out.resize(rows * all.width, 0.0);
    if layers.iter().all(|layer| layer.columns == first.columns) {
        multiply_layers(part, &first.in_order(x), layers, &all, 0, out);
        return rows;
    }
    let mut at = 0;
    for layer in layers {
        multiply_layers(part, &layer.in_order(x), [layer], &all, at, out);
        at += layer.width();
    }
    rows
}

/// The results of several layers.
struct AllResults {
    layout: OutputLayout,
    rows: usize,
    /// Outputs of all layers.
    width: usize,
}

/// Products of `x`, whose columns are in the order of the layers', that begin at output `at` of all layers' together.
fn multiply_layers<const N: usize>(
    part: Part,
    x: &[f32],
    layers: [&PackedLinear; N],
    all: &AllResults,
    mut at: usize,
    out: &mut [f32],
) {
    let matrices = layers.map(|layer| &layer.weight);
    let weights: usize = matrices.iter().map(|matrix| matrix.rows() * matrix.cols()).sum();
    let in_bytes = matrices.iter().all(|matrix| matrix.is_integer());
    let (set, pool) = (InstructionSet::best(), Pool::for_products(weights * all.rows, in_bytes));
    let input = measure(Part::Quantisation, || ProductInput::new(set, pool, x, &matrices));
    let products = layers.map(|layer| {
        let (bias, columns) = (layer.bias.as_deref(), layer.weight.rows());
        let start = at;
        at += columns;
        match all.layout {
            OutputLayout::SideBySide => Product::new(&layer.weight, bias, out, all.width, start),
            OutputLayout::Consecutive => Product::new(&layer.weight, bias, &mut out[start * all.rows..], columns, 0),
        }
    });
    measure(part, || multiply(set, pool, &input, &products));
}

/// The values of a contiguous tensor.
fn values(x: &FlexTensor) -> &[f32] {
    let (start, len) = (x.layout().start_offset(), x.layout().num_elements());
    &x.storage::<f32>()[start..start + len]
}

/// `x · Wᵀ + b`, `[rows, in]` → `[rows, out]`.
pub(super) fn linear(x: Tensor<2>, layer: Arc<PackedLinear>) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as Fused>::fused_linear(x.into_dispatch(), layer))
}
