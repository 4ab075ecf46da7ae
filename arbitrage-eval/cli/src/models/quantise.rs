//! `arbitrage models quantise`: writes a Hugging Face folder as a GGUF file with weights of 8 bits.

use std::fs;
use std::io::Write;
use std::path::Path;

use arbitrage_models::quantise::quantise_folder;
use arbitrage_models::{Layout, ModelFiles};
use arbitrage_router::learned::CARD_FILE;

use super::size;
use crate::Failure;
use crate::cli::QuantiseOptions;
use crate::files::{create_folder, in_file};

/// Writes the file, and what belongs to it if it stands for a folder.
pub(super) fn run(options: &QuantiseOptions, out: &mut dyn Write) -> Result<(), Failure> {
    let (from, to) = (&options.folder, &options.out);
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_folder(parent)?;
    let written = quantise_folder(from, to)?;
    if to.ends_with(ModelFiles::GGUF_IN_FOLDER) {
        copy_cards(from, parent)?;
    }
    let (before, after) = (size(written.bytes_before as u64), size(written.bytes as u64));
    let kept = match written.kept {
        0 => String::new(),
        kept => format!(", {kept} in F16, since their rows do not fill blocks of 32"),
    };
    writeln!(out, "{}: {before} became {after}, {} matrices in Q8_0{kept}", to.display(), written.quantised)?;
    Ok(())
}

/// Copies what a folder says about a reward model or router into another one.
fn copy_cards(from: &Path, to: &Path) -> Result<(), Failure> {
    if from.canonicalize().ok() == to.canonicalize().ok() {
        return Ok(());
    }
    for name in [Layout::FILE, CARD_FILE] {
        let file = from.join(name);
        if file.is_file() {
            fs::copy(&file, to.join(name)).map_err(in_file(&file))?;
        }
    }
    Ok(())
}
