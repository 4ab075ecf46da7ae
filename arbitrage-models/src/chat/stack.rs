//! A stack that is large enough for recursion whose depth an untrusted template controls.
//!
//! The parser limits the nesting of brackets and blocks. It does not limit long chains such as `- - - 1` or `1 + 1 + 1`, into which
//! it recurses, as does the dropping of what it made of them. A stack overflow would end the process, so templates are parsed and run
//! on a stack for the deepest recursion. Only the part of a stack that is used takes memory.

use std::cell::Cell;
use std::io::{Error, ErrorKind, Result};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Stack for running a template, whose recursion is limited.
const RENDER_STACK_BYTES: usize = 64 << 20;

/// Stack for a template of so many bytes. In the worst case every byte is a level of the parser's recursion, which takes about 400
/// bytes in an optimised build.
pub(super) fn stack_bytes(bytes: usize) -> usize {
    RENDER_STACK_BYTES + bytes * 2048
}

/// Runs `work` on a new stack of `bytes`. It stays on the caller's thread, because another thread may have to wait for a processor: on a
/// machine with busy processors, starting one for each prompt took several milliseconds.
///
/// # Errors
/// When the system has no memory for the stack.
pub(super) fn run_with_stack<T>(bytes: usize, work: impl FnOnce() -> T) -> Result<T> {
    let started = Cell::new(false);
    let run = || {
        stacker::grow(bytes, || {
            started.set(true);
            work()
        })
    };
    // `grow` panics where it gets no memory; a panic of `work` itself goes on.
    catch_unwind(AssertUnwindSafe(run)).or_else(|panic| match started.get() {
        true => resume_unwind(panic),
        false => Err(Error::new(ErrorKind::OutOfMemory, format!("no memory for a stack of {bytes} bytes"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_has_the_stack_that_it_asks_for_on_the_thread_of_the_caller() {
        fn depth(levels: usize) -> usize {
            let frame = std::hint::black_box([levels; 512]);
            if levels == 0 { 0 } else { depth(levels - 1) + frame[0] / levels }
        }
        let thread = std::thread::current().id();
        let done = run_with_stack(stack_bytes(0), || (std::thread::current().id(), depth(4_000)));
        assert_eq!(done.unwrap(), (thread, 4_000));
    }

    #[test]
    fn panics_go_on_and_missing_memory_is_an_error() {
        let panic = catch_unwind(|| run_with_stack(stack_bytes(0), || panic!("of the work"))).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"of the work"));
        let error = run_with_stack(1 << 46, || ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    }
}
