//! A mixture of experts (Shazeer et al., arXiv 1701.06538): several feed-forward parts, of which each token goes through those that a
//! router finds the most probable.

use burn::tensor::{IndexingUpdateOp, Tensor, TensorData};

use super::batched_attention::ints;
use super::feed_forward::GatedFeedForward;
use super::linear::Linear;
use super::values;
use crate::config::ExpertsConfig;

/// The experts of a layer.
pub(super) struct Experts {
    /// `[experts, hidden]`.
    pub router: Linear,
    pub experts: Vec<GatedFeedForward>,
    pub config: ExpertsConfig,
}

/// The rows of a pass that go through one expert, with the weight of its result in each.
#[derive(Debug, PartialEq)]
pub(super) struct ExpertRows {
    pub expert: usize,
    pub rows: Vec<usize>,
    pub weights: Vec<f32>,
}

impl Experts {
    /// `[rows, hidden]` → `[rows, hidden]` by burn's operations. The router's results are read back, since they decide which experts run.
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let (logits, device) = (values(self.router.forward(x.clone())), x.device());
        let mut out = x.zeros_like();
        for ExpertRows { expert, rows, weights } in route(&logits, self.config) {
            let count = rows.len();
            let rows = ints(&rows, &device);
            let weights: Tensor<2> = Tensor::from_data(TensorData::new(weights, [count, 1]), &device);
            let given = self.experts[expert].forward(x.clone().select(0, rows.clone())) * weights;
            out = out.select_assign(0, rows, given, IndexingUpdateOp::Add);
        }
        out
    }

    /// Bytes of the matrices that a token reads.
    pub(super) fn bytes(&self) -> usize {
        let chosen = self.experts.iter().take(self.config.chosen);
        self.router.bytes() + chosen.map(GatedFeedForward::bytes).sum::<usize>()
    }

    /// The matrix that a file calls `part`, such as `experts.7.up_proj`.
    #[cfg(feature = "flex")]
    pub(super) fn matrix(&self, part: &str) -> Option<&Linear> {
        match part.strip_prefix("experts.").and_then(|rest| rest.split_once('.')) {
            Some((index, part)) => self.experts.get(index.parse::<usize>().ok()?)?.matrix(part),
            None => (part == "gate").then_some(&self.router),
        }
    }
}

/// Sends each row of the router's `logits`, `[rows, experts]`, to the experts of the greatest probability, of two equal ones to the first;
/// the experts that have rows, in order. A row's results are added in this order, whatever other rows there are.
pub(super) fn route(logits: &[f32], config: ExpertsConfig) -> Vec<ExpertRows> {
    let ExpertsConfig { count, chosen, is_normalised, .. } = config;
    let mut routed: Vec<ExpertRows> =
        (0..count).map(|expert| ExpertRows { expert, rows: Vec::new(), weights: Vec::new() }).collect();
    for (row, logits) in logits.chunks_exact(count).enumerate() {
        let probabilities = softmax(logits);
        let mut order: Vec<usize> = (0..count).collect();
        // A NaN comes first and is seen in the result.
        order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
        let best = &order[..chosen.min(count)];
        let total: f32 = if is_normalised { best.iter().map(|&expert| probabilities[expert]).sum() } else { 1.0 };
        for &expert in best {
            routed[expert].rows.push(row);
            routed[expert].weights.push(probabilities[expert] / total);
        }
    }
    routed.retain(|expert| !expert.rows.is_empty());
    routed
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f32> = logits.iter().map(|logit| (logit - most).exp()).collect();
    let total: f32 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(is_normalised: bool) -> ExpertsConfig {
        ExpertsConfig { count: 4, chosen: 2, width: 8, is_normalised }
    }

    #[test]
    fn rows_go_to_the_most_probable_experts() {
        let half = 0.5_f32.ln();
        let logits = [0.0, half, f32::NEG_INFINITY, half, f32::NEG_INFINITY, half, half, 0.0];
        let expected = |weights: [[f32; 2]; 2]| {
            let expert = |expert, rows: &[usize], weights: &[f32]| ExpertRows {
                expert,
                rows: rows.to_vec(),
                weights: weights.to_vec(),
            };
            let [[first, second], [third, last]] = weights;
            vec![expert(0, &[0], &[first]), expert(1, &[0, 1], &[second, third]), expert(3, &[1], &[last])]
        };
        assert_eq!(route(&logits, config(false)), expected([[0.5, 0.25], [0.25, 0.5]]));
        let thirds = [2.0 / 3.0, 1.0 / 3.0];
        assert_eq!(route(&logits, config(true)), expected([thirds, [thirds[1], thirds[0]]]));
    }

    #[test]
    fn what_is_not_a_number_is_seen() {
        let routed = route(&[0.0, f32::NAN, 1.0, 2.0], config(true));
        assert!(routed.iter().flat_map(|expert| &expert.weights).any(|weight| weight.is_nan()));
    }
}
