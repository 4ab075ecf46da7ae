//! A folder of safetensors whose matrices are quantised to 4 bits, with each matrix as one tensor.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

use super::Int4Settings;
use super::matrix::{BLOCK, Int4Matrix, WORD};
use super::settings::Int4Method;
use crate::error::{Error, Result};
use crate::weights::matrix_parts::{WEIGHT, field, is_part, part_name};
use crate::weights::safetensors::StoredTensor;
use crate::weights::{DType, RepackedTensor, SafetensorsFolder, TensorView, WeightSource};

/// Ends of the names of a matrix's tensors: numbers, zeros, scales, and the groups of its columns.
const NUMBERS: &str = ".qweight";
const ZEROS: &str = ".qzeros";
const SCALES: &str = ".scales";
const GROUPS: &str = ".g_idx";

/// A checkpoint of GPTQ or AWQ, read as one of GGML's formats. Tensors that are not quantised are as in the folder.
#[derive(Debug)]
pub struct Int4Folder {
    folder: SafetensorsFolder,
    settings: Int4Settings,
    /// Quantised matrices by the name that they have here, with what [`WeightSource::get`] has made of them.
    matrices: HashMap<String, OnceLock<KeptMatrix>>,
}

/// A matrix that lies in memory, its columns in order.
#[derive(Debug)]
struct KeptMatrix {
    name: String,
    dtype: DType,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl KeptMatrix {
    fn view(&self) -> TensorView<'_> {
        TensorView { name: &self.name, dtype: self.dtype, shape: &self.shape, bytes: &self.bytes }
    }
}

impl Int4Folder {
    /// Reads the tensors of `folder` by `settings`.
    ///
    /// # Errors
    /// [`Error::Format`] for a matrix that is there both quantised and not.
    pub fn new(folder: SafetensorsFolder, settings: Int4Settings) -> Result<Self> {
        let names = folder.names();
        let stems = names.iter().filter_map(|name| name.strip_suffix(NUMBERS));
        let matrices: HashMap<String, _> = stems.map(|stem| (format!("{stem}{WEIGHT}"), OnceLock::new())).collect();
        if let Some(name) = names.iter().find(|name| matrices.contains_key(*name)) {
            let expected = "either weights or quantised weights";
            return Err(Error::format(folder.path(), field(name), expected, "both"));
        }
        Ok(Self { folder, settings, matrices })
    }

    /// The tensor of this end that belongs to the matrix `name`.
    fn part(&self, name: &str, end: &str) -> Option<StoredTensor<'_>> {
        self.folder.stored_tensor(&part_name(name, end))
    }

    /// The tensor of this end, of a type and a shape.
    fn expect(&self, name: &str, end: &str, types: &[&str], shape: &[usize]) -> Result<StoredTensor<'_>> {
        let of = |found: String| {
            let own = part_name(name, end);
            Error::format(self.folder.path(), field(&own), format!("{} of {shape:?}", types.join(" or ")), found)
        };
        let part = self.part(name, end).ok_or_else(|| of("no such tensor".to_owned()))?;
        if types.contains(&part.dtype) && part.shape == shape {
            return Ok(part);
        }
        Err(of(format!("{} of {:?}", part.dtype, part.shape)))
    }

    /// Outputs and inputs of the matrix `name`.
    fn size(&self, name: &str) -> Result<[usize; 2]> {
        let wrong = |expected: String, found: String| {
            Err(Error::format(self.folder.path(), field(&part_name(name, NUMBERS)), expected, found))
        };
        let Some(numbers) = self.part(name, NUMBERS) else {
            return wrong("a tensor".to_owned(), "no such tensor".to_owned());
        };
        let &[first, second] = numbers.shape else {
            return wrong("two dimensions".to_owned(), format!("{:?}", numbers.shape));
        };
        let [out, inputs] = match self.settings.method {
            Int4Method::Gptq { .. } => [second, first.saturating_mul(WORD)],
            Int4Method::Awq => [second.saturating_mul(WORD), first],
        };
        let group = self.settings.group.unwrap_or(inputs);
        let fits = numbers.dtype == "I32" && out > 0 && inputs > 0;
        if !fits || !out.is_multiple_of(WORD) || !inputs.is_multiple_of(BLOCK) || !group.is_multiple_of(BLOCK) {
            let expected =
                format!("I32, a multiple of {WORD} outputs, and of {BLOCK} inputs and inputs a group ({group} here)");
            return wrong(expected, format!("{} of {:?}", numbers.dtype, numbers.shape));
        }
        Ok([out, inputs])
    }

    /// The matrix `name`, whose tensors fit each other.
    fn matrix(&self, name: &str) -> Result<Int4Matrix<'_>> {
        let [out, inputs] = self.size(name)?;
        let group = self.settings.group.unwrap_or(inputs);
        let count = inputs.div_ceil(group);
        let numbers = self.part(name, NUMBERS).map_or(&[][..], |part| part.bytes.as_chunks::<4>().0);
        let zeros = self.expect(name, ZEROS, &["I32"], &[count, out / WORD])?;
        self.expect(name, SCALES, &["F16", "BF16", "F32"], &[count, out])?;
        let groups = self.groups(name, inputs, group, count)?;
        let mut columns: Vec<u32> = (0..inputs as u32).collect();
        columns.sort_by_key(|&column| groups[column as usize]);
        let shares_group = |block: &[u32]| block.iter().all(|&c| groups[c as usize] == groups[block[0] as usize]);
        if !columns.chunks_exact(BLOCK).all(shares_group) {
            let expected = format!("a multiple of {BLOCK} columns in each group");
            return Err(Error::format(self.folder.path(), field(&part_name(name, GROUPS)), expected, "other sizes"));
        }
        Ok(Int4Matrix {
            method: self.settings.method,
            out,
            inputs,
            numbers,
            zeros: zeros.bytes.as_chunks().0,
            scales: self.scales(name)?,
            columns,
            groups,
        })
    }

    /// The scales of the matrix `name`, all finite.
    fn scales(&self, name: &str) -> Result<Vec<f32>> {
        let own = part_name(name, SCALES);
        let view = self.folder.get(&own)?;
        let values = view.map_or(Ok(Vec::new()), |view| view.to_f32())?;
        match values.iter().position(|scale| !scale.is_finite()) {
            None => Ok(values),
            Some(index) => {
                let (model, place) = (self.folder.path().display().to_string(), field(&own));
                Err(Error::NotFinite { model, place, index })
            }
        }
    }

    /// The group of each column: by its place, or as the folder says.
    fn groups(&self, name: &str, inputs: usize, group: usize, count: usize) -> Result<Vec<u32>> {
        if self.part(name, GROUPS).is_none() {
            return Ok((0..inputs).map(|column| (column / group) as u32).collect());
        }
        let part = self.expect(name, GROUPS, &["I32"], &[inputs])?;
        let groups: Vec<u32> = part.bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        match groups.iter().find(|&&group| group as usize >= count) {
            None => Ok(groups),
            Some(found) => {
                let place = field(&part_name(name, GROUPS));
                Err(Error::format(self.folder.path(), place, format!("groups below {count}"), found.cast_signed()))
            }
        }
    }

    /// The matrix with its columns in order: in blocks where they are stored in order, else unpacked.
    fn in_order(&self, name: &str) -> Result<KeptMatrix> {
        let name = name.to_owned();
        let matrix = self.matrix(&name)?;
        if matrix.is_in_order() {
            let RepackedTensor { dtype, shape, bytes, .. } = matrix.repack();
            return Ok(KeptMatrix { name, dtype, shape, bytes });
        }
        let shape = vec![matrix.out, matrix.inputs];
        let bytes = matrix.dequantised().into_iter().flat_map(f32::to_le_bytes).collect();
        Ok(KeptMatrix { name, dtype: DType::F32, shape, bytes })
    }
}

impl WeightSource for Int4Folder {
    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn names(&self) -> Vec<String> {
        let names = self.folder.names().into_iter();
        let names = names.filter(|name| !is_part(name, &[ZEROS, SCALES, GROUPS], &self.matrices));
        names
            .map(|name| match name.strip_suffix(NUMBERS) {
                Some(stem) => format!("{stem}{WEIGHT}"),
                None => name,
            })
            .collect()
    }

    /// The tensor; a quantised matrix stays in memory from then on, and is unpacked where its columns are not in order.
    fn get(&self, name: &str) -> Result<Option<TensorView<'_>>> {
        let Some(kept) = self.matrices.get(name) else { return self.folder.get(name) };
        if kept.get().is_none() {
            let made = self.in_order(name)?;
            let _ = kept.set(made); // another thread made the same
        }
        Ok(kept.get().map(KeptMatrix::view))
    }

    fn shape(&self, name: &str) -> Result<Option<Vec<usize>>> {
        match self.matrices.contains_key(name) {
            true => self.matrix(name).map(|matrix| Some(vec![matrix.out, matrix.inputs])),
            false => self.folder.shape(name),
        }
    }

    fn dtype(&self, name: &str) -> Result<Option<DType>> {
        match self.matrices.contains_key(name) {
            true => self.matrix(name).map(|matrix| Some(matrix.dtype())),
            false => self.folder.dtype(name),
        }
    }

    fn repack(&self, name: &str) -> Result<Option<RepackedTensor>> {
        match self.matrices.contains_key(name) {
            true => self.matrix(name).map(|matrix| Some(matrix.repack())),
            false => Ok(None),
        }
    }

    fn forget(&self, name: &str) {
        match self.matrices.contains_key(name) {
            true => [NUMBERS, ZEROS, SCALES].iter().for_each(|end| self.folder.forget(&part_name(name, end))),
            false => self.folder.forget(name),
        }
    }

    fn forget_part(&self, name: &str, part: Range<usize>) {
        if !self.matrices.contains_key(name) {
            self.folder.forget_part(name, part);
        }
    }
}
