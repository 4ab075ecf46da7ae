//! Reading small files that are untrusted: regular files only, of a limited size.

use std::fs::{self, File, FileType, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use arbitrage_core::text::excerpt;
use serde_json::Value as Json;

use crate::content;
use crate::error::{Error, Result};
use crate::unique_json::UniqueJson;

/// Characters of a text that an error shows.
const SHOWN_CHARS: usize = 24;

/// The metadata of the regular file at `path`. Anything else is refused: opening a pipe may block for ever, and a device may have no
/// end.
///
/// # Errors
/// [`Error::Io`] if there is nothing, saying so of a link whose target is absent; [`Error::Format`] for a folder, pipe, socket or
/// device.
pub(crate) fn regular(path: &Path) -> Result<Metadata> {
    let metadata = fs::metadata(path).map_err(|error| absent(path, error))?;
    match kind(metadata.file_type()) {
        None => Ok(metadata),
        Some(kind) => Err(Error::format(path, "file type", "a regular file", kind)),
    }
}

/// What a file is that is not a regular one.
fn kind(file_type: FileType) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if file_type.is_fifo() {
            return Some("a pipe");
        }
        if file_type.is_socket() {
            return Some("a socket");
        }
    }
    match (file_type.is_file(), file_type.is_dir()) {
        (true, _) => None,
        (_, true) => Some("a folder"),
        _ => Some("a device"),
    }
}

/// The error of what cannot be looked at, in particular of a link that leads nowhere.
fn absent(path: &Path, error: io::Error) -> Error {
    match fs::read_link(path) {
        Ok(target) if error.kind() == ErrorKind::NotFound => {
            let annexed = target.to_string_lossy().replace('\\', "/").contains(".git/annex/objects");
            if annexed {
                return Error::not_a_model(path, "a git-annex link without its content", "run `git annex get` on it");
            }
            let reason = format!("a symbolic link to `{}`, which does not exist", target.display());
            Error::io(path, io::Error::new(ErrorKind::NotFound, reason))
        }
        _ => Error::io(path, error),
    }
}

/// The content of the file at `path`, of at most `max_bytes`. A larger file is refused before any of it is read.
///
/// # Errors
/// As [`regular`]; [`Error::Format`] with both sizes.
pub(crate) fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>> {
    let length = regular(path)?.len();
    if length > max_bytes {
        let expected = format!("at most {max_bytes} bytes");
        return Err(Error::format(path, "size", expected, format!("{length} bytes")));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    // Files that the system makes up say that they are empty and may have no end, so no more is read than what was announced.
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    file.take(length).read_to_end(&mut bytes).map_err(|error| Error::io(path, error))?;
    Ok(bytes)
}

/// The text of the file at `path`, without a byte-order mark.
///
/// # Errors
/// As [`read`]; [`Error::NotAModel`] for what stands in for the file, such as a pointer of Git LFS; [`Error::Format`] for text in
/// another encoding than UTF-8.
pub(crate) fn read_text(path: &Path, max_bytes: u64) -> Result<String> {
    let bytes = read(path, max_bytes)?;
    if let Some(error) = content::stand_in(path, &bytes) {
        return Err(error);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let found = match error.as_bytes() {
                [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => "UTF-16".to_owned(),
                bytes => format!("byte {:#04x} at offset {at}", bytes.get(at).copied().unwrap_or_default()),
            };
            Err(Error::format(path, "text", "UTF-8", found))
        }
    }
}

/// As [`read_text`]; `None` where there is no such file.
///
/// # Errors
/// As [`read_text`].
pub(crate) fn read_text_if_present(path: &Path, max_bytes: u64) -> Result<Option<String>> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        _ => read_text(path, max_bytes).map(Some),
    }
}

/// The JSON `text` of the file at `path`, in which no key of an object comes twice.
///
/// # Errors
/// [`Error::Format`] with line and column, and the text that is there.
pub(crate) fn parse_json(path: &Path, text: &str) -> Result<Json> {
    match serde_json::from_str(text) {
        Ok(UniqueJson(json)) => Ok(json),
        Err(error) => Err(not_json(path, text, &error)),
    }
}

fn not_json(path: &Path, text: &str, error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    let reason = message.split(" at line ").next().unwrap_or_default();
    let found = match there(text, line, column) {
        _ if error.is_eof() => format!("the end of the file ({reason}): is it complete?"),
        Some(shown) => format!("`{}` ({reason})", excerpt(&shown)),
        None => reason.to_owned(),
    };
    Error::format(path, format!("line {line} column {column}"), "JSON", found)
}

/// What stands at a line and a column, both counted from 1, the latter in bytes; a column of 0 is the end of the line before.
fn there(text: &str, line: usize, column: usize) -> Option<String> {
    let line = text.split('\n').nth(line.checked_sub(1)?)?;
    let start = line.floor_char_boundary(column.saturating_sub(1).min(line.len()));
    Some(line[start..].chars().take(SHOWN_CHARS).collect()).filter(|shown: &String| !shown.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        file
    }

    #[test]
    fn text_loses_its_mark_and_other_encodings_are_refused() {
        assert_eq!(read_text(file("\u{feff}{}".as_bytes()).path(), 99).unwrap(), "{}");
        for (content, part) in [
            (&b"ab\xff"[..], "UTF-8, found byte 0xff at offset 2"),
            (b"\xff\xfe{\0}\0", "UTF-8, found UTF-16"),
            (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
            (&[b'x'; 100], "at most 99 bytes, found 100 bytes"),
        ] {
            let message = read_text(file(content).path(), 99).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_may_have_no_end_is_never_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let link = |target: &str, name: &str| std::os::unix::fs::symlink(target, path(name)).unwrap();
        link("/dev/zero", "device");
        link("loop", "loop");
        link("nowhere", "dangling");
        link("../.git/annex/objects/x/MD5-0", "annexed");
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
        for (name, part) in [
            ("device", "a device"),
            ("pipe", "a pipe"),
            ("socket", "a socket"),
            (".", "a folder"),
            ("loop", "symbolic links"),
            ("dangling", "a symbolic link to `nowhere`, which does not exist"),
            ("annexed", "git annex get"),
            ("absent", "No such file"),
        ] {
            let message = read_text(&path(name), 1 << 20).unwrap_err().to_string();
            assert!(message.contains(part) && message.contains(name), "{name}: {message}");
        }
        assert_eq!(read_text_if_present(&path("absent"), 9).unwrap(), None);
        assert!(read_text_if_present(&path("dangling"), 9).is_err());
    }

    #[test]
    fn invalid_json_is_shown_where_it_is() {
        let path = Path::new("config.json");
        for (text, expected) in [
            ("{\n  \"a\": tru,\n}", "config.json: line 2 column 11: expected JSON, found `,` (expected ident)"),
            ("model_type: llama", "line 1 column 1: expected JSON, found `model_type: llama` (expected value)"),
            ("{\"a\": 1} x", "found `x` (trailing characters)"),
            ("", "line 1 column 0: expected JSON, found the end of the file (EOF while parsing a value)"),
            ("{\"é\": x}", "found `x}` (expected value)"),
        ] {
            let message = parse_json(path, text).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
