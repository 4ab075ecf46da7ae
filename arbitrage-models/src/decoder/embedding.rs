//! Token embeddings, which may double as the head.

#[cfg(feature = "flex")]
use std::sync::Arc;

#[cfg(feature = "flex")]
use burn::tensor::TensorData;
use burn::tensor::{Device, FloatDType, Tensor};

use super::batched_attention::ints;
use crate::error::Result;
#[cfg(feature = "flex")]
use crate::weights::{DType, WeightSource, dequantize_row};

/// A table of `[vocabulary, hidden]`.
pub(super) enum Embedding {
    /// A burn tensor.
    Plain(Tensor<2>),
    /// Rows decoded from the mapped file as they are needed: the table itself is never loaded.
    #[cfg(feature = "flex")]
    Mapped(Mapped),
}

/// One tensor of a mapped file.
#[cfg(feature = "flex")]
pub(super) struct Mapped {
    pub source: Arc<dyn WeightSource>,
    pub name: String,
    pub hidden: usize,
    pub dtype: DType,
}

impl Embedding {
    /// Bytes of the table where it is the head too.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Plain(table) => table.dtype().size() * table.shape().num_elements(),
            #[cfg(feature = "flex")]
            Self::Mapped(_) => 0,
        }
    }

    /// `[ids, hidden]`, f32, by burn's operations. The ids lie in the vocabulary; the caller has checked.
    pub(super) fn look_up(&self, ids: &[u32], device: &Device) -> Result<Tensor<2>> {
        match self {
            Self::Plain(table) => {
                let ids: Vec<usize> = ids.iter().map(|&id| id as usize).collect();
                Ok(table.clone().select(0, ints(&ids, device)).cast(FloatDType::F32))
            }
            #[cfg(feature = "flex")]
            Self::Mapped(_) => {
                let mut values = Vec::new();
                self.decode(ids, &mut values)?;
                let width = values.len() / ids.len().max(1);
                Ok(Tensor::from_data(TensorData::new(values, [ids.len(), width]), device))
            }
        }
    }

    /// The rows of `ids`, `[ids, hidden]`, which replace what `out` holds. The ids lie in the vocabulary; the caller has checked.
    #[cfg(feature = "flex")]
    pub(super) fn decode(&self, ids: &[u32], out: &mut Vec<f32>) -> Result<()> {
        match self {
            Self::Plain(table) => {
                *out = super::values(self.look_up(ids, &table.device())?);
                Ok(())
            }
            Self::Mapped(mapped) => mapped.decode(ids, out),
        }
    }

    /// Scores every token: `hidden · Eᵀ`, `[rows, hidden]` → `[rows, vocabulary]`.
    pub(super) fn predict(&self, hidden: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Plain(table) => hidden.cast(table.dtype()).matmul(table.clone().transpose()).cast(FloatDType::F32),
            // The loader gives every packed model a head of its own.
            #[cfg(feature = "flex")]
            Self::Mapped(_) => hidden,
        }
    }
}

#[cfg(feature = "flex")]
impl Mapped {
    fn decode(&self, ids: &[u32], out: &mut Vec<f32>) -> Result<()> {
        let Some(view) = self.source.get(&self.name)? else {
            return Err(crate::error::Error::format(self.source.path(), &self.name, "a tensor", "no such tensor"));
        };
        let bytes_per_row = self.hidden / self.dtype.block_len() * self.dtype.block_bytes();
        out.resize(ids.len() * self.hidden, 0.0);
        ids.iter().zip(out.chunks_exact_mut(self.hidden)).try_for_each(|(&id, row)| {
            let bytes = &view.bytes[id as usize * bytes_per_row..][..bytes_per_row];
            dequantize_row(self.dtype, bytes, row)
        })
    }
}
