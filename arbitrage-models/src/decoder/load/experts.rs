//! Loading of feed-forward parts.

use super::super::expected::FEED_FORWARD_PARTS;
use super::super::experts::Experts;
use super::super::feed_forward::GatedFeedForward;
use super::super::linear::Linear;
use super::Loader;
use super::matrices::Place;
use crate::config::ExpertsConfig;
use crate::error::Result;
use crate::weights::{Rows, TensorView};

impl Loader<'_> {
    /// A feed-forward part of the matrices gate, up and down.
    pub(super) fn gated(&self, [gate, up, down]: [Linear; 3]) -> GatedFeedForward {
        GatedFeedForward { gate, up, activation: self.config.family.activation, down }
    }

    pub(super) fn experts(&self, layer: usize, config: ExpertsConfig) -> Result<Experts> {
        let name = |part: &str| self.full(&format!("layers.{layer}.mlp.{part}"));
        let [gates, ups, downs] =
            FEED_FORWARD_PARTS.map(|part| self.expert_matrices(&name("experts"), part, config.count));
        let experts = gates?.into_iter().zip(ups?).zip(downs?);
        let experts = experts.map(|((gate, up), down)| self.gated([gate, up, down])).collect();
        Ok(Experts { router: self.router(&name("gate"))?, experts, config })
    }

    /// The router of a layer's experts, in its file's format whatever the options ask for: rounded, it would choose other experts.
    fn router(&self, linear: &str) -> Result<Linear> {
        let tensor = format!("{linear}.weight");
        let place = Place { linear, tensor: &tensor, start: 0 };
        self.linear_at(&place, self.rows(&tensor)?, None, None)
    }

    /// A matrix of each expert.
    fn expert_matrices(&self, name: &str, part: &str, count: usize) -> Result<Vec<Linear>> {
        if !self.source.experts_are_stacked() {
            return (0..count).map(|expert| self.linear(&format!("{name}.{expert}.{part}"), None)).collect();
        }
        let tensor = format!("{name}.{part}.weight");
        let whole = self.view(&tensor)?;
        let size = whole.bytes.len() / count;
        let matrices = (0..count).map(|expert| {
            let view = TensorView { shape: &whole.shape[1..], bytes: &whole.bytes[expert * size..][..size], ..whole };
            let rows = self.smaller(Rows::of(self.source.path(), view)?);
            let place = Place { linear: &format!("{name}.{expert}.{part}"), tensor: &tensor, start: expert * size };
            self.linear_at(&place, rows, None, None)
        });
        let matrices = matrices.collect();
        self.source.forget(&tensor);
        matrices
    }
}
