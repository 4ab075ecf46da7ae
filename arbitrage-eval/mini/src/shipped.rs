//! The models inside the program: the mini pair with its reward model and routers, and routers of other pairs.

use std::fs;
use std::path::{Path, PathBuf};

use arbitrage_models::source::SourceSettings;

use arbitrage_core::text::fnv1a;

/// A file with its path in the unpacked folder.
macro_rules! file {
    ($path:literal) => {
        ($path, include_bytes!(concat!("../shipped/", $path)).as_slice())
    };
}

/// All files.
const FILES: [(&str, &[u8]); 10] = [
    file!("mini/draft.gguf"),
    file!("mini/target.gguf"),
    file!("mini/prm/model.gguf"),
    file!("mini/prm/arbitrage.json"),
    file!("mini/probe/model.safetensors"),
    file!("mini/probe/router.json"),
    file!("mini/text/model.gguf"),
    file!("mini/text/router.json"),
    file!("qwen2.5-coder/probe/model.safetensors"),
    file!("qwen2.5-coder/probe/router.json"),
];

/// The routers by name, `PAIR:KIND`, with their paths in the unpacked folder.
pub const ROUTERS: [(&str, &str); 3] =
    [("mini:probe", "mini/probe"), ("mini:text", "mini/text"), ("qwen2.5-coder:probe", "qwen2.5-coder/probe")];

/// The path of the router with this name in the unpacked folder. `None` where no shipped router has the name.
pub fn router(name: &Path) -> Option<&'static str> {
    ROUTERS.iter().find(|(known, _)| name == Path::new(known)).map(|(_, path)| *path)
}

/// Why the shipped files could not be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShippedError {
    /// The folder of the model cache is unknown.
    #[error(transparent)]
    Settings(#[from] arbitrage_models::Error),
    /// A file or folder could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The error of the file system.
        #[source]
        source: std::io::Error,
    },
}

/// The folder with all shipped models: the GGUF files `mini/draft.gguf` and `mini/target.gguf`, and the folders `mini/prm` and those of the
/// [`ROUTERS`]. The first call writes it into the model cache ([`SourceSettings`]), either completely or not at all, and later calls find it there.
///
/// # Errors
/// [`ShippedError`], where it cannot be written.
pub fn unpack() -> Result<PathBuf, ShippedError> {
    let cache = SourceSettings::from_env()?.cache;
    let folder = cache.join(format!("shipped-{:016x}", digest()));
    if is_complete(&folder) {
        return Ok(folder);
    }
    let staging = cache.join(format!(".shipped-{}.tmp", std::process::id()));
    fs::remove_dir_all(&staging).ok();
    write(&staging)?;
    fs::remove_dir_all(&folder).ok();
    match fs::rename(&staging, &folder) {
        Ok(()) => Ok(folder),
        // Another process has written it in the meantime.
        Err(_) if is_complete(&folder) => {
            fs::remove_dir_all(&staging).map_or_else(|error| Err(write_error(&staging, error)), |()| Ok(folder))
        }
        Err(error) => Err(write_error(&folder, error)),
    }
}

fn write(folder: &Path) -> Result<(), ShippedError> {
    FILES.into_iter().try_for_each(|(name, bytes)| {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).and_then(|()| fs::write(&path, bytes)).map_err(|error| write_error(&path, error))
    })
}

fn write_error(path: &Path, source: std::io::Error) -> ShippedError {
    ShippedError::Write { path: path.to_owned(), source }
}

fn is_complete(folder: &Path) -> bool {
    let has_file = |(name, bytes): (&str, &[u8])| fs::read(folder.join(name)).is_ok_and(|found| found == bytes);
    FILES.into_iter().all(has_file)
}

/// A hash of all files, so that models of another training get another folder.
fn digest() -> u64 {
    fnv1a(FILES.iter().flat_map(|(name, bytes)| name.bytes().chain(bytes.iter().copied())))
}
