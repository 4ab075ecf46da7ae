//! Models, made smaller on request.

use std::path::Path;

use arbitrage_models::weights::DType;
use arbitrage_models::{LoadOptions, LocalModel, ModelFiles, device};
use clap::Args;

use crate::Failure;

/// How a model is made smaller as it is loaded.
#[derive(Args, Clone, Debug, Default)]
pub struct Lean {
    /// Requantises what has more bits a weight, such as q4_0.
    #[arg(long)]
    pub weights: Option<DType>,
    /// Keeps keys and values in 8 bits.
    #[arg(long)]
    pub int8_cache: bool,
}

/// Loads a GGUF file or a Hugging Face folder.
///
/// # Errors
/// Those of loading.
pub fn open(path: &Path, lean: &Lean) -> Result<LocalModel, Failure> {
    let files = ModelFiles::open(path)?;
    let mut load = LoadOptions::new(device("flex")?);
    if let Some(most) = lean.weights {
        load = load.with_weights(most);
    }
    if lean.int8_cache {
        load = load.with_int8_cache();
    }
    Ok(LocalModel::from_files(files, &load)?)
}
