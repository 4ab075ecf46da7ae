//! Checkpoints that GPTQ (Frantar et al., arXiv 2210.17323) and AWQ (Lin et al., arXiv 2306.00978) quantised to 4 bits.
//!
//! A matrix `X.weight`, `[out, in]`, is stored as `X.qweight` (eight numbers in each 32-bit word), `X.scales` and `X.qzeros`, of which every
//! group of inputs has its own: `weight = scale · (number − zero)`. [`Int4Folder`] presents each as one tensor of a block format, which has
//! the same numbers, zeros and scales: Q4_0 where every zero is 8, as in symmetric quantisation, otherwise [`DType::Int4`].
//!
//! GPTQ with "act order" (`desc_act`) gives the inputs of a group any place in the row; `X.g_idx` tells the group of each. Columns are then
//! repacked group by group, and [`RepackedTensor::columns`] tells where each comes from.

mod folder;
mod matrix;
mod settings;

pub use folder::Int4Folder;
pub use settings::Int4Settings;

use super::{DType, TensorView};

/// A matrix in a block format that was made of tensors in another one.
#[derive(Debug, Clone)]
pub struct RepackedTensor {
    /// Its format.
    pub dtype: DType,
    /// `[out, in]`.
    pub shape: Vec<usize>,
    /// Its blocks.
    pub bytes: Vec<u8>,
    /// For each of its columns, the column of the model's matrix that it is; `None` where they are in order.
    pub columns: Option<Vec<u32>>,
}

impl RepackedTensor {
    /// The tensor, with its columns in the order of its blocks.
    pub fn view<'a>(&'a self, name: &'a str) -> TensorView<'a> {
        TensorView { name, dtype: self.dtype, shape: &self.shape, bytes: &self.bytes }
    }
}
