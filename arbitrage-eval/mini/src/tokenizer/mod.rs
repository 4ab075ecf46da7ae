//! The family's vocabulary, as a Hugging Face folder: [`write()`].
//!
//! It is a byte-level tokenizer with whole words instead of merges: the pre-tokenizer splits a text into pieces, and a piece is one
//! token where the vocabulary has it, or else one token for each of its bytes. A word includes the space before it and, before a number,
//! also the space after it. So ` She sells 12.` takes five tokens, and a digit is always the same token. Merges would need a token for
//! every prefix of every word.
//!
//! | ids | tokens |
//! |---|---|
//! | 0 | [`END`], the end of a text and padding |
//! | 1 to 256 | the bytes |
//! | from 257 | the pieces of the language, in the order of their bytes |

mod files;
mod pieces;

use std::collections::BTreeSet;
use std::path::Path;

use super::MiniError;
use super::language;
use pieces::pieces;

pub use files::{CHAT_TEMPLATE, PATTERN};

/// The token that ends a text, which also serves as padding.
pub const END: &str = "<|end|>";
/// The id of [`END`].
pub const END_ID: u32 = 0;

/// Text outside of the questions: every sign of a step, and the paper's annotation of the model that wrote it.
const STEP_SAMPLE: &str = "Model 0: 7 mod 7=7\n\nModel 1: 7=\\boxed{7}\n\nModel";

/// The bytes of every token by id: [`END`], the single bytes, and the pieces.
pub fn vocabulary() -> Vec<Vec<u8>> {
    let end = std::iter::once(END.as_bytes().to_vec());
    let bytes = (0..=u8::MAX).map(|byte| vec![byte]);
    end.chain(bytes).chain(words().into_iter().map(String::into_bytes)).collect()
}

/// Writes `tokenizer.json`, `tokenizer_config.json` and `generation_config.json` into `folder`, which is created where it does not exist.
/// The bytes of the files are always the same.
///
/// # Errors
/// [`MiniError::Write`] where the folder or a file cannot be written.
pub fn write(folder: impl AsRef<Path>) -> Result<(), MiniError> {
    let folder = folder.as_ref();
    std::fs::create_dir_all(folder).map_err(|source| MiniError::write(folder, source))?;
    for (name, text) in files::all(&vocabulary()) {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|source| MiniError::write(&path, source))?;
    }
    Ok(())
}

/// The distinct pieces of more than one byte.
fn words() -> BTreeSet<String> {
    let samples = language::samples();
    let texts = samples.iter().map(String::as_str).chain([STEP_SAMPLE]);
    texts.flat_map(pieces).filter(|piece| piece.len() > 1).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
