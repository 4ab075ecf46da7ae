//! Folders of safetensors whose matrices are quantised, in the ways that are read.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{Fp8Folder, Fp8Settings, Int4Folder, Int4Settings, SafetensorsFolder, WeightSource};
use crate::error::Result;

/// How the matrices of a folder are quantised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderQuantisation {
    /// To 4 bits, by GPTQ or AWQ.
    Int4(Int4Settings),
    /// To floats of 8 bits.
    Fp8(Fp8Settings),
}

impl FolderQuantisation {
    /// What a `config.json` says; `None` where its weights are not quantised, or not in a way that is read.
    pub fn of_config(config: &Json) -> Option<Self> {
        let int4 = Int4Settings::of_config(config).map(Self::Int4);
        int4.or_else(|| Fp8Settings::of_config(config).map(Self::Fp8))
    }

    /// Its usual name: `GPTQ`, `AWQ` or `FP8`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int4(settings) => settings.name(),
            Self::Fp8(_) => "FP8",
        }
    }

    /// The tensors of `folder`, with each quantised matrix as one.
    ///
    /// # Errors
    /// As [`Int4Folder::new`].
    pub fn read(self, folder: SafetensorsFolder) -> Result<Arc<dyn WeightSource>> {
        Ok(match self {
            Self::Int4(settings) => Arc::new(Int4Folder::new(folder, settings)?),
            Self::Fp8(settings) => Arc::new(Fp8Folder::new(folder, settings)),
        })
    }
}
