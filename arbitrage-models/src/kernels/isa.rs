//! The few vector operations that the kernels are written in, once for each instruction set.
//!
//! A kernel is written once, over [`Isa`], and compiled for each set by [`dispatch`]; the set is chosen at run time. A lane is
//! a row of weights. Weights are packed in groups of eight rows whatever the machine has, so that one layout fits every set:
//! a 256-bit vector spans one group, a 512-bit vector two neighbouring ones.
//!
//! All sets give the same bits. Sums of bytes are exact, and every set takes the same chain of floating-point operations, with
//! multiply-adds that round once. To add a set, implement [`Isa`] in a file of its own and add it to [`InstructionSet`] and
//! [`dispatch`]. Sets with tile registers are vectors of another set and [`Tiles`], over which products of several rows are written.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;
mod set;
mod tiles;

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::{Avx2, Vnni256};
#[cfg(target_arch = "x86_64")]
pub(super) use avx512::Vnni512;
pub(super) use portable::Portable;
pub(crate) use set::InstructionSet;
pub(super) use tiles::{ACTIVATIONS, SUMS, TILE_ROWS, TileKernel, TileShape, Tiles, WEIGHTS};

#[cfg(target_arch = "x86_64")]
use tiles::AmxTiles;
use tiles::PortableTiles;

/// Rows of weights that are packed together.
pub(super) const LANES: usize = 8;
/// Lanes of the widest set.
pub(super) const MAX_LANES: usize = 16;

/// Activations that share a scale.
pub(super) const BLOCK: usize = 32;

/// 1.5 · 2²³: added to a number, it leaves the nearest integer in the lowest bits. `round` is a call, and the language's own conversion to
/// integers looks at every number for NaN, which no vector instruction does.
const ROUND: f32 = 12_582_912.0;

/// Where a vector's lanes are read: eight from `first`, and the next eight `apart` bytes further on where a set has sixteen.
#[derive(Clone, Copy)]
pub(super) struct LanePointer {
    first: *const u8,
    apart: usize,
}

impl LanePointer {
    /// Lanes at `first`, and `apart` bytes further on.
    pub(crate) fn new(first: *const u8, apart: usize) -> Self {
        Self { first, apart }
    }

    /// The same, `bytes` further on; it may point anywhere as long as nothing is read there.
    #[inline(always)]
    pub(crate) fn add(self, bytes: usize) -> Self {
        Self { first: self.first.wrapping_add(bytes), ..self }
    }

    /// The first eight lanes.
    #[inline(always)]
    pub(crate) fn first(self) -> *const u8 {
        self.first
    }

    /// The other eight lanes.
    #[inline(always)]
    pub(crate) fn second(self) -> *const u8 {
        self.first.wrapping_add(self.apart)
    }
}

/// An instruction set.
///
/// # Safety
/// All operations: the processor has the set, and pointers are valid for the named number of values (of any alignment); a
/// [`LanePointer`] for its share in each of the places that the set reads. In memory a vector is its lanes, one behind the other.
/// Everything is `#[inline(always)]`, so that it is compiled with the features of the function that [`dispatch`] made.
pub(super) trait Isa: Copy + 'static {
    /// Groups of eight rows that a vector spans.
    const GROUPS: usize;
    /// 32-bit lanes of a vector.
    const LANES: usize = Self::GROUPS * LANES;

    /// Four neighbouring columns of each lane's row.
    type Bytes: Copy;
    /// A 32-bit integer a lane.
    type Ints: Copy;
    /// A single-precision number a lane.
    type Floats: Copy;

    /// Asks for the cache lines at `at`, which may lie anywhere.
    unsafe fn prefetch(at: LanePointer);
    /// 32 bytes a group.
    unsafe fn bytes(at: LanePointer) -> Self::Bytes;
    /// One byte, everywhere.
    unsafe fn splat_byte(byte: u8) -> Self::Bytes;
    /// Bitwise and.
    unsafe fn and(a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;
    /// Bitwise or.
    unsafe fn or(a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;
    /// Shifts every byte right. Bits may come in from a neighbour: mask them.
    unsafe fn shr<const N: i32>(a: Self::Bytes) -> Self::Bytes;
    /// Shifts every byte left, likewise.
    unsafe fn shl<const N: i32>(a: Self::Bytes) -> Self::Bytes;
    /// Products of unsigned weights of `BITS` bits with `4 · N` activations, which lie at `a`, each from −127 to 127, summed
    /// a lane.
    unsafe fn dot<const BITS: u32, const N: usize>(w: &[Self::Bytes; N], a: *const i8) -> Self::Ints;
    /// For each byte, the number of `table` that its low four bits choose; the others are 0.
    unsafe fn look_up(table: &[i8; 16], indices: Self::Bytes) -> Self::Bytes;
    /// Signed weights in the form that [`dot_signed`](Self::dot_signed) takes.
    unsafe fn signed_weights(w: Self::Bytes) -> Self::Bytes;
    /// As [`dot`](Self::dot) with signed weights; `sum` is that of the activations.
    unsafe fn dot_signed<const N: usize>(w: &[Self::Bytes; N], a: *const i8, sum: i32) -> Self::Ints;
    /// Integers as floats.
    unsafe fn to_floats(a: Self::Ints) -> Self::Floats;

    /// Zeros.
    unsafe fn zero() -> Self::Floats;
    /// One number in every lane.
    unsafe fn splat(value: f32) -> Self::Floats;
    /// Eight numbers in single precision a group.
    unsafe fn floats(at: LanePointer) -> Self::Floats;
    /// Eight bytes a group, unsigned.
    unsafe fn from_u8(at: LanePointer) -> Self::Floats;
    /// Eight bytes a group, signed.
    unsafe fn from_i8(at: LanePointer) -> Self::Floats;
    /// The low nibbles and the high nibbles of eight bytes a group, unsigned.
    unsafe fn from_nibbles(at: LanePointer) -> [Self::Floats; 2];
    /// Eight numbers in half precision a group.
    unsafe fn from_f16(at: LanePointer) -> Self::Floats;
    /// Eight numbers in bfloat16 a group.
    unsafe fn from_bf16(at: LanePointer) -> Self::Floats;
    /// Writes all lanes, one behind the other.
    unsafe fn store(at: *mut f32, a: Self::Floats);
    /// `a + b`.
    unsafe fn add(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a · b`.
    unsafe fn mul(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a · b + c`, rounded once.
    unsafe fn mul_add(a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats;

    /// The greatest magnitude of a block of activations; not finite where one of them is not.
    unsafe fn greatest(values: &[f32; BLOCK]) -> f32;
    /// `values · inverse`, rounded to the nearest integers, of which the lowest eight bits are kept. Returns the sums of the first 16
    /// integers and of the others, which are any where a product is beyond 2²².
    unsafe fn round(values: &[f32; BLOCK], inverse: f32, bytes: &mut [i8; BLOCK]) -> [i32; 2];
}

/// Work that is written over [`Isa`].
pub(super) trait Kernel {
    /// Does it.
    ///
    /// # Safety
    /// The processor has the set; whatever else the implementor asks for. Implementations are `#[inline(always)]`.
    unsafe fn run<S: Isa>(self);
}

/// Compiles `kernel` for the vectors of every set and runs the version for `set`.
///
/// # Safety
/// `set` comes from [`InstructionSet::best`] or [`InstructionSet::available`]; the kernel's own conditions hold.
pub(super) unsafe fn dispatch<K: Kernel>(set: InstructionSet, kernel: K) {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn avx2<K: Kernel>(kernel: K) {
        // SAFETY: the attribute enables what `Avx2` uses; the caller of `dispatch` upholds the kernel's own conditions.
        unsafe { kernel.run::<Avx2>() }
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512vnni")]
    unsafe fn vnni256<K: Kernel>(kernel: K) {
        // SAFETY: the attribute enables what `Vnni256` uses; the caller of `dispatch` upholds the kernel's own conditions.
        unsafe { kernel.run::<Vnni256>() }
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")]
    unsafe fn vnni512<K: Kernel>(kernel: K) {
        // SAFETY: the attribute enables what `Vnni512` uses; the caller of `dispatch` upholds the kernel's own conditions.
        unsafe { kernel.run::<Vnni512>() }
    }
    // SAFETY: the caller has the set from `best` or `available`, so the processor has it, and upholds the kernel's conditions.
    unsafe {
        match set {
            InstructionSet::Portable | InstructionSet::PortableTiles => kernel.run::<Portable>(),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => avx2(kernel),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Vnni256 => vnni256(kernel),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Vnni512 | InstructionSet::Amx => vnni512(kernel),
            #[cfg(all(test, target_arch = "x86_64"))]
            InstructionSet::PortableTiles512 => vnni512(kernel),
        }
    }
}

/// Compiles `kernel` for every set that has tiles and runs the version for `set`. A set without tiles does nothing.
///
/// # Safety
/// `set` comes from [`InstructionSet::best`] or [`InstructionSet::available`]; the kernel's own conditions hold.
pub(super) unsafe fn dispatch_tiles<K: TileKernel>(set: InstructionSet, kernel: K) {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")]
    unsafe fn vnni512<K: TileKernel, T: Tiles>(kernel: K) {
        // SAFETY: the attribute enables what `Vnni512` uses; the caller of `dispatch_tiles` upholds everything else.
        unsafe { kernel.run::<Vnni512, T>() }
    }
    debug_assert!(set.has_tiles());
    // SAFETY: the caller has the set from `best` or `available`, so the processor has it, and upholds the kernel's conditions.
    unsafe {
        match set {
            InstructionSet::PortableTiles => kernel.run::<Portable, PortableTiles>(),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Amx => vnni512::<K, AmxTiles>(kernel),
            #[cfg(all(test, target_arch = "x86_64"))]
            InstructionSet::PortableTiles512 => vnni512::<K, PortableTiles>(kernel),
            _ => {}
        }
    }
}
