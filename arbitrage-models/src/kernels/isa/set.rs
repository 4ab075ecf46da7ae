//! The instruction sets, by name and by what the processor has.

use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
use super::tiles::amx_is_available;
use crate::error::{Error, Result};

/// Chooses the instruction set by name, for tests and measurements.
const VARIABLE: &str = "ARBITRAGE_ISA";

/// The sets that a kernel is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InstructionSet {
    /// Plain Rust.
    Portable,
    /// The same with a stand-in for tile registers, to test what is written for them where there are none.
    PortableTiles,
    /// AVX2 with FMA and F16C.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// The same with byte products that sum in 32 bits (AVX512-VNNI at 256 bits).
    #[cfg(target_arch = "x86_64")]
    Vnni256,
    /// AVX-512 with byte products that sum in 32 bits.
    #[cfg(target_arch = "x86_64")]
    Vnni512,
    /// The same with the stand-in for tile registers.
    #[cfg(all(test, target_arch = "x86_64"))]
    PortableTiles512,
    /// The same as `Vnni512` with AMX's tile registers for products of several rows.
    #[cfg(target_arch = "x86_64")]
    Amx,
}

impl InstructionSet {
    /// All sets that this build knows, the best last.
    const ALL: &[Self] = &[
        Self::Portable,
        Self::PortableTiles,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        #[cfg(target_arch = "x86_64")]
        Self::Vnni256,
        #[cfg(target_arch = "x86_64")]
        Self::Vnni512,
        #[cfg(all(test, target_arch = "x86_64"))]
        Self::PortableTiles512,
        #[cfg(target_arch = "x86_64")]
        Self::Amx,
    ];

    /// The best set of this processor, or the one that the environment variable `ARBITRAGE_ISA` names. A name that
    /// [`chosen`](Self::chosen) refuses counts as unset here; [`check_environment`](crate::kernels::check_environment) has then
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
        Self::available().into_iter().rfind(|set| !set.is_stand_in()).unwrap_or(Self::Portable)
    }

    /// All that this processor can run, the best last. On Linux with AMX this asks the kernel for the permission to use it.
    pub(crate) fn available() -> Vec<Self> {
        Self::ALL.iter().copied().filter(|set| set.is_available()).collect()
    }

    fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        let avx2 =
            is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
        #[cfg(target_arch = "x86_64")]
        let vnni = avx2 && is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512vl");
        #[cfg(target_arch = "x86_64")]
        let vnni512 = vnni && is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512dq");
        match self {
            Self::Portable | Self::PortableTiles => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2,
            #[cfg(target_arch = "x86_64")]
            Self::Vnni256 => vnni,
            #[cfg(target_arch = "x86_64")]
            Self::Vnni512 => vnni512,
            #[cfg(all(test, target_arch = "x86_64"))]
            Self::PortableTiles512 => vnni512,
            #[cfg(target_arch = "x86_64")]
            Self::Amx => vnni512 && amx_is_available(),
        }
    }

    /// Whether products of several rows go through tile registers.
    pub(crate) fn has_tiles(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx => true,
            _ => self.is_stand_in(),
        }
    }

    /// Whether the set is there for tests alone, and slower than the vectors it stands on.
    pub(crate) fn is_stand_in(self) -> bool {
        match self {
            #[cfg(all(test, target_arch = "x86_64"))]
            Self::PortableTiles512 => true,
            _ => self == Self::PortableTiles,
        }
    }

    /// Its name in `ARBITRAGE_ISA` and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::PortableTiles => "tiles",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Vnni256 => "vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Vnni512 => "vnni512",
            #[cfg(all(test, target_arch = "x86_64"))]
            Self::PortableTiles512 => "tiles512",
            #[cfg(target_arch = "x86_64")]
            Self::Amx => "amx",
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
        assert!(!InstructionSet::detected().is_stand_in());
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
