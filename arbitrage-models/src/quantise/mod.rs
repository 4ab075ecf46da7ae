//! Writing a Hugging Face folder as one GGUF file with weights of 8 bits: language models and classifiers.
//!
//! What becomes of a tensor follows llama.cpp's converter: matrices become Q8_0, or F16 where their rows do not fill blocks of 32; norms and
//! biases are F32. A classifier's head is F32 too, since it is small and every output is its sum. The rows of queries and keys of the
//! architecture `llama` are put into the order of interleaved rotary pairs, which that architecture has in GGUF files.

mod metadata;
mod tensors;

use std::path::Path;

use crate::classifier::Classifier;
use crate::decoder::expected::is_tied;
use crate::error::{Error, Result};
use crate::files::ModelFiles;
use crate::tokenizer::{GgufVocabulary, Tokenizer};
use crate::weights::writer::GgufWriter;
use crate::weights::{DType, TensorView};
use tensors::QuantisedTensor;

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuantisedModel {
    /// Bytes of the tensors in the folder, those that are of no use included.
    pub bytes_before: usize,
    /// Bytes of the tensors in the file.
    pub bytes: usize,
    /// Matrices that became Q8_0.
    pub quantised: usize,
    /// Matrices that became F16, since their rows do not fill blocks of 32.
    pub kept: usize,
}

/// Writes the model of `folder`, with its tokenizer and chat template, as the GGUF file `out`, which is replaced if it is there.
///
/// The whole file is in memory before it is written.
///
/// # Errors
/// [`Error::NotConvertible`] for a configuration or vocabulary that a GGUF file cannot express; [`Error::Parameter`] for weights that are not finite or too
/// large; otherwise as [`LocalModel::open`](crate::LocalModel::open) and [`Classifier::open`].
pub fn quantise_folder(folder: impl AsRef<Path>, out: impl AsRef<Path>) -> Result<QuantisedModel> {
    let folder = folder.as_ref();
    if !folder.is_dir() {
        return Err(Error::format(folder, "file type", "a Hugging Face folder", "a file"));
    }
    let mut files = ModelFiles::open(folder)?;
    let is_classifier = Classifier::has_head(&files);
    if is_classifier {
        Classifier::check(&files)?;
    } else {
        files.check()?;
        files.config.tied = is_tied(files.weights.as_ref(), &files.config)?;
    }
    metadata::check(&files.config, folder)?;
    let vocabulary = GgufVocabulary::of_folder(folder)?;
    check_same(&files.tokenizer, &Tokenizer::from_gguf(vocabulary.clone())?)?;
    let tensors = tensors::quantise(&files, is_classifier)?;
    let mut writer = GgufWriter::new();
    for (key, value) in metadata::of(&files, folder, is_classifier)?.into_iter().chain(vocabulary.metadata()) {
        writer = writer.metadata(key, value);
    }
    for QuantisedTensor { name, dtype, shape, bytes } in &tensors {
        writer = writer.tensor(TensorView { name, dtype: *dtype, shape, bytes });
    }
    writer.write(out)?;
    Ok(summary(&files, &tensors))
}

/// Refuses a vocabulary that would be read differently from the file than from the folder.
fn check_same(folder: &Tokenizer, file: &Tokenizer) -> Result<()> {
    let sorted = |tokenizer: &Tokenizer| {
        let mut ends = tokenizer.eos_ids().to_vec();
        ends.sort_unstable();
        ends
    };
    let ids = 0..folder.vocab_size() as u32;
    let difference = folder
        .describe_difference(file)
        .or_else(|| (sorted(folder) != sorted(file)).then(|| "other tokens end a text".to_owned()))
        .or_else(|| (folder.bos() != file.bos()).then(|| "another token begins a prompt".to_owned()))
        .or_else(|| {
            let id = ids.into_iter().find(|&id| folder.is_special(id) != file.is_special(id))?;
            Some(format!("token {id} is a control token in one of them only"))
        });
    let Some(difference) = difference else { return Ok(()) };
    let what = format!("the vocabulary would differ in a GGUF file: {difference}");
    let advice = "convert the folder with llama.cpp's convert_hf_to_gguf.py".to_owned();
    Err(Error::NotConvertible { path: folder.path().to_owned(), what, advice })
}

fn summary(files: &ModelFiles, tensors: &[QuantisedTensor]) -> QuantisedModel {
    let source = &files.weights;
    let before = source.names().iter().filter_map(|name| Some(source.get(name).ok()??.bytes.len())).sum();
    let count = |dtype: DType| tensors.iter().filter(|tensor| tensor.dtype == dtype).count();
    QuantisedModel {
        bytes_before: before,
        bytes: tensors.iter().map(|tensor| tensor.bytes.len()).sum(),
        quantised: count(DType::Q8_0),
        kept: count(DType::F16),
    }
}
