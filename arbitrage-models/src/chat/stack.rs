//! A stack that is large enough for recursion whose depth an untrusted template controls.
//!
//! The parser limits the nesting of brackets and blocks. It does not limit long chains such as `- - - 1` or `1 + 1 + 1`, into which
//! it recurses, as does the dropping of what it made of them. A stack overflow would end the process, so templates are parsed and run
//! on a stack for the deepest recursion. Only the part of a stack that is used takes memory.

use std::{io, thread};

/// Stack for running a template, whose recursion is limited.
const RENDER_STACK_BYTES: usize = 64 << 20;

/// Stack for a template of so many bytes. In the worst case every byte is a level of the parser's recursion, which takes about 400
/// bytes in an optimised build.
pub(super) fn stack_bytes(bytes: usize) -> usize {
    RENDER_STACK_BYTES + bytes * 2048
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
