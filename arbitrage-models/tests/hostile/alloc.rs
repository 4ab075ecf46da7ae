//! An allocator that counts the bytes that are allocated, and their maximum.
//!
//! It counts all threads, since templates run on a thread of their own. So there is only one measurement at a time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};

pub(crate) struct Counting;

static ALLOCATED: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn count(bytes: isize) {
    let allocated = ALLOCATED.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(allocated, Relaxed);
}

// SAFETY: every call is passed on unchanged to the system's allocator, which upholds the contract; the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller upholds the conditions of `GlobalAlloc`, which are those of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller upholds the conditions of `GlobalAlloc`, which are those of `System`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller upholds the conditions of `GlobalAlloc`, which are those of `System`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Old and new block exist at the same time while the content is copied.
        count(size as isize);
        count(-(layout.size() as isize));
        // SAFETY: the caller upholds the conditions of `GlobalAlloc`, which are those of `System`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Runs `work` and returns its result with the maximum of the bytes that it had allocated.
pub(crate) fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    // A failed test must not make the following ones fail.
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let before = ALLOCATED.load(Relaxed);
    PEAK.store(before, Relaxed);
    let result = work();
    (result, (PEAK.load(Relaxed) - before).max(0) as usize)
}
