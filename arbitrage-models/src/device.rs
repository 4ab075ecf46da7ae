//! Devices by name: `flex`, `wgpu`, `wgpu:1`, `cuda:0`.

use burn::tensor::Device;

use crate::error::{Error, Result};

/// Devices that this build knows, for messages.
pub fn compiled_devices() -> Vec<&'static str> {
    [(cfg!(feature = "flex"), "flex"), (cfg!(feature = "wgpu"), "wgpu"), (cfg!(feature = "cuda"), "cuda")]
        .into_iter()
        .filter_map(|(compiled, name)| compiled.then_some(name))
        .collect()
}

/// The burn device that `name` stands for: `flex` (the processor), `wgpu[:n]` or `cuda[:n]`, where `n` counts discrete
/// GPUs from 0.
///
/// # Errors
/// [`Error::Device`] when the name is unknown or its backend was not compiled in; it lists those that were.
pub fn device(name: &str) -> Result<Device> {
    let (kind, index) = match name.split_once(':') {
        Some((kind, index)) => {
            (kind, Some(index.parse::<usize>().map_err(|_| refused(name, "the index is no number"))?))
        }
        None => (name, None),
    };
    match (kind, index) {
        #[cfg(feature = "flex")]
        ("flex", None) => Ok(Device::flex()),
        #[cfg(feature = "wgpu")]
        ("wgpu", None) => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(feature = "wgpu")]
        ("wgpu", Some(index)) => Ok(Device::wgpu(burn::tensor::DeviceKind::DiscreteGpu(index))),
        #[cfg(feature = "cuda")]
        ("cuda", index) => Ok(Device::cuda(index.unwrap_or(0))),
        ("flex", Some(_)) => Err(refused(name, "flex has no index")),
        (kind, _) if ["flex", "wgpu", "cuda"].contains(&kind) => {
            Err(refused(name, "not compiled in: build with the feature of that name"))
        }
        _ => Err(refused(name, "unknown")),
    }
}

fn refused(name: &str, reason: &str) -> Error {
    Error::Device { asked: name.to_owned(), reason: reason.to_owned(), compiled: compiled_devices().join(", ") }
}
