//! Names that mean the same in an address and as a file on every system.

/// Longest path inside a repository, in bytes.
const MAX_PATH_BYTES: usize = 512;

/// Whether `text` is the owner and the name of a repository, with a slash between them.
pub(super) fn is_repository(text: &str) -> bool {
    text.split('/').count() == 2 && is_safe_path(text) && !text.contains('@')
}

/// Whether every part of `path`, which are separated by slashes, is safe: it then leads out of no folder.
pub(super) fn is_safe_path(path: &str) -> bool {
    path.len() <= MAX_PATH_BYTES && path.split('/').all(is_safe)
}

/// Whether `part` means the same in a URL and as a file name on every system.
pub(super) fn is_safe(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+=@".contains(&byte);
    (1..=128).contains(&part.len()) && part.bytes().all(plain) && !part.starts_with('.') && !part.ends_with('.')
}

/// Whether `text` is the name of a commit: a whole digest of Git, in lower case.
pub(super) fn is_commit(text: &str) -> bool {
    [40, 64].contains(&text.len()) && is_lower_hex(text)
}

/// Whether `text` is a SHA-256, hexadecimal in lower case.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && is_lower_hex(text)
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
