//! The feed-forward part of a layer, by the processor's kernels.

use super::experts::{ExpertRows, Experts, route};
use super::feed_forward::GatedFeedForward;
use super::fused::{OutputLayout, PackedLinear, products};
use crate::config::{Activation, ExpertsConfig};
use crate::kernels::{InstructionSet, Pool, gated};
use crate::profile::{Part, measure};

/// A feed-forward part as the kernels take it.
pub(super) enum PackedFeedForward<'a> {
    Dense(PackedGated<'a>),
    Experts(PackedExperts<'a>),
}

/// One gated feed-forward part.
pub(super) struct PackedGated<'a> {
    pub gate_up: [&'a PackedLinear; 2],
    pub activation: Activation,
    pub down: &'a PackedLinear,
}

/// The experts of a layer.
pub(super) struct PackedExperts<'a> {
    router: &'a PackedLinear,
    experts: &'a [GatedFeedForward],
    config: ExpertsConfig,
}

/// What a feed-forward part computes on its way.
#[derive(Default)]
pub(super) struct FeedForwardBuffers {
    /// Gate and up, `[rows, feed_forward]` each.
    halves: Vec<f32>,
    /// The router's results, `[rows, experts]`.
    logits: Vec<f32>,
    /// The rows of one expert, `[rows, hidden]`.
    inputs: Vec<f32>,
    /// What the expert gives for them.
    outputs: Vec<f32>,
}

impl PackedFeedForward<'_> {
    /// `x`, `[rows, hidden]`, to the same shape, which replaces what `out` holds.
    pub(super) fn forward(&self, x: &[f32], buffers: &mut FeedForwardBuffers, out: &mut Vec<f32>) {
        match self {
            Self::Dense(dense) => dense.forward(x, &mut buffers.halves, out),
            Self::Experts(experts) => experts.forward(x, buffers, out),
        }
    }
}

impl PackedGated<'_> {
    fn forward(&self, x: &[f32], halves: &mut Vec<f32>, out: &mut Vec<f32>) {
        let rows = products(Part::GateUp, x, self.gate_up, OutputLayout::Consecutive, halves);
        let (gate, up) = halves.split_at_mut(rows * self.gate_up[0].width());
        measure(Part::Activation, || gated(InstructionSet::best(), Pool::global(), self.activation, gate, up));
        products(Part::Down, gate, [self.down], OutputLayout::SideBySide, out);
    }
}

impl<'a> PackedExperts<'a> {
    /// The kernels' form of `experts`, if they are in it: the loader gives all of them one form.
    pub(super) fn new(experts: &'a Experts) -> Option<Self> {
        let Experts { router, experts, config } = experts;
        Some(Self { router: router.packed()?, experts, config: *config })
    }

    /// Each expert runs once for all rows that go through it, so that its weights are read once.
    fn forward(&self, x: &[f32], buffers: &mut FeedForwardBuffers, out: &mut Vec<f32>) {
        let FeedForwardBuffers { halves, logits, inputs, outputs } = buffers;
        let rows = products(Part::ExpertRouter, x, [self.router], OutputLayout::SideBySide, logits);
        let routed = measure(Part::ExpertRouter, || route(logits, self.config));
        let width = x.len() / rows.max(1);
        out.clear();
        out.resize(x.len(), 0.0);
        for ExpertRows { expert, rows, weights } in routed {
            let Some(expert) = self.experts.get(expert).and_then(GatedFeedForward::packed) else { continue };
            inputs.clear();
            rows.iter().for_each(|row| inputs.extend_from_slice(&x[row * width..][..width]));
            expert.forward(inputs, halves, outputs);
            measure(Part::Residual, || {
                for ((row, weight), given) in rows.iter().zip(weights).zip(outputs.chunks_exact(width)) {
                    let sums = &mut out[row * width..][..width];
                    sums.iter_mut().zip(given).for_each(|(sum, given)| *sum += weight * given);
                }
            });
        }
    }
}
