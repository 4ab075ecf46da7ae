//! The family's vocabulary, as a Hugging Face folder: [`write()`].
//!
//! Byte-level, with whole words instead of merges: the pre-tokenizer cuts a text into pieces, and a piece is one token if the
//! vocabulary has it, else it is spelt by its bytes. A word carries the space before it and, before a number, the one after it
//! too, so that ` She sells 12.` costs five tokens and a digit is always the same token. Merges would need a token for every
//! prefix of every word.
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

/// The token that ends a text, and pads.
pub const END: &str = "<|end|>";
/// The id of [`END`].
pub const END_ID: u32 = 0;

/// Marks beside the language of the questions: every sign of a step, and the paper's annotation of who wrote it.
const MARKS: &str = "Model 0: 7 mod 7=7\n\nModel 1: 7=\\boxed{7}\n\nModel";

/// What every token stands for, by id: [`END`], the bytes, then the pieces.
pub fn vocabulary() -> Vec<Vec<u8>> {
    let end = std::iter::once(END.as_bytes().to_vec());
    let bytes = (0..=u8::MAX).map(|byte| vec![byte]);
    end.chain(bytes).chain(words().into_iter().map(String::into_bytes)).collect()
}

/// Writes `tokenizer.json`, `tokenizer_config.json` and `generation_config.json` into `folder`, which is made if need be.
/// The same code writes the same bytes.
///
/// # Errors
/// [`MiniError::Write`] when the folder or a file cannot be written.
pub fn write(folder: impl AsRef<Path>) -> Result<(), MiniError> {
    let folder = folder.as_ref();
    std::fs::create_dir_all(folder).map_err(|source| MiniError::write(folder, source))?;
    for (name, text) in files::all(&vocabulary()) {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|source| MiniError::write(&path, source))?;
    }
    Ok(())
}

/// The pieces of more than one byte, each once.
fn words() -> BTreeSet<String> {
    let samples = language::samples();
    let texts = samples.iter().map(String::as_str).chain([MARKS]);
    texts.flat_map(pieces).filter(|piece| piece.len() > 1).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
