//! Timing work that a device may do later than it is told to.

use std::time::Instant;

use arbitrage_benches::Failure;
use burn::tensor::Device;

/// Seconds of each of so many runs of `work`, up to the end of what it put on the device; after a run that is not counted, in which
/// kernels are compiled and tuned.
///
/// # Errors
/// Those of the work, and those that the device reports of it.
pub(crate) fn rounds(
    device: &Device,
    count: usize,
    mut work: impl FnMut() -> Result<(), Failure>,
) -> Result<Vec<f64>, Failure> {
    let mut run = || -> Result<f64, Failure> {
        let start = Instant::now();
        work()?;
        device.sync()?;
        Ok(start.elapsed().as_secs_f64())
    };
    run()?;
    (0..count).map(|_| run()).collect()
}
