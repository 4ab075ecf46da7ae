//! A folder of safetensors whose matrices are stored in floats of 8 bits, with each matrix as one tensor.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

use arbitrage_core::text::excerpt;

use super::Fp8Settings;
use super::matrix::Fp8Matrix;
use crate::error::{Error, Result};
use crate::weights::matrix_parts::{WEIGHT, field, is_part, part_name};
use crate::weights::safetensors::StoredTensor;
use crate::weights::{DType, RepackedTensor, SafetensorsFolder, TensorView, WeightSource};

const STORED: &str = "F8_E4M3";
/// What the name of a matrix's scales ends in, in different repositories.
const SCALES: [&str; 2] = [".weight_scale_inv", ".weight_scale"];
/// What the names of scales of activations end in, which are not rounded here.
const ACTIVATION_SCALES: [&str; 2] = [".input_scale", ".activation_scale"];

/// A checkpoint with floats of 8 bits, read as BF16. Tensors of other types are as in the folder.
#[derive(Debug)]
pub struct Fp8Folder {
    folder: SafetensorsFolder,
    settings: Fp8Settings,
    /// Matrices of 8 bits by name, with what [`WeightSource::get`] has made of them.
    matrices: HashMap<String, OnceLock<RepackedTensor>>,
}

impl Fp8Folder {
    /// Reads the tensors of `folder` by `settings`.
    pub fn new(folder: SafetensorsFolder, settings: Fp8Settings) -> Self {
        let is_matrix = |name: &String| {
            name.ends_with(WEIGHT) && folder.stored_tensor(name).is_some_and(|tensor| tensor.dtype == STORED)
        };
        let names = folder.names().into_iter().filter(is_matrix);
        let matrices = names.map(|name| (name, OnceLock::new())).collect();
        Self { folder, settings, matrices }
    }

    fn wrong<T>(&self, name: &str, expected: impl Into<String>, found: impl Into<String>) -> Result<T> {
        Err(Error::format(self.folder.path(), field(name), expected.into(), found.into()))
    }

    fn not_finite<T>(&self, name: &str, index: usize) -> Result<T> {
        Err(Error::NotFinite { model: self.folder.path().display().to_string(), place: field(name), index })
    }

    /// Outputs and inputs of the matrix `name`, with its numbers.
    fn size(&self, name: &str) -> Result<([usize; 2], StoredTensor<'_>)> {
        let Some(numbers) = self.folder.stored_tensor(name) else {
            return self.wrong(name, "a tensor", "no such tensor");
        };
        match numbers.shape {
            &[out, inputs] if out > 0 && inputs > 0 => Ok(([out, inputs], numbers)),
            shape => self.wrong(name, "two dimensions, neither empty", format!("{shape:?}")),
        }
    }

    /// The matrix `name`, whose tensors fit each other.
    fn matrix(&self, name: &str) -> Result<Fp8Matrix<'_>> {
        let ([out, inputs], numbers) = self.size(name)?;
        let [rows, columns] = self.settings.block.unwrap_or([out, inputs]);
        let block = [rows.min(out), columns.min(inputs)];
        let counts = [out.div_ceil(block[0]), inputs.div_ceil(block[1])];
        let scales = self.scales(name, counts)?;
        Ok(Fp8Matrix { out, inputs, numbers: numbers.bytes, block, scales })
    }

    /// The scales of the matrix `name`, all finite.
    fn scales(&self, name: &str, counts: [usize; 2]) -> Result<Vec<f32>> {
        let named = SCALES.map(|end| part_name(name, end));
        let [first, second] = &named;
        let own = match named.each_ref().map(|name| self.folder.stored_tensor(name).is_some()) {
            [true, false] => first,
            [false, true] => second,
            [true, true] => return self.wrong(first, format!("either this or `{}`", excerpt(second)), "both"),
            [false, false] => return self.wrong(first, format!("the scales of {}", field(name)), "no such tensor"),
        };
        self.check_scales(own, counts)?;
        let values = self.folder.get(own)?.map_or(Ok(Vec::new()), |view| view.to_f32())?;
        match values.iter().position(|scale| !scale.is_finite()) {
            Some(index) => self.not_finite(own, index),
            None => Ok(values),
        }
    }

    /// Refuses scales of another type than floats, or of another number than one for each block.
    fn check_scales(&self, name: &str, counts: [usize; 2]) -> Result<()> {
        let Some(scales) = self.folder.stored_tensor(name) else { return Ok(()) };
        let is_single = self.settings.block.is_none();
        let fits = if is_single { scales.shape.iter().all(|&dim| dim == 1) } else { scales.shape == counts };
        if fits && ["F32", "F16", "BF16"].contains(&scales.dtype) {
            return Ok(());
        }
        let shape = if is_single { "[]".to_owned() } else { format!("{counts:?}") };
        self.wrong(name, format!("F32 or BF16 of {shape}"), format!("{} of {:?}", scales.dtype, scales.shape))
    }

    fn dequantised(&self, name: &str) -> Result<RepackedTensor> {
        let matrix = self.matrix(name)?;
        match matrix.dequantised() {
            Ok(bytes) => {
                let shape = vec![matrix.out, matrix.inputs];
                Ok(RepackedTensor { dtype: DType::BF16, shape, bytes, columns: None })
            }
            Err(index) => self.not_finite(name, index),
        }
    }
}

impl WeightSource for Fp8Folder {
    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn names(&self) -> Vec<String> {
        let ends = [SCALES, ACTIVATION_SCALES].concat();
        self.folder.names().into_iter().filter(|name| !is_part(name, &ends, &self.matrices)).collect()
    }

    /// The tensor; a matrix of 8 bits stays in memory as BF16 from then on.
    fn get(&self, name: &str) -> Result<Option<TensorView<'_>>> {
        let Some((name, kept)) = self.matrices.get_key_value(name) else { return self.folder.get(name) };
        if kept.get().is_none() {
            let made = self.dequantised(name)?;
            let _ = kept.set(made); // another thread made the same
        }
        Ok(kept.get().map(|matrix| matrix.view(name)))
    }

    fn shape(&self, name: &str) -> Result<Option<Vec<usize>>> {
        match self.matrices.contains_key(name) {
            true => self.matrix(name).map(|matrix| Some(vec![matrix.out, matrix.inputs])),
            false => self.folder.shape(name),
        }
    }

    fn dtype(&self, name: &str) -> Result<Option<DType>> {
        match self.matrices.contains_key(name) {
            true => Ok(Some(DType::BF16)),
            false => self.folder.dtype(name),
        }
    }

    fn repack(&self, name: &str) -> Result<Option<RepackedTensor>> {
        self.matrices.contains_key(name).then(|| self.dequantised(name)).transpose()
    }

    fn forget(&self, name: &str) {
        self.folder.forget(name);
    }

    fn forget_part(&self, name: &str, part: Range<usize>) {
        // Bytes of a matrix that was made are not those of the file.
        if !self.matrices.contains_key(name) {
            self.folder.forget_part(name, part);
        }
    }
}
