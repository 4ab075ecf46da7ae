//! GGUF files that hold something else than a whole language model.

use crate::error::{Error, Result};
use crate::weights::{Gguf, WeightSource as _};

/// Values of `general.type` and `general.architecture`: what the file is, and what to do.
const KINDS: [(&str, &str, &str); 8] = [
    (
        "adapter",
        "a LoRA adapter (general.type), not a whole model",
        "merge it into its base model with `llama-export-lora`",
    ),
    ("mmproj", "the vision part of a model (general.type)", "take the model's own file"),
    ("imatrix", "an importance matrix (general.type)", "take the model that it was made for"),
    ("vocab", "a vocabulary without weights (general.type)", "take the whole model"),
    ("controlvector", "a control vector (general.architecture)", "take the model that it was made for"),
    ("clip", "the vision part of a model (general.architecture)", "take the model's own file"),
    ("diffusion", "a model that makes images (general.type)", "take a language model"),
    ("vae", "a part of a model that makes images (general.type)", "take a language model"),
];

/// Refuses a file that says of itself that it is no whole language model.
///
/// # Errors
/// [`Error::NotAModel`] with what it is and what to do next.
pub(super) fn check(gguf: &Gguf) -> Result<()> {
    let value = |key: &str| gguf.str_of(key).ok();
    let (kind, family) = (value("general.type"), value("general.architecture"));
    let known = KINDS.iter().find(|(name, ..)| [kind, family].contains(&Some(*name)));
    if let Some((_, what, advice)) = known {
        return Err(Error::not_a_model(gguf.path(), *what, *advice));
    }
    if gguf.names().is_empty() {
        return Err(Error::not_a_model(gguf.path(), "a GGUF file without weights", "take the whole model"));
    }
    Ok(())
}
