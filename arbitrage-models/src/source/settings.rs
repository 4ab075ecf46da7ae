//! Where models are kept and where they are downloaded from.

use std::env::{var, var_os};
use std::path::PathBuf;

use super::model_file::ModelFile;
use super::{HubModel, KnownModel, UserModel, hub_place, user_models};
use crate::error::{Error, Result};

/// Where models are kept and where they are downloaded from. [`SourceSettings::from_env`] reads the environment; a program that decides
/// by itself sets the fields.
#[derive(Clone, Debug)]
pub struct SourceSettings {
    /// The folder that models are kept in.
    pub cache: PathBuf,
    /// The user's own list of models, which need not be there.
    pub models: PathBuf,
    /// Whether the hub is asked what a revision is now, although it is recorded what it was.
    pub update: bool,
    /// Whether only the caches are searched and nothing is downloaded.
    pub offline: bool,
    /// The Python whose pip is used; `None` for the first of `python3` and `python` that has pip.
    pub python: Option<PathBuf>,
    /// The hub's address, without a slash at its end.
    pub hub: String,
    /// The cache of Hugging Face's own tools, which is read and never written.
    pub hub_cache: Option<PathBuf>,
}

impl SourceSettings {
    /// Models are kept in `cache`; the other fields are as when no variable is set, without a cache of Hugging Face's own tools.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        let hub = "https://huggingface.co".to_owned();
        let cache = cache.into();
        let models = cache.join("models.json");
        Self { cache, models, update: false, offline: false, python: None, hub, hub_cache: None }
    }

    /// Reads the environment variables that are listed [here](super).
    ///
    /// # Errors
    /// [`Error::Parameter`] when `ARBITRAGE_CACHE` is not set and the system has no cache folder for the user.
    pub fn from_env() -> Result<Self> {
        let set = |name: &str| var_os(name).filter(|value| !value.is_empty());
        let default_cache = || dirs::cache_dir().map(|folder| folder.join("arbitrage").join("models"));
        let cache = set("ARBITRAGE_CACHE").map(PathBuf::from).or_else(default_cache);
        let mut settings = Self::new(cache.ok_or_else(|| Error::Parameter {
            name: "ARBITRAGE_CACHE",
            expected: "a folder, since this system has no cache folder for the user".into(),
            found: "nothing".into(),
        })?);
        if let Some(models) = set("ARBITRAGE_MODELS") {
            settings.models = models.into();
        }
        settings.offline = set("ARBITRAGE_OFFLINE").is_some_and(|value| value != "0");
        settings.python = set("ARBITRAGE_PYTHON").map(PathBuf::from);
        if let Some(hub) = var("HF_ENDPOINT").ok().filter(|hub| !hub.is_empty()) {
            settings.hub = hub.trim_end_matches('/').to_owned();
        }
        let home = || set("HF_HOME").map(PathBuf::from).or_else(|| Some(dirs::home_dir()?.join(".cache/huggingface")));
        settings.hub_cache = set("HF_HUB_CACHE").map(PathBuf::from).or_else(|| Some(home()?.join("hub")));
        Ok(settings)
    }

    /// Where `model` is, in this cache or that of Hugging Face's own tools: a file of the expected size, whose contents are not checked.
    pub fn cached(&self, model: &KnownModel) -> Option<PathBuf> {
        ModelFile::known(model).cached(self)
    }

    /// Where a model on the hub is, as for [`cached`](Self::cached).
    pub fn cached_from_hub(&self, model: &HubModel) -> Option<PathBuf> {
        hub_place::cached(model, self)
    }

    /// The models of the user's own list, by name; none where there is no such file.
    ///
    /// # Errors
    /// [`Error::Format`] naming the file and the entry, for what is no list, and for a name that is that of a model of the registry;
    /// [`Error::Io`] when the file cannot be read.
    pub fn user_models(&self) -> Result<Vec<UserModel>> {
        user_models::read(self)
    }
}
