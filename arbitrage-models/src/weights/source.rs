//! What every weight file provides, whatever its format.

use std::ops::Range;
use std::path::Path;

use super::{DType, RepackedTensor, TensorView};
use crate::error::{Error, Result};

/// A file or folder of named tensors.
pub trait WeightSource: Send + Sync {
    /// The file or folder, as error messages should name it.
    fn path(&self) -> &Path;

    /// Every tensor's Hugging Face name, in the order of the file. Names are unique.
    fn names(&self) -> Vec<String>;

    /// The tensor called `name`, or `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Format`] if the tensor is there but of a type that [`DType`](super::DType) does not have.
    fn get(&self, name: &str) -> Result<Option<TensorView<'_>>>;

    /// The shape of the tensor called `name`, or `None` if there is none; cheaper than [`get`](Self::get) where that has to make the tensor.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn shape(&self, name: &str) -> Result<Option<Vec<usize>>> {
        Ok(self.get(name)?.map(|tensor| tensor.shape.to_vec()))
    }

    /// The format in which the tensor called `name` is loaded, or `None` if there is none; cheaper than [`get`](Self::get) likewise.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn dtype(&self, name: &str) -> Result<Option<DType>> {
        Ok(self.get(name)?.map(|tensor| tensor.dtype))
    }

    /// The matrix called `name` if it is stored in a format that has to be repacked, made anew each time: what is kept of it is up to the
    /// caller.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn repack(&self, name: &str) -> Result<Option<RepackedTensor>> {
        let _ = name;
        Ok(None)
    }

    /// The name that the file itself has for the tensor of this Hugging Face name, for messages.
    fn name_in_file(&self, name: &str) -> String {
        name.to_owned()
    }

    /// Whether the rows of query and key projections are stored for rotary pairs of neighbours (see
    /// [`Gguf::rope_is_interleaved`](super::Gguf::rope_is_interleaved)) rather than for pairs of halves.
    fn rope_is_interleaved(&self) -> bool {
        false
    }

    /// Whether the matrices of all experts of a layer are one tensor, `[experts, out, in]`, rather than one each.
    fn experts_are_stacked(&self) -> bool {
        false
    }

    /// Whether factors of rotary frequencies are tensors, rather than numbers of the configuration.
    fn has_rope_factors(&self) -> bool {
        false
    }

    /// Releases the memory of the tensor's file pages once it was repacked, since pages that were read count as this process's memory. The
    /// tensor may be read again; it then comes from the file.
    fn forget(&self, name: &str) {
        let _ = name;
    }

    /// As [`forget`](Self::forget), of those pages only that lie completely inside the bytes `part` of the tensor.
    fn forget_part(&self, name: &str, part: Range<usize>) {
        let _ = (name, part);
    }
}

/// Reads every value of every tensor and refuses the first NaN or infinity.
///
/// Takes about as long as reading the files once, so loading does not do it by itself.
///
/// # Errors
/// [`Error::NotFinite`] naming the tensor and the flat index; whatever [`WeightSource::get`] gives.
pub fn scan_finite(source: &dyn WeightSource) -> Result<()> {
    for name in source.names() {
        let Some(tensor) = source.get(&name)? else { continue };
        if let Some(index) = tensor.first_not_finite()? {
            let model = source.path().display().to_string();
            return Err(Error::NotFinite {
                model,
                place: format!("tensor `{}`", arbitrage_core::text::excerpt(&source.name_in_file(&name))),
                index,
            });
        }
        source.forget(&name);
    }
    Ok(())
}
