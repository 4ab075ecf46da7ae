//! The few vector operations that the kernels are written in, once for each instruction set.
//!
//! A kernel is written once, over [`Isa`], and compiled for each set by [`dispatch`]; the set is chosen at run time. Vectors
//! have eight lanes of 32 bits whatever the machine has, so that a layout of weights fits every set.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::{Avx2, Vnni};
pub(super) use portable::Portable;

use std::sync::OnceLock;

/// Rows of weights that are laid out together: the lanes of a vector.
pub(super) const LANES: usize = 8;

/// An instruction set.
///
/// # Safety
/// All operations: the processor has the set, pointers are valid for the named number of values (of any alignment).
/// Everything is `#[inline(always)]`, so that it is compiled with the features of the function that [`dispatch`] made.
pub(super) trait Isa: Copy + 'static {
    /// 32 bytes: four neighbouring columns of each of eight rows.
    type Bytes: Copy;
    /// Eight 32-bit integers.
    type Ints: Copy;
    /// Eight single-precision numbers.
    type Floats: Copy;

    /// Asks for a cache line, which may lie anywhere.
    unsafe fn prefetch(at: *const u8);
    /// 32 bytes.
    unsafe fn bytes(at: *const u8) -> Self::Bytes;
    /// One byte, 32 times.
    unsafe fn splat_byte(byte: u8) -> Self::Bytes;
    /// Bitwise and.
    unsafe fn and(a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;
    /// Bitwise or.
    unsafe fn or(a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;
    /// Shifts every byte right. Bits may come in from a neighbour: mask them.
    unsafe fn shr<const N: i32>(a: Self::Bytes) -> Self::Bytes;
    /// Shifts every byte left, likewise.
    unsafe fn shl<const N: i32>(a: Self::Bytes) -> Self::Bytes;
    /// Products with `4 · N` activations, which lie at `a`, each from −127 to 127, summed a row. `w` holds unsigned numbers
    /// of `BITS` bits, or signed ones where `BITS` is 8.
    unsafe fn dot<const BITS: u32, const N: usize>(w: &[Self::Bytes; N], a: *const i8) -> Self::Ints;
    /// Integers as floats.
    unsafe fn to_floats(a: Self::Ints) -> Self::Floats;

    /// Eight zeros.
    unsafe fn zero() -> Self::Floats;
    /// One number, eight times.
    unsafe fn splat(value: f32) -> Self::Floats;
    /// Eight numbers in single precision.
    unsafe fn floats(at: *const f32) -> Self::Floats;
    /// Eight bytes, unsigned.
    unsafe fn from_u8(at: *const u8) -> Self::Floats;
    /// Eight bytes, signed.
    unsafe fn from_i8(at: *const u8) -> Self::Floats;
    /// Eight numbers in half precision.
    unsafe fn from_f16(at: *const u8) -> Self::Floats;
    /// Eight numbers in bfloat16.
    unsafe fn from_bf16(at: *const u8) -> Self::Floats;
    /// Writes eight numbers.
    unsafe fn store(at: *mut f32, a: Self::Floats);
    /// `a + b`.
    unsafe fn add(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a · b`.
    unsafe fn mul(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a · b + c`, rounded once where the set can.
    unsafe fn mul_add(a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats;
}

/// The sets that a kernel is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    /// Plain Rust.
    Portable,
    /// AVX2 with FMA and F16C.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// The same with byte products that sum in 32 bits (AVX512-VNNI at 256 bits, AVX-VNNI).
    #[cfg(target_arch = "x86_64")]
    Vnni,
}

impl Set {
    /// The best set of this processor. `ARBITRAGE_ISA=portable|avx2` asks for less.
    pub(crate) fn best() -> Self {
        static BEST: OnceLock<Set> = OnceLock::new();
        *BEST.get_or_init(|| {
            let asked = std::env::var("ARBITRAGE_ISA").ok();
            let all = Self::available();
            let found = asked.and_then(|name| all.iter().copied().find(|set| set.name() == name));
            found.or(all.last().copied()).unwrap_or(Self::Portable)
        })
    }

    /// All that this processor can run, the best last.
    pub(crate) fn available() -> Vec<Self> {
        #[allow(unused_mut, reason = "other architectures have the portable set only")]
        let mut sets = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c") {
            sets.push(Self::Avx2);
            if is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512vl") {
                sets.push(Self::Vnni);
            }
        }
        sets
    }

    /// Its name in `ARBITRAGE_ISA` and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => "vnni",
        }
    }
}

/// Work that is written over [`Isa`].
pub(super) trait Kernel {
    /// Does it.
    ///
    /// # Safety
    /// The processor has the set; whatever else the implementor asks for. Implementations are `#[inline(always)]`.
    unsafe fn run<S: Isa>(self);
}

/// Compiles `kernel` for every set and runs the version for `set`.
///
/// # Safety
/// `set` comes from [`Set::best`] or [`Set::available`]; the kernel's own conditions hold.
pub(super) unsafe fn dispatch<K: Kernel>(set: Set, kernel: K) {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn avx2<K: Kernel>(kernel: K) {
        // SAFETY: the features are those of the attribute; the rest is the caller's promise.
        unsafe { kernel.run::<Avx2>() }
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512vnni")]
    unsafe fn vnni<K: Kernel>(kernel: K) {
        // SAFETY: as above.
        unsafe { kernel.run::<Vnni>() }
    }
    // SAFETY: the set was detected, and the kernel's conditions are the caller's promise.
    unsafe {
        match set {
            Set::Portable => kernel.run::<Portable>(),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => avx2(kernel),
            #[cfg(target_arch = "x86_64")]
            Set::Vnni => vnni(kernel),
        }
    }
}
