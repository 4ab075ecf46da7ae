//! Memory for intermediate results, kept by each thread from one layer to the next.

use std::cell::Cell;

use super::super::isa::MAX_LANES;

thread_local! {
    static BUFFERS: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
    static PAGE: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// Numbers that a thread keeps: what is larger is for one very long context, and is freed.
const KEPT: usize = 1 << 20;

/// Which of a thread's buffers.
#[derive(Clone, Copy)]
pub(super) enum AttentionScratch {
    /// The intermediate results of blocks.
    Buffers,
    /// A page in single precision.
    Page,
}

impl AttentionScratch {
    /// Calls `work` with at least `floats` numbers, whatever they are. `work` may ask for the other buffer.
    pub(super) fn with<T>(self, floats: usize, work: impl FnOnce(*mut f32) -> T) -> T {
        let cell = match self {
            Self::Buffers => &BUFFERS,
            Self::Page => &PAGE,
        };
        let mut buffer = cell.take();
        if buffer.len() < floats + MAX_LANES {
            buffer = vec![0.0; floats + MAX_LANES];
        }
        let result = work(aligned(&mut buffer));
        if buffer.len() <= KEPT {
            cell.set(buffer);
        }
        result
    }
}

/// The first number on a boundary of the widest vectors.
fn aligned(buffer: &mut [f32]) -> *mut f32 {
    let start = buffer.as_mut_ptr();
    start.wrapping_add(start.align_offset(MAX_LANES * size_of::<f32>()).min(MAX_LANES))
}
