//! Room for recursion whose depth an untrusted template decides.
//!
//! The library guards against nested brackets and blocks, not against long chains such as `- - - 1` or `1 + 1 + 1`, which
//! its parser and compiler descend into link by link, nor against lists that are wrapped in lists ever anew. Overflowing a
//! stack ends the process, so both get one that the longest chain fits into. Only what is used of it takes memory.

use std::{io, thread};

/// For rendering: every level of nesting costs fuel, of which there is enough for some 400,000 levels.
pub(super) const OF_VALUES: usize = 256 << 20;

/// For parsing a template of `bytes`: at worst every byte is a link. A link takes some 400 bytes in an optimised build.
pub(super) fn of_parser(bytes: usize) -> usize {
    (2 << 20) + bytes * 2048
}

/// Runs `work` on a stack of `bytes`.
///
/// # Errors
/// When the system refuses a thread.
pub(super) fn with<T: Send>(bytes: usize, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let worker = thread::Builder::new().name(super::NAME.to_owned()).stack_size(bytes).spawn_scoped(scope, work)?;
        Ok(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}
