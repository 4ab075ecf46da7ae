//! Stacks that are large enough for recursion whose depth an untrusted template controls.
//!
//! The library limits the nesting of brackets and blocks. It does not limit long chains such as `- - - 1` or `1 + 1 + 1`, into which
//! its parser and compiler recurse, nor the nesting of lists at run time. A stack overflow would end the process, so both run on
//! a stack that is large enough for the deepest recursion. Only the part of a stack that is used takes memory.

use std::{io, thread};

/// Stack for rendering. Every level of nesting costs fuel, which is enough for about 400,000 levels.
pub(super) const RENDER_STACK_BYTES: usize = 256 << 20;

/// Stack for parsing a template of so many bytes. In the worst case every byte is a level of recursion, which takes about 400 bytes
/// in an optimised build.
pub(super) fn parser_stack_bytes(bytes: usize) -> usize {
    (2 << 20) + bytes * 2048
}

/// Runs `work` on a stack of `bytes`.
///
/// # Errors
/// When the system cannot start a thread.
pub(super) fn run_with_stack<T: Send>(bytes: usize, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let worker =
            thread::Builder::new().name(super::TEMPLATE_NAME.to_owned()).stack_size(bytes).spawn_scoped(scope, work)?;
        Ok(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}
