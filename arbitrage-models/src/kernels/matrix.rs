//! Weights as the kernels read them.

use std::path::Path;

use rayon::prelude::*;

use super::blocks::{BlockFormat, KQuant, LegacyQuant, Q6K, Q8};
use super::isa::{LANES, LanePointer};
use super::memory::Memory;
use crate::error::Result;
use crate::weights::{DType, Rows, Scratch, TensorView};

/// A matrix of weights in its file's own precision, packed in groups of eight rows.
///
/// # Shapes
/// `[rows, cols]` stands for a linear layer from `cols` to `rows` features. Floats are packed as `[groups][cols][8]`, block
/// formats as `[groups][blocks]` with the blocks that the module `blocks` describes. The last group is filled up with zeros.
#[derive(Debug)]
pub struct PackedMatrix {
    dtype: DType,
    rows: usize,
    cols: usize,
    group_bytes: usize,
    data: Memory,
}

impl PackedMatrix {
    /// Packs a whole matrix of any type, on all processors.
    ///
    /// # Errors
    /// As [`Rows::of`].
    pub fn pack(path: &Path, view: &TensorView<'_>) -> Result<Self> {
        Self::pack_rows(&Rows::of(path, *view)?)
    }

    /// Packs rows, on all processors, eight at a time, so that a requantised or reordered copy is never whole in memory.
    ///
    /// # Errors
    /// As [`Rows::read`].
    pub fn pack_rows(rows: &Rows<'_>) -> Result<Self> {
        let (count, cols, dtype) = (rows.len(), rows.cols(), rows.dtype());
        let (group_bytes, pack) = layout(dtype, cols);
        let groups = count.div_ceil(LANES);
        let mut data = Memory::zeroed(groups * group_bytes, rows.path())?;
        let empty = vec![0; dtype.row_bytes(cols).unwrap_or_default()];
        data.as_mut()[..groups * group_bytes].par_chunks_exact_mut(group_bytes).enumerate().try_for_each_init(
            <[Scratch; LANES]>::default,
            |scratch, (group, out)| -> Result<()> {
                let mut eight: [&[u8]; LANES] = [&empty; LANES];
                for (lane, (row, scratch)) in eight.iter_mut().zip(scratch).enumerate() {
                    if group * LANES + lane < count {
                        *row = rows.read(group * LANES + lane, scratch)?;
                    }
                }
                pack(eight, out);
                Ok(())
            },
        )?;
        Ok(Self { dtype, rows: count, cols, group_bytes, data })
    }

    /// How the weights are stored.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Output features.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Input features.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Bytes in memory: what one pass over the matrix reads.
    pub fn bytes(&self) -> usize {
        self.groups() * self.group_bytes
    }

    /// Whether products are taken in integers, with quantised activations.
    pub(super) fn is_integer(&self) -> bool {
        self.dtype.block_len() > 1
    }

    /// Groups of eight rows, the last of them perhaps filled up.
    pub(super) fn groups(&self) -> usize {
        self.rows.div_ceil(LANES)
    }

    pub(super) fn group_bytes(&self) -> usize {
        self.group_bytes
    }

    /// Where group `first`, which exists, and the one behind it lie. The last group stands in for one that does not exist.
    pub(super) fn group(&self, first: usize) -> LanePointer {
        debug_assert!(first < self.groups());
        let apart = if first + 1 < self.groups() { self.group_bytes } else { 0 };
        LanePointer::new(self.data.as_ptr().wrapping_add(first * self.group_bytes), apart)
    }
}

/// Packs eight rows of the file.
type Pack = fn([&[u8]; LANES], &mut [u8]);

/// Bytes of a group, and how it is packed.
fn layout(dtype: DType, cols: usize) -> (usize, Pack) {
    fn of<B: BlockFormat>(cols: usize) -> (usize, Pack) {
        (cols / B::COLUMNS * B::BYTES, pack_blocks::<B>)
    }
    match dtype {
        DType::F32 => (cols * LANES * 4, pack_floats::<4>),
        DType::F16 | DType::BF16 => (cols * LANES * 2, pack_floats::<2>),
        DType::Q8_0 => of::<Q8>(cols),
        DType::Q4_0 => of::<LegacyQuant<false, false>>(cols),
        DType::Q4_1 => of::<LegacyQuant<false, true>>(cols),
        DType::Q5_0 => of::<LegacyQuant<true, false>>(cols),
        DType::Q5_1 => of::<LegacyQuant<true, true>>(cols),
        DType::Q4K => of::<KQuant<false>>(cols),
        DType::Q5K => of::<KQuant<true>>(cols),
        DType::Q6K => of::<Q6K>(cols),
    }
}

fn pack_blocks<B: BlockFormat>(rows: [&[u8]; LANES], out: &mut [u8]) {
    for (block, out) in out.chunks_exact_mut(B::BYTES).enumerate() {
        B::pack(rows.map(|row| &row[block * B::FILE_BYTES..][..B::FILE_BYTES]), out);
    }
}

fn pack_floats<const BYTES: usize>(rows: [&[u8]; LANES], out: &mut [u8]) {
    for (row, values) in rows.iter().enumerate() {
        for (column, value) in values.as_chunks::<BYTES>().0.iter().enumerate() {
            out[(column * LANES + row) * BYTES..][..BYTES].copy_from_slice(value);
        }
    }
}
