//! The default configuration of accelerators.

use std::sync::Once;

use burn::cubecl::config::cache::CacheConfig;
use burn::cubecl::config::streaming::StreamPolicy;
use burn::cubecl::config::{CubeClRuntimeConfig, RuntimeConfig as _};

use crate::source::SourceSettings;

/// Subfolder of the model cache for compiled kernels and the results of autotuning.
const KERNEL_FOLDER: &str = ".kernels";

/// Sets cubecl's configuration before its first use. A configuration that the program has set, or that a `cubecl.toml` or
/// `burn.toml` in the current folder or one above sets, is left unchanged. cubecl's environment variables apply in any case.
pub(crate) fn configure() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let found = CubeClRuntimeConfig::from_current_dir();
        let config = if is_default(&found) { default_config() } else { found };
        CubeClRuntimeConfig::try_set(config.override_from_env());
    });
}

fn is_default(config: &CubeClRuntimeConfig) -> bool {
    let value = |config: &CubeClRuntimeConfig| serde_json::to_value(config).ok();
    value(config) == value(&CubeClRuntimeConfig::default())
}

fn default_config() -> CubeClRuntimeConfig {
    let mut config = CubeClRuntimeConfig::default();
    // By default, cubecl caches in a `target` folder above the current one, so that each project would have to tune anew.
    if let Ok(settings) = SourceSettings::from_env() {
        config.environment.path = CacheConfig::Directory(settings.cache.join(KERNEL_FOLDER));
        #[cfg(feature = "persistence")]
        {
            config.compilation.cache = true;
        }
    }
    // With a stream for each thread, each thread would have its own memory pool. Our threads wait for each other where they share
    // a device, and some live only for a step: their pools would pile up.
    config.streaming.policy = StreamPolicy::Single;
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_default_configuration_is_replaced() {
        assert!(is_default(&CubeClRuntimeConfig::default()));
        assert!(!is_default(&default_config()));
        let mut config = CubeClRuntimeConfig::default();
        config.streaming.max_streams = 2;
        assert!(!is_default(&config));
    }
}
