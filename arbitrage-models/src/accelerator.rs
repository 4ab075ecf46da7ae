//! How accelerators are set up where nobody has said otherwise.

use std::sync::Once;

use burn::cubecl::config::cache::CacheConfig;
use burn::cubecl::config::streaming::StreamPolicy;
use burn::cubecl::config::{CubeClRuntimeConfig, RuntimeConfig as _};

use crate::source::SourceSettings;

/// The folder in that of the models in which kernels, and which of them were fastest, are kept.
const FOLDER: &str = ".kernels";

/// Settles cubecl's configuration, which its first use would settle otherwise. A program that has set it, and a `cubecl.toml`
/// or `burn.toml` in this folder or one above, are left alone; cubecl's environment variables count in any case.
pub(crate) fn configure() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let found = CubeClRuntimeConfig::from_current_dir();
        let config = if is_untouched(&found) { usual() } else { found };
        CubeClRuntimeConfig::try_set(config.override_from_env());
    });
}

fn is_untouched(config: &CubeClRuntimeConfig) -> bool {
    let value = |config: &CubeClRuntimeConfig| serde_json::to_value(config).ok();
    value(config) == value(&CubeClRuntimeConfig::default())
}

fn usual() -> CubeClRuntimeConfig {
    let mut config = CubeClRuntimeConfig::default();
    // cubecl's own choice is a `target` folder above, where there is one: what was tuned for one project is then tuned again.
    if let Ok(settings) = SourceSettings::from_env() {
        config.environment.path = CacheConfig::Directory(settings.cache.join(FOLDER));
        #[cfg(feature = "persistence")]
        {
            config.compilation.cache = true;
        }
    }
    // A stream a thread has memory a thread. Threads here wait for each other where they share a device, and some live for a
    // turn only: memory of theirs would pile up.
    config.streaming.policy = StreamPolicy::Single;
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_configured_is_left_alone() {
        assert!(is_untouched(&CubeClRuntimeConfig::default()));
        assert!(!is_untouched(&usual()));
        let mut config = CubeClRuntimeConfig::default();
        config.streaming.max_streams = 2;
        assert!(!is_untouched(&config));
    }
}
