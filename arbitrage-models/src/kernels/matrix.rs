//! Weights as the kernels read them.

use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;

use super::blocks::{BlockFormat, Iq4, KQuant, LegacyQuant, MIDDLE, MINIMUM, Q2K, Q3K, Q6K, Q8, ZERO};
use super::isa::{LANES, LanePointer};
use super::memory::Memory;
use crate::error::Result;
use crate::weights::{DType, Rows, Scratch, TensorView};

/// Bytes of weights that are packed at a time: enough that all processors are busy for milliseconds.
const PART: usize = 16 << 20;

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
        Self::pack_rows_with(rows, |_| ())
    }

    /// As [`pack_rows`](Self::pack_rows), in parts of a few megabytes: `packed` learns of the rows that are done after each part, so that
    /// their pages of the file can be released before the next one is read.
    ///
    /// # Errors
    /// As [`Rows::read`].
    pub fn pack_rows_with(rows: &Rows<'_>, mut packed: impl FnMut(Range<usize>)) -> Result<Self> {
        let (count, cols, dtype) = (rows.len(), rows.cols(), rows.dtype());
        let (group_bytes, pack) = layout(dtype, cols);
        let groups = count.div_ceil(LANES);
        let mut data = Memory::zeroed(groups * group_bytes, rows.path())?;
        let empty = vec![0; dtype.row_bytes(cols).unwrap_or_default()];
        let pack_group = |scratch: &mut [Scratch; LANES], group: usize, out: &mut [u8]| -> Result<()> {
            let mut eight: [&[u8]; LANES] = [&empty; LANES];
            for (lane, (row, scratch)) in eight.iter_mut().zip(scratch).enumerate() {
                if group * LANES + lane < count {
                    *row = rows.read(group * LANES + lane, scratch)?;
                }
            }
            pack(eight, out);
            Ok(())
        };
        let part_groups = (PART / group_bytes).max(1);
        let parts = data.as_mut()[..groups * group_bytes].chunks_mut(part_groups * group_bytes);
        for (first, part) in (0..groups).step_by(part_groups).zip(parts) {
            part.par_chunks_exact_mut(group_bytes)
                .enumerate()
                .try_for_each_init(Default::default, |scratch, (at, out)| pack_group(scratch, first + at, out))?;
            packed(first * LANES..count.min((first + part_groups) * LANES));
        }
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
    pub(crate) fn is_integer(&self) -> bool {
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
        DType::Q4_0 => of::<LegacyQuant<false, MIDDLE>>(cols),
        DType::Q4_1 => of::<LegacyQuant<false, MINIMUM>>(cols),
        DType::Q5_0 => of::<LegacyQuant<true, MIDDLE>>(cols),
        DType::Q5_1 => of::<LegacyQuant<true, MINIMUM>>(cols),
        DType::Int4 => of::<LegacyQuant<false, ZERO>>(cols),
        DType::Iq4Nl => of::<Iq4<false>>(cols),
        DType::Iq4Xs => of::<Iq4<true>>(cols),
        DType::Q2K => of::<Q2K>(cols),
        DType::Q3K => of::<Q3K>(cols),
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
    let rows = rows.map(|row| row.as_chunks::<BYTES>().0);
    for (column, out) in out.as_chunks_mut::<BYTES>().0.chunks_exact_mut(LANES).enumerate() {
        for (row, out) in rows.iter().zip(out) {
            *out = row[column];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: usize = 43;
    const COLS: usize = 512;

    /// A matrix of any bytes, packed by `threads` threads.
    fn pack(dtype: DType, threads: usize) -> PackedMatrix {
        let byte = |at: usize| ((at as u32).wrapping_mul(2_654_435_761) >> 13) as u8;
        let bytes: Vec<u8> = (0..dtype.tensor_bytes(&[ROWS, COLS]).unwrap()).map(byte).collect();
        let view = TensorView { name: "w", dtype, shape: &[ROWS, COLS], bytes: &bytes };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| PackedMatrix::pack("file".as_ref(), &view)).unwrap()
    }

    fn packed_bytes(mut matrix: PackedMatrix) -> Vec<u8> {
        let bytes = matrix.bytes();
        matrix.data.as_mut()[..bytes].to_vec()
    }

    /// FNV-1a.
    fn digest(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
    }

    #[test]
    fn any_number_of_threads_packs_the_same_bytes() {
        for dtype in DType::ALL {
            let alone = packed_bytes(pack(dtype, 1));
            for threads in [2, 3, 8] {
                assert!(alone == packed_bytes(pack(dtype, threads)), "{dtype}, {threads} threads");
            }
        }
    }

    /// The digests are those of a loop over single numbers, whose place in the layout was worked out for each.
    #[test]
    fn packed_bytes_stay_as_they_are() {
        let expected = [
            (DType::F32, 0x3937_1053_C2DB_8BE1),
            (DType::F16, 0x39D5_978F_1557_15C2),
            (DType::BF16, 0x39D5_978F_1557_15C2),
            (DType::Q8_0, 0x13B9_1306_DB5D_E41C),
            (DType::Q4_0, 0x1833_0C89_E66E_FDB5),
            (DType::Q4_1, 0x5C35_0CE5_7853_819F),
            (DType::Q5_0, 0xBB8F_5B30_F6A3_209F),
            (DType::Q5_1, 0xB5F0_14FD_116F_9A53),
            (DType::Q4K, 0xC884_89D5_954B_7005),
            (DType::Q5K, 0xA14C_4086_FBC2_643D),
            (DType::Q6K, 0x64E1_1C44_A4A1_296F),
        ];
        for (dtype, expected) in expected {
            let found = digest(&packed_bytes(pack(dtype, 2)));
            assert_eq!(found, expected, "{dtype}: {found:#x}");
        }
    }

    #[test]
    fn every_row_is_reported_once_and_in_order() {
        let (rows, cols) = (40_000, 256);
        let bytes = vec![0; rows * cols * 4];
        let view = TensorView { name: "w", dtype: DType::F32, shape: &[rows, cols], bytes: &bytes };
        let mut parts = Vec::new();
        PackedMatrix::pack_rows_with(&Rows::of("file".as_ref(), view).unwrap(), |part| parts.push(part)).unwrap();
        assert!(parts.len() > 1 && parts[0].start == 0 && parts[parts.len() - 1].end == rows, "{parts:?}");
        assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start), "{parts:?}");
    }
}
