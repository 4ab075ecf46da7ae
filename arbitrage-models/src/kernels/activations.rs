//! Activations as the integer kernels take them.

use super::isa::LANES;
use super::pool::Pool;

/// Columns that share a scale.
pub(super) const BLOCK: usize = 32;
/// Rows a task of a parallel quantisation.
const ROWS_A_TASK: usize = 8;

/// What a block of 32 activations has beside its bytes.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct Info {
    /// A byte stands for `byte · scale`.
    pub scale: f32,
    /// `scale` times the sum of bytes 0–15, and of bytes 16–31: what a weight's offset is multiplied with.
    pub halves: [f32; 2],
    /// The sum of the two.
    pub sum: f32,
}

/// Rows of activations in 8 bits, with a scale every 32 columns. Finer than llama.cpp's (256 columns for the K formats): the
/// largest activations of a block ruin the precision of its others, and an integer product costs the same either way.
///
/// # Shapes
/// Laid out `[blocks][rows][32]`, so that the rows which meet one block of weights lie side by side.
pub(super) struct Quantised {
    pub rows: usize,
    pub bytes: Vec<i8>,
    pub info: Vec<Info>,
}

impl Quantised {
    /// Quantises `x`, `[rows, cols]`, `cols` a multiple of 32. A block with a NaN or an infinity gets the scale NaN, so that
    /// it shows in every result.
    pub fn new(x: &[f32], cols: usize, pool: &Pool) -> Self {
        let (rows, blocks) = (x.len() / cols, cols / BLOCK);
        let mut bytes = vec![0; rows * cols];
        let mut info = vec![Info::default(); rows * blocks];
        let (to_bytes, to_info) = (Pointer(bytes.as_mut_ptr()), Pointer(info.as_mut_ptr()));
        pool.run(rows.div_ceil(ROWS_A_TASK), |task| {
            for row in task * ROWS_A_TASK..rows.min((task + 1) * ROWS_A_TASK) {
                let values = x[row * cols..][..cols].as_chunks::<BLOCK>().0;
                for (block, values) in values.iter().enumerate() {
                    let at = block * rows + row;
                    // SAFETY: `at < rows · blocks`, and each is written by one task.
                    unsafe { *to_info.get().add(at) = quantise(values, &mut *to_bytes.get().add(at * BLOCK).cast()) };
                }
            }
        });
        Self { rows, bytes, info }
    }
}

/// Rounds to the nearest of 255 steps. Plain loops over lanes, which become vector instructions.
#[inline]
fn quantise(values: &[f32; BLOCK], bytes: &mut [i8; BLOCK]) -> Info {
    // 1.5 · 2²³: added and subtracted, it rounds to an integer; `round` is a call.
    const ROUND: f32 = 12_582_912.0;
    let (mut most, mut probe) = ([0.0f32; LANES], [0.0f32; LANES]);
    for values in values.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            most[lane] = if values[lane].abs() > most[lane] { values[lane].abs() } else { most[lane] };
            probe[lane] += values[lane] * 0.0; // 0, or NaN where the value is not finite
        }
    }
    let most = most.into_iter().fold(0.0f32, f32::max);
    let probe: f32 = probe.into_iter().sum();
    let scale = most / 127.0 + probe;
    let inverse = if most > 0.0 { 127.0 / most } else { 0.0 };
    let mut sums = [0i32; 2];
    for (half, sum) in sums.iter_mut().enumerate() {
        for i in half * 16..half * 16 + 16 {
            let value = ((values[i] * inverse + ROUND) - ROUND) as i8;
            bytes[i] = value;
            *sum += i32::from(value);
        }
    }
    let halves = sums.map(|sum| scale * sum as f32);
    Info { scale, halves, sum: scale * (sums[0] + sums[1]) as f32 }
}

/// A pointer that tasks share; each writes where no other does.
pub(super) struct Pointer<T>(pub *mut T);

// SAFETY: tasks write through it at places that are theirs alone; see each use.
unsafe impl<T> Sync for Pointer<T> {}

impl<T> Pointer<T> {
    /// The pointer; a method, so that closures capture the wrapper.
    pub fn get(&self) -> *mut T {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_stand_for_the_values(
            x in prop::collection::vec(prop_oneof![-1e3f32..1e3, Just(0.0), -1e-3f32..1e-3], 96 * 5),
        ) {
            let quantised = Quantised::new(&x, 96, &Pool::new(1));
            for (row, values) in x.chunks(96).enumerate() {
                for (block, values) in values.chunks(BLOCK).enumerate() {
                    let at = block * 5 + row;
                    let (bytes, info) = (&quantised.bytes[at * BLOCK..][..BLOCK], quantised.info[at]);
                    let most = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
                    for (byte, value) in bytes.iter().zip(values) {
                        prop_assert!((f32::from(*byte) * info.scale - value).abs() <= most / 253.0);
                        prop_assert!((-127..=127).contains(byte));
                    }
                    let sum: i32 = bytes.iter().map(|&byte| i32::from(byte)).sum();
                    prop_assert!((info.sum - info.scale * sum as f32).abs() <= most * 1e-3);
                    prop_assert!((info.halves[0] + info.halves[1] - info.sum).abs() <= most * 1e-3);
                }
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_not_hidden() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = vec![1.0; 64];
            x[40] = bad;
            let quantised = Quantised::new(&x, 64, &Pool::new(1));
            assert!(quantised.info[0].scale.is_finite() && quantised.info[1].scale.is_nan());
        }
    }
}
