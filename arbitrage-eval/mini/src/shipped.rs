//! What travels inside the program: the mini pair with its reward model and routers, and routers of other pairs.

use std::fs;
use std::path::{Path, PathBuf};

use arbitrage_models::source::Settings;

use crate::tokenizer;
use arbitrage_core::text::fnv1a;

/// A file by its place below the unpacked folder.
macro_rules! file {
    ($place:literal) => {
        ($place, include_bytes!(concat!("../shipped/", $place)).as_slice())
    };
}

/// Every file. Tokenizers are written anew: they depend on the code alone.
const FILES: [(&str, &[u8]); 14] = [
    file!("mini/draft/config.json"),
    file!("mini/draft/model.safetensors"),
    file!("mini/target/config.json"),
    file!("mini/target/model.safetensors"),
    file!("mini/prm/config.json"),
    file!("mini/prm/model.safetensors"),
    file!("mini/prm/arbitrage.json"),
    file!("mini/probe/model.safetensors"),
    file!("mini/probe/router.json"),
    file!("mini/text/config.json"),
    file!("mini/text/model.safetensors"),
    file!("mini/text/router.json"),
    file!("qwen2.5-coder/probe/model.safetensors"),
    file!("qwen2.5-coder/probe/router.json"),
];

/// Folders of models that read text: the mini family's [`Writer`](crate::Writer)s, its reward model, and the paper's router.
const READERS: [&str; 4] = ["mini/draft", "mini/target", "mini/prm", "mini/text"];

/// Routers by name, `PAIR:KIND`, and where they lie.
pub const ROUTERS: [(&str, &str); 3] =
    [("mini:probe", "mini/probe"), ("mini:text", "mini/text"), ("qwen2.5-coder:probe", "qwen2.5-coder/probe")];

/// Where below the unpacked folder the router of this name lies; `None` where no shipped one is called so.
pub fn router(name: &Path) -> Option<&'static str> {
    ROUTERS.iter().find(|(known, _)| name == Path::new(known)).map(|(_, place)| *place)
}

/// Why what is shipped cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShippedError {
    /// Nobody knows where the cache of models is.
    #[error(transparent)]
    Settings(#[from] arbitrage_models::Error),
    /// A tokenizer that cannot be written.
    #[error(transparent)]
    Tokenizer(#[from] crate::MiniError),
    /// A file that cannot be written.
    #[error("{}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
}

/// The folder that holds everything, each part in a form that opens as what it is: `mini/draft`, `mini/target`, `mini/prm`, and the
/// [`ROUTERS`]. It is written below the models' cache ([`Settings`]) at the first call, whole or not at all, and found there by later
/// ones.
///
/// # Errors
/// [`ShippedError`], where it cannot be written.
pub fn unpack() -> Result<PathBuf, ShippedError> {
    let cache = Settings::from_env()?.cache;
    let folder = cache.join(format!("shipped-{:016x}", digest()));
    if is_whole(&folder) {
        return Ok(folder);
    }
    let aside = cache.join(format!(".shipped-{}.tmp", std::process::id()));
    fs::remove_dir_all(&aside).ok();
    write(&aside)?;
    fs::remove_dir_all(&folder).ok();
    match fs::rename(&aside, &folder) {
        Ok(()) => Ok(folder),
        // Another process was faster.
        Err(_) if is_whole(&folder) => {
            fs::remove_dir_all(&aside).map_or_else(|error| Err(failed(&aside, error)), |()| Ok(folder))
        }
        Err(error) => Err(failed(&folder, error)),
    }
}

fn write(folder: &Path) -> Result<(), ShippedError> {
    READERS.iter().try_for_each(|part| tokenizer::write(folder.join(part)))?;
    FILES.into_iter().try_for_each(|(name, bytes)| {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).and_then(|()| fs::write(&path, bytes)).map_err(|error| failed(&path, error))
    })
}

fn failed(path: &Path, source: std::io::Error) -> ShippedError {
    ShippedError::Write { path: path.to_owned(), source }
}

fn is_whole(folder: &Path) -> bool {
    let holds = |(name, bytes): (&str, &[u8])| fs::read(folder.join(name)).is_ok_and(|found| found == bytes);
    FILES.into_iter().all(holds) && READERS.iter().all(|part| folder.join(part).join("tokenizer.json").is_file())
}

/// Over all files: another training gets another folder.
fn digest() -> u64 {
    fnv1a(FILES.iter().flat_map(|(name, bytes)| name.bytes().chain(bytes.iter().copied())))
}
