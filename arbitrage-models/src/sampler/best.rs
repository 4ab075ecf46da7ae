//! The likeliest token of each row, by burn operations on the device that holds the logits.

use burn::tensor::{Int, Tensor};

use super::Choice;

/// What is read back of a row.
const NUMBERS: usize = 3;

/// For each row of `logits`, `[rows, columns]`: the first column of the greatest logit, the logarithm of the sum of all
/// `exp(logit − max)`, and the entropy in nats; `[rows, 3]`. Columns are exact up to 2²⁴, of which no vocabulary comes near.
pub(crate) fn on_device(logits: Tensor<2>) -> Tensor<2> {
    let [_, columns] = logits.dims();
    let device = logits.device();
    let max = logits.clone().max_dim(1);
    let shifted = logits.clone() - max;
    let weights = shifted.clone().exp();
    let sum = weights.clone().sum_dim(1);
    // −∞ · 0 is no number, so that a logit of −∞ shows.
    let weighted = (shifted.clone() * weights).sum_dim(1);
    let log_sum = sum.clone().log();
    let entropy = log_sum.clone() - weighted / sum;
    let column = Tensor::<1, Int>::arange(0..columns as i64, &device).float().unsqueeze::<2>();
    let others = shifted.lower_elem(0.0);
    let first = column.expand(logits.dims()).mask_fill(others, columns as f32).min_dim(1);
    Tensor::cat(vec![first, log_sum, entropy], 1)
}

/// The choices that `numbers` of [`on_device`] stand for, where column `i` is token `ids[i]`, or `i`. `None` when a logit was not
/// finite.
pub(crate) fn choices(numbers: &[f32], ids: Option<&[u32]>) -> Option<Vec<Choice>> {
    let choice = |row: &[f32]| {
        let [column, log_sum, entropy] = [row[0], row[1], row[2]];
        let is_sound = row.iter().all(|number| number.is_finite());
        let column = column as u32;
        let id = ids.map_or(Some(column), |ids| ids.get(column as usize).copied())?;
        is_sound.then(|| Choice { id, logprob: -log_sum.max(0.0), entropy: Some(entropy.max(0.0)) })
    };
    numbers.chunks_exact(NUMBERS).map(choice).collect()
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::{Device, TensorData};
    use proptest::prelude::*;

    use super::super::{Sampler, Sampling};
    use super::*;

    fn found(rows: &[Vec<f32>]) -> Option<Vec<Choice>> {
        let shape = [rows.len(), rows[0].len()];
        let data = TensorData::new(rows.concat(), shape);
        let numbers = on_device(Tensor::from_data(data, &Device::flex()));
        choices(&numbers.into_data().try_into_vec::<f32>().unwrap(), None)
    }

    proptest! {
        /// As the sampler chooses, ties included.
        #[test]
        fn the_sampler_chooses_the_same(row in proptest::collection::vec((-40..40i32).prop_map(|x| x as f32 / 4.0), 1..200)) {
            let mut sampler = Sampler::new(&Sampling::greedy(), 0).unwrap().with_entropy(true);
            let expected = sampler.sample(&row).unwrap();
            let ours = found(&[row.clone(), row]).unwrap();
            for choice in ours {
                prop_assert_eq!(choice.id, expected.id);
                prop_assert!((choice.logprob - expected.logprob).abs() < 1e-4);
                prop_assert!((choice.entropy.unwrap() - expected.entropy.unwrap()).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_seen() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut row = vec![0.5; 20];
            row[7] = bad;
            let expected = Sampler::new(&Sampling::greedy(), 0).unwrap().sample(&row).is_err();
            assert!(expected && found(&[row]).is_none(), "{bad}");
        }
    }
}
