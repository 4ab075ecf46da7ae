//! The trained family, which travels inside the program.

use std::fs;
use std::path::{Path, PathBuf};

use arbitrage_models::source::Settings;

use super::{MiniError, tokenizer};
use crate::text::fnv;

/// Every file, by its place below the family's folder. Tokenizers are written anew: they depend on the code alone.
const FILES: [(&str, &[u8]); 9] = [
    ("draft/config.json", include_bytes!("../../mini/draft/config.json")),
    ("draft/model.safetensors", include_bytes!("../../mini/draft/model.safetensors")),
    ("target/config.json", include_bytes!("../../mini/target/config.json")),
    ("target/model.safetensors", include_bytes!("../../mini/target/model.safetensors")),
    ("prm/config.json", include_bytes!("../../mini/prm/config.json")),
    ("prm/model.safetensors", include_bytes!("../../mini/prm/model.safetensors")),
    ("prm/arbitrage.json", include_bytes!("../../mini/prm/arbitrage.json")),
    ("router/model.safetensors", include_bytes!("../../mini/router/model.safetensors")),
    ("router/router.json", include_bytes!("../../mini/router/router.json")),
];

/// Folders of models that read text: the [`Writer`](super::Writer)s and the reward model. The router is a probe.
const READERS: [&str; 3] = ["draft", "target", "prm"];

/// The folder that holds `draft`, `target`, `prm` and `router`, each in a form that opens as what it is. It is written below the models' cache
/// ([`Settings`]) at the first call, whole or not at all, and found there by later ones.
///
/// # Errors
/// [`MiniError`], where it cannot be written.
pub fn unpack() -> Result<PathBuf, MiniError> {
    let cache = Settings::from_env()?.cache;
    let folder = cache.join(format!("mini-{:016x}", digest()));
    if is_whole(&folder) {
        return Ok(folder);
    }
    let aside = cache.join(format!(".mini-{}.tmp", std::process::id()));
    fs::remove_dir_all(&aside).ok();
    write(&aside)?;
    fs::remove_dir_all(&folder).ok();
    match fs::rename(&aside, &folder) {
        Ok(()) => Ok(folder),
        // Another process was faster.
        Err(_) if is_whole(&folder) => {
            fs::remove_dir_all(&aside).map_or_else(|e| Err(MiniError::write(&aside, e)), |()| Ok(folder))
        }
        Err(error) => Err(MiniError::write(&folder, error)),
    }
}

fn write(folder: &Path) -> Result<(), MiniError> {
    let router = folder.join("router");
    fs::create_dir_all(&router).map_err(|error| MiniError::write(&router, error))?;
    READERS.iter().try_for_each(|part| tokenizer::write(folder.join(part)))?;
    FILES.into_iter().try_for_each(|(name, bytes)| {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(|error| MiniError::write(&path, error))
    })
}

fn is_whole(folder: &Path) -> bool {
    let holds = |(name, bytes): (&str, &[u8])| fs::read(folder.join(name)).is_ok_and(|found| found == bytes);
    FILES.into_iter().all(holds) && READERS.iter().all(|part| folder.join(part).join("tokenizer.json").is_file())
}

/// Over all files: another training gets another folder.
fn digest() -> u64 {
    fnv(FILES.iter().flat_map(|(name, bytes)| name.bytes().chain(bytes.iter().copied())))
}
