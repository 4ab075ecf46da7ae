//! Keys and values of 64 positions of one layer.

use std::ops::Range;

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::super::activations::{BLOCK as SCALE_COLUMNS, quantise};
use super::super::isa::{Isa, LANES, LanePointer, Portable};
use super::CachePrecision;

/// Positions of a page.
pub(in super::super) const PAGE: usize = 64;

/// What the pages of a cache have in common.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct PageShape {
    /// Key and value heads.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// `head_dim`, rounded up to a multiple of eight, which is how it is stored.
    pub width: usize,
}

/// Keys and values of 64 positions.
///
/// # Shapes
/// Keys are laid out `[kv_heads][8][width][8 positions]`, as the products of a query with eight positions want them, and are followed by
/// the values, `[kv_heads][64 positions][width]`. Scales of 8-bit keys are laid out `[kv_heads][width / 32][64 positions]`, those of
/// values, behind them, `[kv_heads][64 positions][width / 32]`: as activations of the products, 32 columns share a scale.
#[derive(Clone, Debug)]
pub(in super::super) enum KvPage {
    /// Half precision.
    Half(Box<[f16]>),
    /// A byte stands for `byte · scale`.
    Int8 { bytes: Box<[i8]>, scales: Box<[f32]> },
}

impl PageShape {
    /// Scales of a head at a position.
    fn scales(self) -> usize {
        self.width.div_ceil(SCALE_COLUMNS)
    }

    /// Where the keys of a head at the eight positions with `slot` begin.
    fn key(self, head: usize, slot: usize) -> usize {
        (head * PAGE + slot / LANES * LANES) * self.width
    }

    /// Where the value of a head at `slot` begins.
    fn value(self, head: usize, slot: usize) -> usize {
        ((self.kv_heads + head) * PAGE + slot) * self.width
    }

    /// Where the scale of 32 columns of a key lies: the `columns`-th of the head at `slot`.
    fn key_scale(self, head: usize, slot: usize, columns: usize) -> usize {
        (head * self.scales() + columns) * PAGE + slot
    }

    /// The same of a value.
    fn value_scale(self, head: usize, slot: usize, columns: usize) -> usize {
        ((self.kv_heads + head) * PAGE + slot) * self.scales() + columns
    }
}

impl KvPage {
    /// Zeros.
    pub(super) fn new(shape: PageShape, precision: CachePrecision) -> Self {
        let rows = 2 * shape.kv_heads * PAGE;
        match precision {
            CachePrecision::Half => Self::Half(vec![f16::ZERO; rows * shape.width].into()),
            CachePrecision::Int8 => Self::Int8 {
                bytes: vec![0; rows * shape.width].into(),
                scales: vec![0.0; rows * shape.scales()].into(),
            },
        }
    }

    /// Bytes allocated.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Half(numbers) => size_of_val(&numbers[..]),
            Self::Int8 { bytes, scales } => size_of_val(&bytes[..]) + size_of_val(&scales[..]),
        }
    }

    /// Writes the key and the value, `[head_dim]` each, of a head at position `slot` of the page.
    #[inline(always)]
    pub(super) fn write(&mut self, shape: PageShape, head: usize, slot: usize, key: &[f32], value: &[f32]) {
        let (key_at, value_at) = (shape.key(head, slot) + slot % LANES, shape.value(head, slot));
        match self {
            Self::Half(numbers) => {
                let mut narrow = [f16::ZERO; SCALE_COLUMNS];
                for (columns, key) in key.chunks(SCALE_COLUMNS).enumerate() {
                    narrow[..key.len()].convert_from_f32_slice(key);
                    scatter(&narrow[..key.len()], &mut numbers[key_at + columns * SCALE_COLUMNS * LANES..]);
                }
                numbers[value_at..][..shape.head_dim].convert_from_f32_slice(value);
            }
            Self::Int8 { bytes, scales } => {
                for (columns, key) in key.chunks(SCALE_COLUMNS).enumerate() {
                    let (narrow, scale) = to_bytes(key);
                    scales[shape.key_scale(head, slot, columns)] = scale;
                    scatter(&narrow[..key.len()], &mut bytes[key_at + columns * SCALE_COLUMNS * LANES..]);
                }
                for (columns, value) in value.chunks(SCALE_COLUMNS).enumerate() {
                    let (narrow, scale) = to_bytes(value);
                    scales[shape.value_scale(head, slot, columns)] = scale;
                    bytes[value_at + columns * SCALE_COLUMNS..][..value.len()].copy_from_slice(&narrow[..value.len()]);
                }
            }
        }
    }

    /// Where the keys of a head at eight positions from `slot` on begin.
    #[inline(always)]
    pub(in super::super) fn keys_at(&self, shape: PageShape, head: usize, slot: usize) -> *const u8 {
        self.at(shape.key(head, slot))
    }

    /// Where the values of a head begin.
    #[inline(always)]
    pub(in super::super) fn values_at(&self, shape: PageShape, head: usize) -> *const u8 {
        self.at(shape.value(head, 0))
    }

    #[inline(always)]
    fn at(&self, index: usize) -> *const u8 {
        match self {
            Self::Half(numbers) => numbers.as_ptr().wrapping_add(index).cast(),
            Self::Int8 { bytes, .. } => bytes.as_ptr().wrapping_add(index).cast(),
        }
    }

    /// Keys of a head at `N` vectors of positions from `slot` on, in single precision, to `out`: `[width][N][S::LANES]`. As many bytes at
    /// `next` are fetched meanwhile: those that are needed next, wherever they are.
    ///
    /// # Safety
    /// The processor has `S`; the head exists, and the positions lie inside the page; there is room at `out`.
    #[inline(always)]
    pub(in super::super) unsafe fn keys<S: Isa, const N: usize>(
        &self,
        shape: PageShape,
        head: usize,
        slot: usize,
        next: *const u8,
        out: *mut f32,
    ) {
        let PageShape { width, .. } = shape;
        let next = LanePointer::new(next, 0);
        let block = |v: usize| shape.key(head, slot + v * S::LANES);
        // SAFETY: blocks of eight positions lie side by side, `width · 8` numbers each; the caller upholds the rest.
        unsafe {
            match self {
                Self::Half(numbers) => {
                    let from: [LanePointer; N] = std::array::from_fn(|v| {
                        LanePointer::new(numbers.as_ptr().add(block(v)).cast(), LANES * width * size_of::<f16>())
                    });
                    for i in 0..width {
                        S::prefetch(next.add(i * N * S::LANES * size_of::<f16>()));
                        for (v, from) in from.iter().enumerate() {
                            let key = S::from_f16(from.add(i * LANES * size_of::<f16>()));
                            S::store(out.add((i * N + v) * S::LANES), key);
                        }
                    }
                }
                Self::Int8 { bytes, scales } => {
                    for v in 0..N {
                        let from = LanePointer::new(bytes.as_ptr().add(block(v)).cast(), LANES * width);
                        for columns in 0..shape.scales() {
                            let scale = scales.as_ptr().add(shape.key_scale(head, slot, columns));
                            let scale = floats::<S>(scale.add(v * S::LANES));
                            for i in columns * SCALE_COLUMNS..width.min((columns + 1) * SCALE_COLUMNS) {
                                S::prefetch(next.add((v * width + i) * S::LANES));
                                let key = S::mul(S::from_i8(from.add(i * LANES)), scale);
                                S::store(out.add((i * N + v) * S::LANES), key);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Values of a head at the first `slots` positions, in single precision, to `out`: `[slots][vectors][S::LANES]`, `vectors` count
    /// from column 0 on. What lies behind the last column is arbitrary. The same part of the values at `next` is
    /// fetched meanwhile, wherever they are.
    ///
    /// # Safety
    /// The processor has `S`; the head exists, `slots` is at most 64, and each vector has columns of the head; there is room at `out`.
    #[inline(always)]
    pub(in super::super) unsafe fn values<S: Isa>(
        &self,
        shape: PageShape,
        head: usize,
        slots: usize,
        vectors: Range<usize>,
        next: *const u8,
        out: *mut f32,
    ) {
        let (width, next) = (shape.width, LanePointer::new(next, 0));
        for slot in 0..slots {
            for (to, vector) in vectors.clone().enumerate() {
                let column = vector * S::LANES;
                // The width is a multiple of eight: the last vector of a wider set may have no more than its first eight columns.
                let apart = if column + S::LANES > width { 0 } else { LANES };
                // SAFETY: the position and the columns exist; the caller upholds the rest.
                unsafe {
                    let value = match self {
                        Self::Half(numbers) => {
                            S::prefetch(next.add((slot * width + column) * size_of::<f16>()));
                            let from = numbers.as_ptr().add(shape.value(head, slot) + column);
                            S::from_f16(LanePointer::new(from.cast(), apart * size_of::<f16>()))
                        }
                        Self::Int8 { bytes, scales } => {
                            S::prefetch(next.add(slot * width + column));
                            let from = bytes.as_ptr().add(shape.value(head, slot) + column);
                            let scale = *scales.as_ptr().add(shape.value_scale(head, slot, column / SCALE_COLUMNS));
                            S::mul(S::from_i8(LanePointer::new(from.cast(), apart)), S::splat(scale))
                        }
                    };
                    S::store(out.add((slot * vectors.len() + to) * S::LANES), value);
                }
            }
        }
    }
}

/// A vector of numbers that lie side by side.
///
/// # Safety
/// The processor has `S`, and `S::LANES` numbers at `at` are readable.
#[inline(always)]
pub(in super::super) unsafe fn floats<S: Isa>(at: *const f32) -> S::Floats {
    // SAFETY: the caller upholds what `Isa` asks for.
    unsafe { S::floats(LanePointer::new(at.cast(), LANES * size_of::<f32>())) }
}

/// Writes numbers eight places apart: the columns of a key.
#[inline(always)]
fn scatter<T: Copy>(from: &[T], to: &mut [T]) {
    for (i, &number) in from.iter().enumerate() {
        to[i * LANES] = number;
    }
}

/// At most 32 numbers in 8 bits, and their scale: NaN where one is not finite, so that it shows in every result.
#[inline(always)]
fn to_bytes(numbers: &[f32]) -> ([i8; SCALE_COLUMNS], f32) {
    let (mut filled, mut bytes) = ([0.0; SCALE_COLUMNS], [0; SCALE_COLUMNS]);
    filled[..numbers.len()].copy_from_slice(numbers);
    // SAFETY: every processor has plain Rust.
    let scale = unsafe { quantise::<Portable>(&filled, &mut bytes) }.scale;
    (bytes, scale)
}

#[cfg(test)]
mod tests {
    use super::super::super::isa::{InstructionSet, Kernel, MAX_LANES, dispatch};
    use super::*;
    use proptest::prelude::*;

    /// Keys and values of a head, read back, `[64][head_dim]` each.
    struct ReadBack<'a> {
        page: &'a KvPage,
        shape: PageShape,
        head: usize,
        keys: &'a mut Vec<f32>,
        values: &'a mut Vec<f32>,
    }

    impl Kernel for ReadBack<'_> {
        #[inline(always)]
        unsafe fn run<S: Isa>(self) {
            let Self { page, shape, head, keys, values } = self;
            let vectors = shape.width.div_ceil(S::LANES);
            let mut out = vec![0.0; PAGE * vectors * S::LANES + MAX_LANES];
            for slot in (0..PAGE).step_by(2 * S::LANES) {
                // SAFETY: the caller's processor has `S`; two vectors of positions from `slot` on lie in the page.
                unsafe { page.keys::<S, 2>(shape, head, slot, std::ptr::null(), out.as_mut_ptr()) };
                for at in 0..2 * S::LANES {
                    keys.extend((0..shape.head_dim).map(|column| out[column * 2 * S::LANES + at]));
                }
            }
            // SAFETY: as above; the vectors begin inside the head.
            unsafe { page.values::<S>(shape, head, PAGE, 0..vectors, std::ptr::null(), out.as_mut_ptr()) };
            for slot in 0..PAGE {
                values.extend_from_slice(&out[slot * vectors * S::LANES..][..shape.head_dim]);
            }
        }
    }

    fn written(shape: PageShape, precision: CachePrecision, x: &[f32]) -> KvPage {
        let mut page = KvPage::new(shape, precision);
        for (slot, row) in x.chunks_exact(2 * shape.kv_heads * shape.head_dim).enumerate() {
            for (head, pair) in row.chunks_exact(2 * shape.head_dim).enumerate() {
                let (key, value) = pair.split_at(shape.head_dim);
                page.write(shape, head, slot, key, value);
            }
        }
        page
    }

    fn read(page: &KvPage, shape: PageShape, set: InstructionSet, head: usize) -> [Vec<f32>; 2] {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        // SAFETY: the set is one that this processor has, and the head exists.
        unsafe { dispatch(set, ReadBack { page, shape, head, keys: &mut keys, values: &mut values }) };
        [keys, values]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn what_is_read_is_what_was_written_rounded(
            head_dim in prop::sample::select(vec![2usize, 8, 20, 32, 40, 64, 128]),
            kv_heads in 1usize..3,
            seed in any::<u64>(),
        ) {
            let shape = PageShape { kv_heads, head_dim, width: head_dim.next_multiple_of(LANES) };
            let mut draw = arbitrage_core::Draw::new(seed);
            let x: Vec<f32> = (0..PAGE * 2 * kv_heads * head_dim).map(|_| draw.uniform() as f32 * 8.0 - 4.0).collect();
            for precision in [CachePrecision::Half, CachePrecision::Int8] {
                let page = written(shape, precision, &x);
                for head in 0..kv_heads {
                    let portable = read(&page, shape, InstructionSet::Portable, head);
                    for set in InstructionSet::available() {
                        prop_assert_eq!(&read(&page, shape, set, head), &portable, "{}", set.name());
                    }
                    for (half, read) in portable.iter().enumerate() {
                        prop_assert_eq!(read.len(), PAGE * head_dim);
                        for (slot, read) in read.chunks_exact(head_dim).enumerate() {
                            let at = ((slot * kv_heads + head) * 2 + half) * head_dim;
                            let block = x[at..][..head_dim].chunks(SCALE_COLUMNS).zip(read.chunks(SCALE_COLUMNS));
                            for (written, read) in block {
                                let most = written.iter().fold(0.0f32, |most, x| most.max(x.abs()));
                                for (written, read) in written.iter().zip(read) {
                                    let error = (written - read).abs();
                                    match precision {
                                        CachePrecision::Half => prop_assert_eq!(f16::from_f32(*written).to_f32(), *read),
                                        CachePrecision::Int8 => prop_assert!(error <= most / 253.0, "{written} {read}"),
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn eight_bits_take_nine_sixteenths_of_the_memory() {
        let shape = PageShape { kv_heads: 2, head_dim: 128, width: 128 };
        let [half, int8] =
            [CachePrecision::Half, CachePrecision::Int8].map(|precision| KvPage::new(shape, precision).bytes());
        assert_eq!((half, int8), (2 * 2 * 64 * 128 * 2, half * 9 / 16));
    }
}
