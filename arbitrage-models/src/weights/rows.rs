//! The rows of a matrix, in the order and the format in which a model keeps them.

use std::ops::Range;
use std::path::Path;

use arbitrage_core::text::excerpt;

use super::{DType, TensorView, dequantize_row, fit_row};
use crate::error::{Error, Result};

/// The rows of a matrix in a file, in the file's order or another, and in the file's format or a smaller one.
///
/// Rows are read one at a time, so a matrix is never in memory as a whole besides the mapped file.
///
/// They may be a part of the matrix: some rows that follow each other in the file.
///
/// # Shapes
/// `[len, cols]`, of the file's `[rows, cols]`.
#[derive(Debug, Clone)]
pub struct Rows<'a> {
    path: &'a Path,
    view: TensorView<'a>,
    cols: usize,
    /// The rows of the file that are taken.
    part: Range<usize>,
    /// Which row of the part comes next; `None` for the file's order.
    order: Option<Vec<u32>>,
    dtype: DType,
}

/// Working memory of [`Rows::read`], reused from row to row.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    values: Vec<f32>,
    bytes: Vec<u8>,
}

impl<'a> Rows<'a> {
    /// The file or folder that the tensor is in.
    pub fn path(&self) -> &'a Path {
        self.path
    }

    /// The tensor's name.
    pub fn name(&self) -> &'a str {
        self.view.name
    }

    /// All rows of `view`, a tensor of the file or folder `path`.
    ///
    /// # Errors
    /// [`Error::Format`] naming `path` and the tensor unless it has two dimensions, neither empty; [`Error::Parameter`] if
    /// shape and bytes disagree.
    pub fn of(path: &'a Path, view: TensorView<'a>) -> Result<Self> {
        view.count()?;
        let &[rows, cols] = view.shape else {
            return Err(Error::format(path, excerpt(view.name), "two dimensions", format!("{:?}", view.shape)));
        };
        if rows == 0 || cols == 0 {
            return Err(Error::format(path, excerpt(view.name), "rows and columns", format!("{:?}", view.shape)));
        }
        Ok(Self { path, view, cols, part: 0..rows, order: None, dtype: view.dtype })
    }

    /// The rows `part` of these, which are in the file's order.
    ///
    /// # Errors
    /// [`Error::Parameter`] for none, for rows that are not there, and for rows in another order.
    pub fn part(self, part: Range<usize>) -> Result<Self> {
        if part.is_empty() || part.end > self.part.len() || self.order.is_some() {
            let expected = format!("rows of the {}, in the file's order", self.part.len());
            return Err(Error::Parameter { name: "rows", expected, found: format!("{part:?}") });
        }
        let start = self.part.start;
        Ok(Self { part: start + part.start..start + part.end, ..self })
    }

    /// Reorders: row `i` becomes row `order[i]` of these in the file's order.
    ///
    /// # Errors
    /// [`Error::Parameter`] for an empty order, or a row that the file lacks.
    pub fn in_order(self, order: Vec<u32>) -> Result<Self> {
        let rows = self.part.len();
        match order.iter().find(|&&row| row as usize >= rows) {
            None if !order.is_empty() => Ok(Self { order: Some(order), ..self }),
            other => {
                let found = other.map_or_else(|| "none".to_owned(), u32::to_string);
                Err(Error::Parameter { name: "rows", expected: format!("rows below {rows}"), found })
            }
        }
    }

    /// Requantises rows that have more bits for each weight than `limit` to that format, with the scales of [`fit_row`]. If a row does not
    /// fill its blocks, [a format of smaller blocks](DType::for_columns) takes its place. Where there is none, or where it has no fewer bits
    /// than the file's format, rows stay as they are.
    pub fn at_most(self, limit: DType) -> Self {
        let smaller = limit.for_columns(self.cols).filter(|dtype| dtype.bits() < self.view.dtype.bits());
        Self { dtype: smaller.unwrap_or(self.view.dtype), ..self }
    }

    /// Number of rows, at least one.
    #[expect(clippy::len_without_is_empty, reason = "there is always at least one row")]
    pub fn len(&self) -> usize {
        self.order.as_ref().map_or(self.part.len(), Vec::len)
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The format in which rows are returned.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Whether rows are returned in the file's order and format.
    pub fn is_as_in_file(&self) -> bool {
        self.order.is_none() && !self.is_requantised()
    }

    /// Whether rows are returned in another format than the file's.
    pub fn is_requantised(&self) -> bool {
        self.dtype != self.view.dtype
    }

    /// Row `row`, in this format. Rows past the end are the last one.
    ///
    /// # Errors
    /// [`Error::NotFinite`] and [`Error::Format`], naming the tensor, for values that the format cannot hold; only if the format is not the
    /// file's.
    pub fn read<'s>(&'s self, row: usize, scratch: &'s mut Scratch) -> Result<&'s [u8]> {
        let bytes = self.stored(row);
        if !self.is_requantised() {
            return Ok(bytes);
        }
        scratch.values.resize(self.cols, 0.0);
        scratch.bytes.resize(self.dtype.row_bytes(self.cols).unwrap_or_default(), 0);
        dequantize_row(self.view.dtype, bytes, &mut scratch.values)?;
        fit_row(self.dtype, &scratch.values, &mut scratch.bytes).map_err(|error| self.invalid_value(error))?;
        Ok(&scratch.bytes)
    }

    /// Where the rows `rows` lie in the tensor's bytes, in the file's order.
    pub fn stored_bytes(&self, rows: Range<usize>) -> Range<usize> {
        let width = self.stored_row_bytes();
        (self.part.start + rows.start) * width..(self.part.start + rows.end) * width
    }

    /// All rows, unpacked to four bytes for each value.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn to_f32(&self) -> Result<Vec<f32>> {
        let mut values = vec![0.0; self.len() * self.cols];
        let mut scratch = Scratch::default();
        for (row, values) in values.chunks_exact_mut(self.cols).enumerate() {
            dequantize_row(self.dtype, self.read(row, &mut scratch)?, values)?;
        }
        Ok(values)
    }

    /// The file's bytes of row `row`.
    fn stored(&self, row: usize) -> &'a [u8] {
        let row = row.min(self.len() - 1);
        let row = self.part.start + self.order.as_ref().map_or(row, |order| order[row] as usize);
        let width = self.stored_row_bytes();
        &self.view.bytes[row * width..][..width]
    }

    fn stored_row_bytes(&self) -> usize {
        self.view.bytes.len() / self.view.shape[0]
    }

    /// The error for values that the format cannot hold. It names the first NaN or infinity of the whole tensor, whichever row was read
    /// first.
    fn invalid_value(&self, error: Error) -> Error {
        match (self.view.first_not_finite(), error) {
            (Ok(Some(index)), _) => Error::NotFinite {
                model: self.path.display().to_string(),
                place: format!("tensor `{}`", excerpt(self.view.name)),
                index,
            },
            (_, Error::Parameter { expected, found, .. }) => {
                Error::format(self.path, format!("tensor `{}`", excerpt(self.view.name)), expected, found)
            }
            (_, error) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(dtype: DType, rows: usize, cols: usize) -> Vec<u8> {
        let mut draw = arbitrage_core::Draw::new(4);
        let values: Vec<f32> = (0..rows * cols).map(|_| draw.uniform() as f32 - 0.5).collect();
        let mut bytes = vec![0; dtype.tensor_bytes(&[rows, cols]).unwrap()];
        super::super::quantize_row(dtype, &values, &mut bytes).unwrap();
        bytes
    }

    fn rows<'a>(dtype: DType, shape: &'a [usize], bytes: &'a [u8]) -> Rows<'a> {
        Rows::of("file".as_ref(), TensorView { name: "w", dtype, shape, bytes }).unwrap()
    }

    #[test]
    fn a_format_with_at_least_as_many_bits_changes_nothing() {
        for stored in DType::ALL {
            let (bytes, shape) = (bytes(stored, 3, 512), [3, 512]);
            for most in DType::ALL.into_iter().filter(|most| most.bits() >= stored.bits()) {
                let rows = rows(stored, &shape, &bytes).at_most(most);
                assert!(rows.is_as_in_file());
                let read: Vec<u8> =
                    (0..3).flat_map(|row| rows.read(row, &mut Scratch::default()).unwrap().to_vec()).collect();
                assert!(read == bytes, "{stored} at most {most}");
            }
        }
    }

    #[test]
    fn a_part_has_the_bytes_of_its_rows() {
        for stored in DType::ALL {
            let (bytes, shape) = (bytes(stored, 5, 512), [5, 512]);
            let width = bytes.len() / 5;
            let read = |rows: &Rows<'_>| -> Vec<u8> {
                (0..rows.len()).flat_map(|row| rows.read(row, &mut Scratch::default()).unwrap().to_vec()).collect()
            };
            let part = rows(stored, &shape, &bytes).part(1..4).unwrap();
            assert!(part.is_as_in_file() && part.len() == 3 && read(&part) == bytes[width..4 * width], "{stored}");
            assert_eq!(part.stored_bytes(0..3), width..4 * width);
            let inner = part.clone().part(1..3).unwrap();
            assert!(read(&inner) == bytes[2 * width..4 * width], "{stored}");
            let turned = part.clone().in_order(vec![2, 0]).unwrap();
            let expected = [&bytes[3 * width..4 * width], &bytes[width..2 * width]].concat();
            assert!(turned.len() == 2 && read(&turned) == expected, "{stored}");
            for wrong in [part.clone().part(0..4), part.clone().part(2..2), turned.part(0..1)] {
                assert!(matches!(wrong, Err(Error::Parameter { name: "rows", .. })));
            }
            assert!(part.in_order(vec![3]).is_err());
        }
    }

    #[test]
    fn each_row_is_requantised_by_itself() {
        let (bytes, shape) = (bytes(DType::F32, 5, 512), [5, 512]);
        let whole = rows(DType::F32, &shape, &bytes);
        let values = whole.to_f32().unwrap();
        for most in DType::ALL.into_iter().filter(|dtype| dtype.block_len() > 1) {
            let picked = whole.clone().at_most(most).in_order(vec![3, 0]).unwrap();
            assert_eq!((picked.dtype(), picked.len(), picked.is_as_in_file()), (most, 2, false));
            let mut expected = vec![0; most.row_bytes(512).unwrap()];
            for (row, from) in [(0, 3), (1, 0)] {
                fit_row(most, &values[from * 512..][..512], &mut expected).unwrap();
                assert_eq!(picked.read(row, &mut Scratch::default()).unwrap(), expected);
            }
        }
    }

    #[test]
    fn rows_that_fill_no_blocks_get_smaller_blocks_or_stay() {
        for (cols, most, expected) in [
            (96, DType::Q2K, DType::Iq4Nl),
            (96, DType::Q3K, DType::Iq4Nl),
            (96, DType::Iq4Xs, DType::Iq4Nl),
            (96, DType::Q4K, DType::Q4_0),
            (96, DType::Q5K, DType::Q5_0),
            (96, DType::Q6K, DType::Q8_0),
            (96, DType::Q8_0, DType::Q8_0),
            (40, DType::Q4_0, DType::F16),
        ] {
            let (bytes, shape) = (bytes(DType::F16, 2, cols), [2, cols]);
            assert_eq!(rows(DType::F16, &shape, &bytes).at_most(most).dtype(), expected, "{cols} {most}");
        }
    }

    #[test]
    fn values_that_a_format_cannot_hold_are_refused_with_the_tensors_name() {
        for (value, wanted) in [(f32::NAN, "not finite"), (f32::INFINITY, "not finite"), (1e5, "6.5504e4")] {
            let mut bytes = bytes(DType::F32, 4, 64);
            bytes[(64 + 7) * 4..][..4].copy_from_slice(&value.to_le_bytes());
            let rows = rows(DType::F32, &[4, 64], &bytes).at_most(DType::Q8_0);
            let error = rows.to_f32().unwrap_err();
            assert!(matches!(error, Error::NotFinite { index: 71, .. } | Error::Format { .. }));
            let text = error.to_string();
            assert!(text.contains("tensor `w`") && text.contains(wanted) && text.contains("file"), "{text}");
        }
    }

    #[test]
    fn rows_that_do_not_exist_are_refused() {
        let bytes = bytes(DType::F32, 4, 8);
        for order in [vec![], vec![0, 4]] {
            assert!(matches!(
                rows(DType::F32, &[4, 8], &bytes).in_order(order),
                Err(Error::Parameter { name: "rows", .. })
            ));
        }
        let view = TensorView { name: "w", dtype: DType::F32, shape: &[32], bytes: &bytes };
        assert!(matches!(Rows::of("file".as_ref(), view), Err(Error::Format { .. })));
    }
}
