//! The packed and fused operations, behind burn's extension mechanism.
//!
//! Each has a plain counterpart where it is called; tests compare the two.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{Bytes, DType, Shape, Tensor};

use crate::config::ModelConfig;
use crate::error::Result;
use crate::kernels::{
    Heads, InstructionSet, KvCache, PackedMatrix, Pool, Product, ProductInput, Rotation, attend as kernel_attend,
};
use crate::kernels::{multiply, rms_norm as kernel_rms_norm, swiglu};
use crate::weights::Rows;

/// A linear layer with packed weights.
pub(super) struct PackedLinear {
    weight: PackedMatrix,
    bias: Option<Vec<f32>>,
}

impl PackedLinear {
    /// Packs `rows`, `[out, in]`. `packed` learns of the rows that are done, as in [`PackedMatrix::pack_rows_with`].
    pub(super) fn new(rows: &Rows<'_>, bias: Option<Vec<f32>>, packed: impl FnMut(Range<usize>)) -> Result<Self> {
        Ok(Self { weight: PackedMatrix::pack_rows_with(rows, packed)?, bias })
    }

    /// How the weights are stored.
    pub(super) fn dtype(&self) -> crate::weights::DType {
        self.weight.dtype()
    }

    /// Bytes that a pass reads.
    pub(super) fn bytes(&self) -> usize {
        self.weight.bytes()
    }
}

/// The sequences of a pass: their caches, rows, and rotary tables.
pub(super) struct AttentionBatch {
    caches: Vec<Arc<Mutex<KvCache>>>,
    rows: Vec<usize>,
    rotation: Rotation,
    heads: Heads,
}

impl AttentionBatch {
    /// A pass of `rows` new positions each after those in `caches`.
    pub(super) fn new(
        caches: Vec<Arc<Mutex<KvCache>>>,
        rows: &[usize],
        config: &ModelConfig,
        frequencies: &[f64],
    ) -> Self {
        let starts: Vec<usize> = caches.iter().map(|cache| lock(cache).len()).collect();
        let positions = starts.iter().zip(rows).flat_map(|(&start, &rows)| start..start + rows);
        let rotation = Rotation::new(positions, frequencies);
        let heads = Heads { query: config.heads, kv: config.kv_heads, dim: config.head_dim };
        Self { caches, rows: rows.to_vec(), rotation, heads }
    }
}

/// Locks a cache. After a panic elsewhere it can still be used: a pass that did not finish has not advanced it.
pub(super) fn lock(cache: &Mutex<KvCache>) -> MutexGuard<'_, KvCache> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

#[backend_extension(Flex)]
trait Fused: Backend {
    /// Results of all layers side by side, `[rows, in]` → `[rows, Σ out]`.
    fn fused_linear(x: FloatTensor<Self>, layers: Vec<Arc<PackedLinear>>) -> FloatTensor<Self>;
    /// `silu(x · Gᵀ) ⊙ (x · Uᵀ)`.
    fn fused_gated(x: FloatTensor<Self>, gate: Arc<PackedLinear>, up: Arc<PackedLinear>) -> FloatTensor<Self>;
    /// `x / sqrt(mean(x²) + ε) · w`.
    fn fused_rms_norm(x: FloatTensor<Self>, weight: Arc<[f32]>, epsilon: f32) -> FloatTensor<Self>;
    /// `[rows, (query + 2 · kv) · dim]` → `[rows, query · dim]`, appending to the caches.
    fn fused_attend(qkv: FloatTensor<Self>, layer: usize, batch: Arc<AttentionBatch>) -> FloatTensor<Self>;
}

impl Fused for Flex {
    fn fused_linear(x: FloatTensor<Self>, layers: Vec<Arc<PackedLinear>>) -> FloatTensor<Self> {
        let x = x.to_contiguous();
        let layers: Vec<&PackedLinear> = layers.iter().map(Arc::as_ref).collect();
        let (out, rows) = products(values(&x), &layers, OutputLayout::SideBySide);
        tensor(out, rows)
    }

    fn fused_gated(x: FloatTensor<Self>, gate: Arc<PackedLinear>, up: Arc<PackedLinear>) -> FloatTensor<Self> {
        let x = x.to_contiguous();
        let (mut out, rows) = products(values(&x), &[&gate, &up], OutputLayout::Consecutive);
        let (gated, up) = out.split_at_mut(rows * gate.weight.rows());
        swiglu(InstructionSet::best(), Pool::global(), gated, up);
        out.truncate(rows * gate.weight.rows());
        tensor(out, rows)
    }

    fn fused_rms_norm(x: FloatTensor<Self>, weight: Arc<[f32]>, epsilon: f32) -> FloatTensor<Self> {
        let x = x.to_contiguous();
        let out = kernel_rms_norm(InstructionSet::best(), Pool::global(), values(&x), &weight, epsilon);
        let rows = out.len() / weight.len();
        tensor(out, rows)
    }

    fn fused_attend(qkv: FloatTensor<Self>, layer: usize, batch: Arc<AttentionBatch>) -> FloatTensor<Self> {
        let qkv = qkv.to_contiguous();
        let mut guards: Vec<_> = batch.caches.iter().map(|cache| lock(cache)).collect();
        let mut caches: Vec<_> = guards.iter_mut().map(|guard| &mut **guard).zip(batch.rows.iter().copied()).collect();
        let (set, pool) = (InstructionSet::best(), Pool::global());
        let out = kernel_attend(set, pool, values(&qkv), batch.heads, &batch.rotation, &mut caches, layer);
        tensor(out, batch.rows.iter().sum())
    }
}

/// Where the results of several layers go.
#[derive(Clone, Copy)]
enum OutputLayout {
    /// `[rows, Σ out]`: all results of a row together.
    SideBySide,
    /// `[rows, out]` of each layer, one behind the other.
    Consecutive,
}

/// Products of one input with several layers, and the number of rows.
fn products(x: &[f32], layers: &[&PackedLinear], layout: OutputLayout) -> (Vec<f32>, usize) {
    let (set, pool) = (InstructionSet::best(), Pool::global());
    let matrices: Vec<&PackedMatrix> = layers.iter().map(|layer| &layer.weight).collect();
    let input = ProductInput::new(set, pool, x, &matrices);
    let rows = input.rows();
    let width: usize = matrices.iter().map(|matrix| matrix.rows()).sum();
    let mut out = vec![0.0; rows * width];
    let mut at = 0;
    let mut products = Vec::with_capacity(layers.len());
    for layer in layers {
        let (bias, columns) = (layer.bias.as_deref(), layer.weight.rows());
        products.push(match layout {
            OutputLayout::SideBySide => Product::new(&layer.weight, bias, &mut out, width, at),
            OutputLayout::Consecutive => Product::new(&layer.weight, bias, &mut out[at * rows..], columns, 0),
        });
        at += columns;
    }
    multiply(set, pool, &input, &products);
    drop(products);
    (out, rows)
}

/// The values of a contiguous tensor.
fn values(x: &FlexTensor) -> &[f32] {
    let (start, len) = (x.layout().start_offset(), x.layout().num_elements());
    &x.storage::<f32>()[start..start + len]
}

/// A tensor `[rows, values / rows]`.
fn tensor(values: Vec<f32>, rows: usize) -> FlexTensor {
    let shape = Shape::from([rows, values.len() / rows.max(1)]);
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(shape), DType::F32)
}

/// `x · Wᵀ + b`, `[rows, in]` → `[rows, out]`.
pub(super) fn linear(x: Tensor<2>, layer: Arc<PackedLinear>) -> Tensor<2> {
    project(x, vec![layer])
}

/// The results of several layers side by side, which share one pass over their input.
pub(super) fn project(x: Tensor<2>, layers: Vec<Arc<PackedLinear>>) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as Fused>::fused_linear(x.into_dispatch(), layers))
}

/// SwiGLU's inner half.
pub(super) fn gated(x: Tensor<2>, gate: Arc<PackedLinear>, up: Arc<PackedLinear>) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as Fused>::fused_gated(x.into_dispatch(), gate, up))
}

/// RMSNorm of each row.
pub(super) fn rms_norm(x: Tensor<2>, weight: Arc<[f32]>, epsilon: f32) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as Fused>::fused_rms_norm(x.into_dispatch(), weight, epsilon))
}

/// Rotary encoding, append, attention.
pub(super) fn attend(qkv: Tensor<2>, layer: usize, batch: Arc<AttentionBatch>) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as Fused>::fused_attend(qkv.into_dispatch(), layer, batch))
}
