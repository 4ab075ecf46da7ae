//! One tensor as it is stored in its file.

use super::{DType, dequantize_row};
use crate::error::{Error, Result};

/// Values that are unpacked at a time when a tensor is scanned; a multiple of every block length.
const CHUNK: usize = 4096;

/// A tensor's description and its bytes, borrowed from the mapped file.
///
/// # Shapes
/// Row-major, outermost first: `[out, in]` for a linear layer, `[vocabulary, width]` for embeddings. A row (the last
/// dimension) is a whole number of blocks of [`dtype`](Self::dtype).
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    /// The tensor's Hugging Face name.
    pub name: &'a str,
    /// How the values are stored.
    pub dtype: DType,
    /// Row-major dimensions, outermost first.
    pub shape: &'a [usize],
    /// The stored values, little-endian, without any alignment.
    pub bytes: &'a [u8],
}

impl TensorView<'_> {
    /// Number of values.
    ///
    /// # Errors
    /// [`Error::Parameter`] if shape, type and bytes do not match; those of views from our readers always do.
    pub fn count(&self) -> Result<usize> {
        let values = self.shape.iter().try_fold(1usize, |count, dim| count.checked_mul(*dim));
        match values {
            Some(values) if self.dtype.tensor_bytes(self.shape) == Some(self.bytes.len()) => Ok(values),
            _ => Err(Error::Parameter {
                name: "tensor",
                expected: format!("as many bytes as {} {:?} takes", self.dtype, self.shape),
                found: format!("{} bytes", self.bytes.len()),
            }),
        }
    }

    /// All values, unpacked: four bytes each, in a new vector.
    ///
    /// # Errors
    /// As [`count`](Self::count).
    pub fn to_f32(&self) -> Result<Vec<f32>> {
        let mut values = vec![0.0; self.count()?];
        dequantize_row(self.dtype, self.bytes, &mut values)?;
        Ok(values)
    }

    /// Flat index of the first NaN or infinity. Reads every value, in a buffer of fixed size.
    ///
    /// # Errors
    /// As [`count`](Self::count).
    pub fn first_not_finite(&self) -> Result<Option<usize>> {
        self.count()?;
        let mut buffer = [0.0; CHUNK];
        let step = CHUNK / self.dtype.block_len() * self.dtype.block_bytes();
        for (chunk, bytes) in self.bytes.chunks(step).enumerate() {
            let values = &mut buffer[..bytes.len() / self.dtype.block_bytes() * self.dtype.block_len()];
            dequantize_row(self.dtype, bytes, values)?;
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                return Ok(Some(chunk * CHUNK + at));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::{DType, TensorView};

    fn le(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn unpacks_and_refuses_shapes_that_do_not_match() {
        let bytes = le(&[1.0, -2.0, 0.5, 4.0, 5.0, 6.0]);
        let view = TensorView { name: "w", dtype: DType::F32, shape: &[2, 3], bytes: &bytes };
        assert_eq!(view.to_f32().unwrap(), [1.0, -2.0, 0.5, 4.0, 5.0, 6.0]);
        for shape in [&[2, 2][..], &[7], &[usize::MAX, 2], &[]] {
            assert!(TensorView { shape, ..view }.to_f32().is_err(), "{shape:?}");
        }
    }

    #[test]
    fn finds_the_first_value_that_is_not_finite() {
        let mut values = vec![1.0; 10_000];
        let bytes = le(&values);
        let view = TensorView { name: "w", dtype: DType::F32, shape: &[100, 100], bytes: &bytes };
        assert_eq!(view.first_not_finite().unwrap(), None);
        (values[9_000], values[9_500]) = (f32::NEG_INFINITY, f32::NAN);
        let bytes = le(&values);
        assert_eq!(TensorView { bytes: &bytes, ..view }.first_not_finite().unwrap(), Some(9_000));
    }
}
