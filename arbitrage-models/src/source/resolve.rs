//! From a model's name to its file: through the caches first, then by a download.

use std::path::PathBuf;

use super::cache_lookup::{find_cached, not_available};
use super::model_file::ModelFile;
use super::{Progress, SourceSettings};
use crate::error::Result;

/// The path of `model`, which is downloaded first if it is in no cache.
pub(super) fn resolve(
    model: &ModelFile<'_>,
    settings: &SourceSettings,
    progress: &mut dyn Progress,
) -> Result<PathBuf> {
    let mut tried = match find_cached(model, settings, progress) {
        Ok(path) => return Ok(path),
        Err(tried) => tried,
    };
    if settings.offline {
        tried.push("hub and package index: not tried, since ARBITRAGE_OFFLINE is set".to_owned());
        return Err(not_available(model, settings, &tried));
    }
    #[cfg(feature = "pull")]
    return super::pull::download(model, settings, tried, progress);
    #[cfg(not(feature = "pull"))]
    {
        tried.push(
            "hub and package index: not tried, since this program was built without the feature `pull`".to_owned(),
        );
        Err(not_available(model, settings, &tried))
    }
}

#[cfg(all(test, not(feature = "pull")))]
mod tests {
    use crate::source::{ModelSource, NoProgress, SourceSettings, known_models};

    #[test]
    fn without_downloads_the_error_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let (settings, model) = (SourceSettings::new(folder.path()), &known_models()[0]);
        let error = ModelSource::Known(model).resolve_with(&settings, &mut NoProgress).unwrap_err().to_string();
        let path = folder.path().join(model.file);
        assert!(error.contains("without the feature `pull`") && error.contains(path.to_str().unwrap()), "{error}");
    }
}
