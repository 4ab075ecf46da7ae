//! RMSNorm, gated activations and sums, row by row.
//!
//! Plain loops over lanes: compiled for each instruction set, they become its vector instructions.

use std::f32::consts::{FRAC_2_SQRT_PI, SQRT_2};
use std::ops::Range;

use super::activations::Pointer;
use super::isa::{InstructionSet, Isa, Kernel, LANES, dispatch};
use super::pool::Pool;
use crate::config::Activation;
use crate::math::exp;

/// Twice the square root of 2/π.
const GELU_SLOPE: f32 = FRAC_2_SQRT_PI * SQRT_2;
/// Numbers of a task of a parallel section.
const CHUNK: usize = 16 * 1024;

/// `x / sqrt(mean(x²) + ε) · weight` (Zhang & Sennrich, arXiv 1910.07467), `[rows, weight.len()]`, written to `out`, which is as long
/// as `x`.
pub(crate) fn rms_norm(set: InstructionSet, pool: &Pool, x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    for_each_chunk(pool, out, weight.len(), |at, out| {
        let x = &x[at..at + out.len()];
        // SAFETY: the set is one that this processor has.
        unsafe { dispatch(set, Norm { x, weight, epsilon, out }) };
    });
}

/// The same in place, of each piece of `weight.len()` numbers in the `columns` of each row of `x`, `[rows, stride]`.
pub(crate) fn rms_norm_columns(
    set: InstructionSet,
    pool: &Pool,
    x: &mut [f32],
    stride: usize,
    columns: Range<usize>,
    weight: &[f32],
    epsilon: f32,
) {
    for_each_chunk(pool, x, stride, |_, rows| {
        for row in rows.chunks_exact_mut(stride) {
            // SAFETY: the set is one that this processor has.
            unsafe { dispatch(set, NormInPlace { x: &mut row[columns.clone()], weight, epsilon }) };
        }
    });
}

/// `x + change`, left in `x`.
pub(crate) fn add(pool: &Pool, x: &mut [f32], change: &[f32]) {
    for_each_chunk(pool, x, LANES, |at, x| {
        x.iter_mut().zip(&change[at..]).for_each(|(x, change)| *x += change);
    });
}

/// `activation(gate) ⊙ up` (Shazeer, arXiv 2002.05202), left in `gate`.
pub(crate) fn gated(set: InstructionSet, pool: &Pool, activation: Activation, gate: &mut [f32], up: &[f32]) {
    for_each_chunk(pool, gate, LANES, |at, gate| {
        let up = &up[at..at + gate.len()];
        // SAFETY: the set is one that this processor has.
        unsafe {
            match activation {
                Activation::Silu => dispatch(set, Gated { gate, up, scaled: |x| x }),
                Activation::GeluTanh => dispatch(set, Gated { gate, up, scaled: gelu_argument }),
            }
        };
    });
}

/// Runs `work(start, chunk)` on chunks of `out` that hold whole rows.
fn for_each_chunk(pool: &Pool, out: &mut [f32], row: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
    let (len, size) = (out.len(), (CHUNK / row).max(1) * row);
    let out = Pointer(out.as_mut_ptr());
    pool.run(len.div_ceil(size), |task| {
        let at = task * size;
        // SAFETY: chunks lie inside `out` and do not overlap.
        let chunk = unsafe { std::slice::from_raw_parts_mut(out.get().add(at), size.min(len - at)) };
        work(at, chunk);
    });
}

struct Norm<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    epsilon: f32,
    out: &'a mut [f32],
}

impl Kernel for Norm<'_> {
    #[inline(always)]
    unsafe fn run<S: Isa>(self) {
        let width = self.weight.len();
        for (x, out) in self.x.chunks_exact(width).zip(self.out.chunks_exact_mut(width)) {
            let inverse = inverse_root_mean_square(x, self.epsilon);
            for ((out, x), weight) in out.iter_mut().zip(x).zip(self.weight) {
                *out = x * inverse * weight;
            }
        }
    }
}

struct NormInPlace<'a> {
    x: &'a mut [f32],
    weight: &'a [f32],
    epsilon: f32,
}

impl Kernel for NormInPlace<'_> {
    #[inline(always)]
    unsafe fn run<S: Isa>(self) {
        for x in self.x.chunks_exact_mut(self.weight.len()) {
            let inverse = inverse_root_mean_square(x, self.epsilon);
            for (x, weight) in x.iter_mut().zip(self.weight) {
                *x = *x * inverse * weight;
            }
        }
    }
}

#[inline(always)]
fn inverse_root_mean_square(x: &[f32], epsilon: f32) -> f32 {
    let (chunks, rest) = x.as_chunks::<LANES>();
    let mut lanes = [0.0f32; LANES];
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] += chunk[lane] * chunk[lane];
        }
    }
    let total: f32 = lanes.into_iter().chain(rest.iter().map(|x| x * x)).sum();
    1.0 / (total / x.len() as f32 + epsilon).sqrt()
}

/// The number of whose sigmoid `x` is multiplied in GELU by tanh, since `(1 + tanh(x)) / 2` is `sigmoid(2x)`.
#[inline(always)]
fn gelu_argument(x: f32) -> f32 {
    GELU_SLOPE * (x + 0.044715 * (x * x * x))
}

/// The gate is multiplied by the sigmoid of what `scaled` makes of it.
struct Gated<'a, F> {
    gate: &'a mut [f32],
    up: &'a [f32],
    scaled: F,
}

impl<F: Fn(f32) -> f32> Kernel for Gated<'_, F> {
    #[inline(always)]
    unsafe fn run<S: Isa>(self) {
        for (gate, up) in self.gate.iter_mut().zip(self.up) {
            // `exp` takes numbers up to 0: the sigmoid is written with the negative of the size on either side.
            let x = (self.scaled)(*gate);
            let e = exp(-x.abs());
            let sigmoid = if x < 0.0 { e } else { 1.0 } / (1.0 + e);
            *gate = *gate * sigmoid * up;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;
    use proptest::prelude::*;

    fn norm(set: InstructionSet, pool: &Pool, x: &[f32], weight: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len()];
        rms_norm(set, pool, x, weight, 1e-5, &mut out);
        out
    }

    #[test]
    fn sums_of_many_tasks_are_plain_sums() {
        let x: Vec<f32> = (0..3 * CHUNK + 5).map(|i| i as f32 * 0.37 - 9.0).collect();
        let change: Vec<f32> = x.iter().rev().copied().collect();
        let mut sum = x.clone();
        add(&Pool::new(2), &mut sum, &change);
        assert!(sum.iter().zip(x.iter().zip(&change)).all(|(sum, (x, change))| *sum == x + change));
    }

    proptest! {
        #[test]
        fn fused_is_plain(rows in 1usize..5, width in 1usize..70, seed in any::<u64>()) {
            let mut draw = arbitrage_core::Draw::new(seed);
            let mut values = |count| (0..count).map(|_| draw.uniform() as f32 * 20.0 - 10.0).collect::<Vec<_>>();
            let (x, weight, up) = (values(rows * width), values(width), values(rows * width));
            let pool = Pool::new(2);
            for set in InstructionSet::available() {
                let normed = norm(set, &pool, &x, &weight);
                prop_assert_eq!(&normed, &norm(InstructionSet::Portable, &pool, &x, &weight));
                for (row, normed) in x.chunks(width).zip(normed.chunks(width)) {
                    let mean = row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / width as f64;
                    for ((x, weight), normed) in row.iter().zip(&weight).zip(normed) {
                        let exact = f64::from(*x) / (mean + 1e-5).sqrt() * f64::from(*weight);
                        prop_assert!((f64::from(*normed) - exact).abs() <= 1e-5 * (1.0 + exact.abs()));
                    }
                }
                for activation in [Activation::Silu, Activation::GeluTanh] {
                    let mut gate = x.clone();
                    gated(set, &pool, activation, &mut gate, &up);
                    let mut portable = x.clone();
                    gated(InstructionSet::Portable, &pool, activation, &mut portable, &up);
                    prop_assert_eq!(&gate, &portable);
                    for ((x, up), gated) in x.iter().zip(&up).zip(&gate) {
                        let exact = activated(activation, f64::from(*x)) * f64::from(*up);
                        prop_assert!((f64::from(*gated) - exact).abs() <= 1e-5 * (1.0 + exact.abs()));
                    }
                }
            }
        }
    }

    /// As the papers write it.
    fn activated(activation: Activation, x: f64) -> f64 {
        match activation {
            Activation::Silu => x / (1.0 + (-x).exp()),
            Activation::GeluTanh => 0.5 * x * (1.0 + ((2.0 / PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh()),
        }
    }

    #[test]
    fn what_is_not_finite_stays_so() {
        let (pool, set) = (Pool::new(1), InstructionSet::best());
        for bad in [f32::NAN, f32::INFINITY] {
            assert!(norm(set, &pool, &[1.0, bad], &[1.0, 1.0]).iter().any(|x| !x.is_finite()));
            for activation in [Activation::Silu, Activation::GeluTanh] {
                let mut gate = [bad, 1.0];
                gated(set, &pool, activation, &mut gate, &[1.0, bad]);
                assert!(gate.iter().all(|x| !x.is_finite()));
            }
        }
    }
}
