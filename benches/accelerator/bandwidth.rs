//! What the device's memory can do, whatever the models make of it.

use arbitrage_benches::machine::{self, threads};
use arbitrage_benches::{Failure, median};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::clock::rounds;

/// Columns of the tensor: rows enough for every compute unit, long enough to be read in wide loads.
const COLUMNS: usize = 4096;
/// Runs between two waits for the device, which would be a good part of the time of one.
const REPEATS: usize = 16;

/// Bytes a second.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Bandwidth {
    /// Read by a sum over rows.
    pub read: f64,
    /// Read and written by a copy with one added.
    pub copied: f64,
}

impl Bandwidth {
    /// Measures by a tensor of `bytes`, which should be several times what caches hold. On the processor, where a sum of burn's runs on
    /// one thread, all threads read as well, and the best counts.
    ///
    /// # Errors
    /// Those of the device, as where it has no room.
    pub(crate) fn measure(device: &Device, bytes: usize, count: usize) -> Result<Self, Failure> {
        let rows = bytes.div_ceil(COLUMNS * size_of::<f32>());
        let x: Tensor<2> = Tensor::ones([rows, COLUMNS], device);
        let bytes = (rows * COLUMNS * size_of::<f32>()) as f64;
        let mut read = REPEATS as f64 * bytes / seconds(device, count, || x.clone().sum_dim(1))?;
        let copied = REPEATS as f64 * 2.0 * bytes / seconds(device, count, || x.clone() + 1.0)?;
        if *device == Device::flex() {
            let memory = machine::Bandwidth::of(bytes as usize);
            read = (0..count).map(|_| memory.measure(threads())).fold(read, f64::max);
        }
        Ok(Self { read, copied })
    }

    /// The best of both: what shares are of.
    pub(crate) fn best(self) -> f64 {
        self.read.max(self.copied)
    }
}

/// Each result is flushed before it is let go of: a backend that fuses operations would otherwise make one of them all.
fn seconds(device: &Device, count: usize, work: impl Fn() -> Tensor<2>) -> Result<f64, Failure> {
    let all = rounds(device, count, || {
        for _ in 0..REPEATS {
            let result = work();
            device.flush()?;
            drop(result);
        }
        Ok(())
    })?;
    Ok(median(all))
}
