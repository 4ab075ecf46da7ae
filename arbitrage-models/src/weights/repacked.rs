//! A matrix that is not as in its file.

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
