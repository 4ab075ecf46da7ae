//! Devices by name: `flex`, `wgpu`, `wgpu:1`, `cuda:0`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::backend::DeviceOps as _;
use burn::tensor::{DType, DeviceType};

pub use burn::tensor::Device;

use crate::error::{Error, Result};

/// All backends that a name may begin with.
const KNOWN_BACKENDS: [&str; 5] = ["flex", "wgpu", "vulkan", "metal", "cuda"];

/// The backends that were compiled in, with the type by which burn lists their devices.
const COMPILED_BACKENDS: &[(&str, DeviceType)] = &[
    #[cfg(feature = "flex")]
    ("flex", DeviceType::Flex),
    #[cfg(feature = "wgpu")]
    ("wgpu", DeviceType::Wgpu),
    #[cfg(feature = "vulkan")]
    ("vulkan", DeviceType::Vulkan),
    #[cfg(feature = "metal")]
    ("metal", DeviceType::Metal),
    #[cfg(feature = "cuda")]
    ("cuda", DeviceType::Cuda),
];

/// Backends that this build knows, for messages.
pub fn compiled_devices() -> Vec<&'static str> {
    COMPILED_BACKENDS.iter().map(|(name, _)| *name).collect()
}

/// A device of this machine.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FoundDevice {
    /// The name by which [`device`] gives it.
    pub name: String,
    /// The device.
    pub device: Device,
}

/// What is known of a device once it is open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceFacts {
    /// The card's or the driver's name; `None` for the processor.
    pub model: Option<String>,
    /// Whether it computes in f16.
    pub f16: bool,
    /// Whether it computes in bf16.
    pub bf16: bool,
}

/// How the packed operations run on this processor.
#[cfg(feature = "flex")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessorFacts {
    /// The instruction set in use: the best one, or the one that the environment variable `ARBITRAGE_ISA` names.
    pub instruction_set: &'static str,
    /// All sets that this processor has, the best last.
    pub available: Vec<&'static str>,
    /// Threads that share the work: one a processor, or as many as `ARBITRAGE_THREADS` names.
    pub threads: usize,
}

/// How the packed operations run on this processor.
///
/// # Errors
/// [`Error::Parameter`] when `ARBITRAGE_ISA` or `ARBITRAGE_THREADS` has a value without a meaning.
#[cfg(feature = "flex")]
pub fn processor_facts() -> Result<ProcessorFacts> {
    use crate::kernels::{InstructionSet, Pool, check_environment};
    check_environment()?;
    Ok(ProcessorFacts {
        instruction_set: InstructionSet::best().name(),
        available: InstructionSet::available().into_iter().map(InstructionSet::name).collect(),
        threads: Pool::global().threads(),
    })
}

impl FoundDevice {
    /// Opens the device to read its properties; `None` where it cannot be opened.
    pub fn facts(&self) -> Option<DeviceFacts> {
        #[cfg(any(feature = "wgpu", feature = "cuda"))]
        let model = || self.device.identity().map(|identity| identity.name);
        #[cfg(not(any(feature = "wgpu", feature = "cuda")))]
        let model = || None;
        let read = || DeviceFacts {
            model: model(),
            f16: self.device.supports_dtype(DType::F16),
            bf16: self.device.supports_dtype(DType::BF16),
        };
        without_panic(read)
    }
}

/// The devices of this machine that this build can use, in the order of their names' numbers.
pub fn found_devices() -> Vec<FoundDevice> {
    let named = |(backend, kind): &(&str, DeviceType)| {
        let name = |index| if *backend == "flex" { "flex".to_owned() } else { format!("{backend}:{index}") };
        let devices = found(kind).into_iter().enumerate();
        devices.map(|(index, device)| FoundDevice { name: name(index), device }).collect::<Vec<_>>()
    };
    COMPILED_BACKENDS.iter().flat_map(named).collect()
}

/// The burn device that `name` stands for: `flex` (the processor), or `wgpu`, `vulkan`, `metal` or `cuda` with the number of
/// one of its devices behind a colon, as [`found_devices`] counts them: from 0, discrete GPUs first. Without a number it is the
/// first.
///
/// `wgpu` takes the graphics interface that suits the machine; `vulkan` and `metal` insist on theirs, and on its own shaders.
/// The same card under two of them is two devices.
///
/// # Errors
/// [`Error::Device`] when the name is unknown, its backend was not compiled in, there is no such device, or it cannot be opened;
/// it lists what was compiled in and what was found.
pub fn device(name: &str) -> Result<Device> {
    let (backend, index) = name.split_once(':').unwrap_or((name, "0"));
    let index: usize = index.parse().map_err(|_| refused(name, "expected a number behind the colon"))?;
    let Some((_, kind)) = COMPILED_BACKENDS.iter().find(|(compiled, _)| *compiled == backend) else {
        let missing = "not compiled in: build with the feature of the backend's name";
        return Err(refused(name, if KNOWN_BACKENDS.contains(&backend) { missing } else { "unknown" }));
    };
    let device = found(kind).into_iter().nth(index).ok_or_else(|| refused(name, "there is no such device"))?;
    // Whether a device can be opened shows only when it is used, and it then panics if it cannot: so use it once here.
    without_panic(|| device.supports_dtype(DType::F32)).ok_or_else(|| refused(name, "it cannot be opened"))?;
    Ok(device)
}

/// Whether `device` is the processor.
#[cfg(feature = "train")]
#[cfg_attr(not(feature = "flex"), expect(unused_variables, reason = "without `flex` no device is the processor"))]
pub(crate) fn is_processor(device: &Device) -> bool {
    #[cfg(feature = "flex")]
    let is_flex = *device == Device::flex();
    #[cfg(not(feature = "flex"))]
    let is_flex = false;
    is_flex
}

/// A backend's devices, discrete GPUs first.
fn found(kind: &DeviceType) -> Vec<Device> {
    #[cfg(feature = "accelerator")]
    crate::accelerator::configure();
    let mut devices = without_panic(|| Device::enumerate(kind.clone()).into_vec()).unwrap_or_default();
    // Drivers list devices in any order; burn numbers their types by preference.
    devices.sort_by_key(|device| {
        let id = device.as_dispatch().id();
        (id.type_id, id.index_id)
    });
    devices
}

/// Where a library lacks a symbol or a card refuses, cubecl panics; here that is a device that cannot be opened.
fn without_panic<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

pub(crate) fn refused(name: &str, reason: &str) -> Error {
    let found: Vec<_> = found_devices().into_iter().map(|found| found.name).collect();
    Error::Device {
        asked: name.to_owned(),
        reason: reason.to_owned(),
        compiled: compiled_devices().join(", "),
        found: found.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_devices_are_opened_by_their_names() {
        for found in found_devices() {
            assert_eq!(device(&found.name).unwrap(), found.device, "{}", found.name);
            if let Some(first) = found.name.strip_suffix(":0") {
                assert_eq!(device(first).unwrap(), found.device, "{first}");
            }
        }
    }

    #[test]
    fn unknown_devices_are_refused_with_a_list_of_the_known() {
        let found: Vec<_> = found_devices().into_iter().map(|found| found.name).collect();
        let mut names = vec!["", "tpu", "FLEX", " flex", ":0", "flex:1", "flex:", "flex:x", "flex:-1", "cuda:0:0"];
        names.extend(["wgpu:65536", "vulkan:65536", "metal:65536", "cuda:65536", "cuda:99999999999999999999"]);
        names.extend(KNOWN_BACKENDS.iter().filter(|name| !compiled_devices().contains(name)));
        for name in names {
            let error = device(name).unwrap_err().to_string();
            for part in [name, &compiled_devices().join(", "), &found.join(", ")] {
                assert!(error.contains(part), "{name}: {error}");
            }
        }
    }

    #[cfg(feature = "flex")]
    #[test]
    fn the_processor_is_always_there() {
        assert_eq!(found_devices()[0].name, "flex");
        assert_eq!(found_devices()[0].facts().unwrap().model, None);
        assert_eq!(device("flex").unwrap(), Device::flex());
    }
}
