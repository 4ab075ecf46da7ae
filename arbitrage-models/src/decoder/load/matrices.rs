//! Loading of linear layers.

use std::ops::Range;
#[cfg(feature = "flex")]
use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};

use super::super::batched_attention::{ints, inverse};
#[cfg(feature = "flex")]
use super::super::fused::PackedLinear;
use super::super::linear::Linear;
use super::super::options::Precision;
use super::Loader;
use crate::error::Result;
use crate::weights::{RepackedTensor, Rows};

/// Where a matrix is.
pub(super) struct Place<'a> {
    /// What Hugging Face's names call the linear layer.
    #[cfg_attr(
        not(feature = "flex"),
        expect(dead_code, reason = "shared matrices, which are packed, are found by it")
    )]
    pub linear: &'a str,
    /// The tensor that holds it.
    pub tensor: &'a str,
    /// Its first byte in the tensor.
    pub start: usize,
}

/// A matrix and its bias, before they become linear layers.
pub(super) struct StoredLinear<'a> {
    /// The tensor's name.
    weight: &'a str,
    matrix: StoredMatrix<'a>,
    bias: Option<Vec<f32>>,
}

/// The numbers of a matrix.
enum StoredMatrix<'a> {
    /// As in the file.
    InFile(Rows<'a>),
    /// In a format that the file does not have.
    Repacked(RepackedTensor),
}

impl Loader<'_> {
    /// The order that puts the rows of `heads` heads into the rotate-half layout; `None` where they are in it.
    pub(super) fn row_order(&self, heads: usize) -> Option<Vec<u32>> {
        let dim = self.config.head_dim;
        self.source.rope_is_interleaved().then(|| rotate_half(heads * dim, dim))
    }

    /// The linear layer `name`, in the format that the options ask for: all rows, or those that `order` names.
    pub(super) fn linear(&self, name: &str, order: Option<Vec<u32>>) -> Result<Linear> {
        self.linear_of(&format!("{name}.weight"), &format!("{name}.bias"), order)
    }

    /// The linear layer of a matrix and, if it is there, a bias.
    pub(super) fn linear_of(&self, weight_name: &str, bias_name: &str, order: Option<Vec<u32>>) -> Result<Linear> {
        let stored = self.stored_linear(weight_name, bias_name)?;
        let linear = self.linear_of_rows(&stored, weight_name.trim_end_matches(".weight"), None, order)?;
        self.source.forget(weight_name);
        Ok(linear)
    }

    /// The matrix `weight`, and the bias `bias_name` if it is there.
    pub(super) fn stored_linear<'l>(&'l self, weight: &'l str, bias_name: &str) -> Result<StoredLinear<'l>> {
        let matrix = match self.source.repack(weight)? {
            Some(tensor) => StoredMatrix::Repacked(tensor),
            None => StoredMatrix::InFile(self.rows(weight)?),
        };
        let bias = self.source.get(bias_name)?.map(|bias| bias.to_f32()).transpose()?;
        Ok(StoredLinear { weight, matrix, bias })
    }

    /// The linear layer `linear` of the rows `part` of a stored matrix, or of all, in their order or that of `order`.
    pub(super) fn linear_of_rows(
        &self,
        stored: &StoredLinear<'_>,
        linear: &str,
        part: Option<Range<usize>>,
        order: Option<Vec<u32>>,
    ) -> Result<Linear> {
        let (rows, columns) = match &stored.matrix {
            StoredMatrix::InFile(rows) => (rows.clone(), None),
            StoredMatrix::Repacked(tensor) => {
                (Rows::of(self.source.path(), tensor.view(stored.weight))?, tensor.columns.as_deref())
            }
        };
        let part = part.unwrap_or(0..rows.len());
        let rows = self.smaller(rows.part(part.clone())?);
        let bias = stored.bias.as_ref().map(|bias| &bias[part]);
        let (rows, bias) = match order {
            Some(order) => {
                let bias = bias.map(|bias| order.iter().map(|&row| bias[row as usize]).collect());
                (rows.in_order(order)?, bias)
            }
            None => (rows, bias.map(<[f32]>::to_vec)),
        };
        self.linear_at(&Place { linear, tensor: stored.weight, start: 0 }, rows, bias, columns)
    }

    /// The linear layer of the rows at a place, in the form that the options ask for; `columns` tells which of the layer's inputs each
    /// column is, if they are not in order.
    pub(super) fn linear_at(
        &self,
        place: &Place<'_>,
        rows: Rows<'_>,
        bias: Option<Vec<f32>>,
        columns: Option<&[u32]>,
    ) -> Result<Linear> {
        #[cfg(feature = "flex")]
        if let Some(shared) = &self.options.shared
            && self.options.precision == Precision::Packed
            && let Some(packed) = shared.find(self.source.path(), place.linear, &rows)
        {
            self.options.report_loaded(rows.stored_bytes(0..rows.len()).len());
            return Ok(Linear::Packed(packed));
        }
        Ok(match self.options.precision {
            Precision::Plain | Precision::Half => {
                let matrix = self.matrix(&rows)?;
                let matrix = match columns {
                    Some(columns) => matrix.select(1, ints(&inverse(columns), &self.options.device)),
                    None => matrix,
                };
                let weight = matrix.transpose();
                self.loaded(place, rows.stored_bytes(0..rows.len()));
                Linear::Plain { weight, bias: bias.map(|bias| self.vector(bias)) }
            }
            #[cfg(feature = "flex")]
            Precision::Packed => {
                let packed = |part| self.loaded(place, rows.stored_bytes(part));
                Linear::Packed(Arc::new(PackedLinear::new(&rows, bias, columns, packed)?))
            }
        })
    }

    /// Releases the pages of a part of the matrix at `place` that is loaded, so that no more than it is in memory twice. Rows that are read in
    /// another order may come from the file once more.
    pub(super) fn loaded(&self, place: &Place<'_>, part: Range<usize>) {
        self.options.report_loaded(part.len());
        self.source.forget_part(place.tensor, place.start + part.start..place.start + part.end);
    }

    pub(super) fn rows(&self, name: &str) -> Result<Rows<'_>> {
        Rows::of(self.source.path(), self.view(name)?)
    }

    pub(super) fn smaller<'v>(&self, rows: Rows<'v>) -> Rows<'v> {
        self.options.weights.map_or(rows.clone(), |most| rows.at_most(most))
    }

    /// Rounded on this side, so that only what is kept is carried over.
    pub(super) fn matrix(&self, rows: &Rows<'_>) -> Result<Tensor<2>> {
        let data = TensorData::new(rows.to_f32()?, [rows.len(), rows.cols()]).convert_dtype(self.dtype.into());
        Ok(Tensor::from_data(data, (&self.options.device, self.dtype.into())))
    }
}

/// Which row of the file comes next where rows that were laid out for interleaved rotary pairs (GGUF files of the Llama
/// family) are put into rotate-half order: row `2j + t` of a head becomes row `t · head_dim / 2 + j`. Whole rows move, so
/// that quantised blocks stay as they are.
fn rotate_half(rows: usize, head_dim: usize) -> Vec<u32> {
    let half = head_dim / 2;
    let from = |row: usize| row / head_dim * head_dim + row % half * 2 + row % head_dim / half;
    (0..rows).map(|row| from(row) as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_interleaved_pairs_become_halves() {
        // Heads of four rows: pairs (0, 1) and (2, 3) → halves (0, 2) and (1, 3).
        assert_eq!(rotate_half(8, 4), [0, 2, 1, 3, 4, 6, 5, 7]);
    }
}
