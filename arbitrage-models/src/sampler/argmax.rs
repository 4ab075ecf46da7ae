//! The likeliest token of each row, by burn operations on the device that holds the logits.

use burn::tensor::{Int, Tensor};

use super::SampledToken;

/// Numbers that are read back for each row.
const SUMMARY_WIDTH: usize = 3;

/// For each row of `logits`, `[rows, columns]`: the first column of the greatest logit, the logarithm of the sum of all
/// `exp(logit − max)`, and the entropy in nats; `[rows, 3]`. Column numbers are exact up to 2²⁴, far beyond any vocabulary.
pub(crate) fn on_device(logits: Tensor<2>) -> Tensor<2> {
    let [_, columns] = logits.dims();
    let device = logits.device();
    let max = logits.clone().max_dim(1);
    let shifted = logits.clone() - max;
    let weights = shifted.clone().exp();
    let sum = weights.clone().sum_dim(1);
    // −∞ · 0 is NaN, so a logit of −∞ makes the result NaN.
    let weighted = (shifted.clone() * weights).sum_dim(1);
    let log_sum = sum.clone().log();
    let entropy = log_sum.clone() - weighted / sum;
    let column = Tensor::<1, Int>::arange(0..columns as i64, &device).float().unsqueeze::<2>();
    let not_max = shifted.lower_elem(0.0);
    let first = column.expand(logits.dims()).mask_fill(not_max, columns as f32).min_dim(1);
    Tensor::cat(vec![first, log_sum, entropy], 1)
}

/// The likeliest tokens from the numbers that [`on_device`] returned. `None` when a logit was not finite.
pub(crate) fn sampled_tokens(summary: &[f32]) -> Option<Vec<SampledToken>> {
    let token = |row: &[f32]| {
        let [column, log_sum, entropy] = [row[0], row[1], row[2]];
        let is_finite = row.iter().all(|number| number.is_finite());
        let token = SampledToken { id: column as u32, logprob: -log_sum.max(0.0), entropy: Some(entropy.max(0.0)) };
        is_finite.then_some(token)
    };
    summary.chunks_exact(SUMMARY_WIDTH).map(token).collect()
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::{Device, TensorData};
    use proptest::prelude::*;

    use super::super::{Sampler, Sampling};
    use super::*;

    fn found(rows: &[Vec<f32>]) -> Option<Vec<SampledToken>> {
        let shape = [rows.len(), rows[0].len()];
        let data = TensorData::new(rows.concat(), shape);
        let summary = on_device(Tensor::from_data(data, &Device::flex()));
        sampled_tokens(&summary.into_data().try_into_vec::<f32>().unwrap())
    }

    proptest! {
        /// Ties included.
        #[test]
        fn the_greedy_sampler_gives_the_same(row in proptest::collection::vec((-40..40i32).prop_map(|x| x as f32 / 4.0), 1..200)) {
            let mut sampler = Sampler::new(&Sampling::greedy(), 0).unwrap().with_entropy(true);
            let expected = sampler.sample(&row).unwrap();
            let ours = found(&[row.clone(), row]).unwrap();
            for token in ours {
                prop_assert_eq!(token.id, expected.id);
                prop_assert!((token.logprob - expected.logprob).abs() < 1e-4);
                prop_assert!((token.entropy.unwrap() - expected.entropy.unwrap()).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn logits_that_are_not_finite_are_detected() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut row = vec![0.5; 20];
            row[7] = bad;
            let is_refused = Sampler::new(&Sampling::greedy(), 0).unwrap().sample(&row).is_err();
            assert!(is_refused && found(&[row]).is_none(), "{bad}");
        }
    }
}
