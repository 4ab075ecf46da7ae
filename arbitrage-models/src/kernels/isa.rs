//! The few vector operations that the kernels are written in, once for each instruction set.
//!
//! A kernel is written once, over [`Isa`], and compiled for each set by [`dispatch`]; the set is chosen at run time. A lane is
//! a row of weights. Weights are packed in groups of eight rows whatever the machine has, so that one layout fits every set:
//! a 256-bit vector spans one group, a 512-bit vector two neighbouring ones.
//!
//! All sets give the same bits. Sums of bytes are exact, and every set takes the same chain of floating-point operations, with
//! multiply-adds that round once. To add a set, implement [`Isa`] in a file of its own and add it to [`InstructionSet`] and
//! [`dispatch`].

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::{Avx2, Vnni256};
#[cfg(target_arch = "x86_64")]
pub(super) use avx512::Vnni512;
pub(super) use portable::Portable;

use std::sync::OnceLock;

use crate::error::{Error, Result};

/// Rows of weights that are packed together.
pub(super) const LANES: usize = 8;
/// Lanes of the widest set.
pub(super) const MAX_LANES: usize = 16;

/// Chooses the instruction set by name, for tests and measurements.
const VARIABLE: &str = "ARBITRAGE_ISA";

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
/// [`LanePointer`] for its share in each of the places that the set reads. Everything is `#[inline(always)]`, so that it is
/// compiled with the features of the function that [`dispatch`] made.
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
}

/// The sets that a kernel is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InstructionSet {
    /// Plain Rust.
    Portable,
    /// AVX2 with FMA and F16C.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// The same with byte products that sum in 32 bits (AVX512-VNNI at 256 bits).
    #[cfg(target_arch = "x86_64")]
    Vnni256,
    /// AVX-512 with byte products that sum in 32 bits.
    #[cfg(target_arch = "x86_64")]
    Vnni512,
}

impl InstructionSet {
    /// All sets that this build knows, the best last.
    const ALL: &[Self] = &[
        Self::Portable,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        #[cfg(target_arch = "x86_64")]
        Self::Vnni256,
        #[cfg(target_arch = "x86_64")]
        Self::Vnni512,
    ];

    /// The best set of this processor, or the one that the environment variable `ARBITRAGE_ISA` names. A name that
    /// [`chosen`](Self::chosen) refuses counts as unset here; [`check_environment`](super::check_environment) has then
    /// refused to load a model.
    pub(crate) fn best() -> Self {
        static BEST: OnceLock<InstructionSet> = OnceLock::new();
        *BEST.get_or_init(|| Self::chosen().ok().flatten().unwrap_or_else(Self::detected))
    }

    /// The set that the environment names, if it names one.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a name that no set has, or one of a set that this processor lacks.
    pub(crate) fn chosen() -> Result<Option<Self>> {
        std::env::var_os(VARIABLE).map(|name| Self::by_name(&name.to_string_lossy())).transpose()
    }

    fn by_name(name: &str) -> Result<Self> {
        let available = Self::available();
        available.iter().copied().find(|set| set.name() == name).ok_or_else(|| {
            let names: Vec<_> = available.iter().map(|set| set.name()).collect();
            let known = Self::ALL.iter().any(|set| set.name() == name);
            Error::Parameter {
                name: VARIABLE,
                expected: format!("one of {}", names.join(", ")),
                found: format!("`{name}`{}", if known { ", which this processor does not have" } else { "" }),
            }
        })
    }

    fn detected() -> Self {
        Self::available().last().copied().unwrap_or(Self::Portable)
    }

    /// All that this processor can run, the best last.
    pub(crate) fn available() -> Vec<Self> {
        Self::ALL.iter().copied().filter(|set| set.is_available()).collect()
    }

    fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        let avx2 =
            is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
        #[cfg(target_arch = "x86_64")]
        let vnni = avx2 && is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512vl");
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2,
            #[cfg(target_arch = "x86_64")]
            Self::Vnni256 => vnni,
            #[cfg(target_arch = "x86_64")]
            Self::Vnni512 => vnni && is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512dq"),
        }
    }

    /// Its name in `ARBITRAGE_ISA` and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Vnni256 => "vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Vnni512 => "vnni512",
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
            InstructionSet::Portable => kernel.run::<Portable>(),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => avx2(kernel),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Vnni256 => vnni256(kernel),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Vnni512 => vnni512(kernel),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_chosen_by_name_and_others_are_refused() {
        let available = InstructionSet::available();
        eprintln!("instruction sets of this machine: {available:?}");
        for set in available {
            assert_eq!(InstructionSet::by_name(set.name()).unwrap(), set);
        }
        for name in ["", "avx", "AVX2", "portable "] {
            let error = InstructionSet::by_name(name).unwrap_err();
            assert!(matches!(error, Error::Parameter { name: VARIABLE, .. }));
            assert!(error.to_string().starts_with("ARBITRAGE_ISA: expected one of portable"), "{error}");
        }
        for set in InstructionSet::ALL.iter().filter(|set| !set.is_available()) {
            let error = InstructionSet::by_name(set.name()).unwrap_err().to_string();
            assert!(error.ends_with("which this processor does not have"), "{error}");
        }
    }
}
