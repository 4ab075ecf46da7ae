//! Tests of the sampler against a plain implementation in double precision.

use super::*;
use proptest::prelude::*;

fn greedy() -> Sampler {
    Sampler::new(&Sampling::greedy(), 0).unwrap()
}

#[test]
fn parameters_outside_their_range_are_refused() {
    let with = |temperature, top_p, min_p| Sampling { temperature, top_p, min_p, ..Sampling::greedy() };
    let bad = [
        ("temperature", with(f32::NAN, 1.0, 0.0)),
        ("temperature", with(-1.0, 1.0, 0.0)),
        ("temperature", with(1e-30, 1.0, 0.0)),
        ("temperature", with(f32::INFINITY, 1.0, 0.0)),
        ("temperature", with(101.0, 1.0, 0.0)),
        ("top_p", with(1.0, 0.0, 0.0)),
        ("top_p", with(1.0, f32::NAN, 0.0)),
        ("top_p", with(1.0, 1.1, 0.0)),
        ("top_p", with(0.0, -0.1, 0.0)),
        ("min_p", with(1.0, 1.0, 1.0)),
        ("min_p", with(1.0, 1.0, -0.1)),
        ("min_p", with(1.0, 1.0, f32::NAN)),
    ];
    for (expected, sampling) in bad {
        match Sampler::new(&sampling, 0) {
            Err(Error::Parameter { name, .. }) => assert_eq!(name, expected),
            other => panic!("{sampling:?}: {other:?}"),
        }
    }
    for good in [with(0.0, 1.0, 0.0), with(-0.0, 1.0, 0.0), with(1e-3, 1e-9, 0.999), with(100.0, 1.0, 0.0)] {
        assert!(good.validate().is_ok(), "{good:?}");
    }
}

#[test]
fn logits_that_are_not_finite_are_named() {
    for length in [1, 15, 16, 17, 100] {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for index in [0, length / 2, length - 1] {
                let mut logits = vec![1.0; length];
                logits[index] = bad;
                let mut sampler = greedy().with_model("draft");
                let error = sampler.sample(&logits).unwrap_err();
                assert!(
                    matches!(&error, Error::NotFinite { model, index: at, .. } if model == "draft" && *at == index)
                );
                assert!(sampler.distribution(&logits).is_err());
            }
        }
    }
    assert!(matches!(greedy().sample(&[]), Err(Error::Parameter { name: "logits", .. })));
}

#[test]
fn log_probabilities_are_those_of_the_softmax() {
    let logits: Vec<f32> = (0..1000).map(|i| ((i * 37) % 101) as f32 / 7.0 - 5.0).collect();
    let total: f64 = logits.iter().map(|&x| f64::from(x).exp()).sum();
    let ids: Vec<u32> = (0..1000).rev().collect();
    for (id, ours) in ids.iter().zip(log_softmax_at(&logits, &ids).unwrap()) {
        let exact = f64::from(logits[*id as usize]) - total.ln();
        assert!((f64::from(ours) - exact).abs() < 1e-5, "{id}: {ours} and {exact}");
    }
    assert!(log_softmax_at(&logits, &[]).unwrap().is_empty());
    assert_eq!(log_softmax_at(&[f32::MAX, f32::MIN], &[0, 0]).unwrap(), [0.0, 0.0]);
}

#[test]
fn log_probabilities_of_invalid_logits_and_ids_are_refused() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert!(matches!(log_softmax_at(&[0.0, bad], &[0]), Err(Error::NotFinite { index: 1, .. })));
    }
    assert!(matches!(log_softmax_at(&[], &[]), Err(Error::Parameter { name: "logits", .. })));
    let error = log_softmax_at(&[0.0, 1.0], &[1, 2]).unwrap_err();
    assert_eq!(error.to_string(), "token id: expected below the 2 logits, found 2");
}

#[test]
fn extreme_but_finite_logits_are_fine() {
    let token = greedy().with_entropy(true).sample(&[f32::MIN, f32::MAX, 0.0]).unwrap();
    assert_eq!((token.id, token.logprob, token.entropy), (1, 0.0, Some(0.0)));
    let coldest = Sampling::at_temperature(0.001).unwrap();
    assert_eq!(Sampler::new(&coldest, 3).unwrap().sample(&[f32::MAX, f32::MIN]).unwrap().id, 0);
}

#[test]
fn ties_go_to_the_lowest_id() {
    let mut logits = vec![0.0; 200];
    for id in [33, 34, 150] {
        logits[id] = 2.5;
    }
    assert_eq!(greedy().sample(&logits).unwrap().id, 33);
    assert_eq!(greedy().sample(&[0.0, -0.0]).unwrap().id, 0);
    let two = Sampling::at_temperature(1.0).unwrap().with_top_k(2);
    let kept = Sampler::new(&two, 0).unwrap().distribution(&logits).unwrap();
    assert_eq!(kept, [(33, 0.5), (34, 0.5)]);
}

#[test]
fn seeded_draws_are_pinned() {
    let logits: Vec<f32> = (0..50).map(|i| ((i * 37) % 11) as f32 / 2.0).collect();
    let sampling = Sampling::at_temperature(0.8).unwrap().with_top_k(20).with_top_p(0.9).unwrap().with_seed(7);
    let mut sampler = Sampler::new(&sampling, 11).unwrap();
    let drawn: Vec<u32> = (0..12).map(|_| sampler.sample(&logits).unwrap().id).collect();
    assert_eq!(drawn, [2, 27, 2, 8, 49, 24, 5, 2, 5, 35, 19, 8]);
}

#[test]
fn frequencies_follow_the_distribution() {
    let logits = [0.0, 1.0, 2.0, -1.0];
    let sampling = Sampling::at_temperature(1.5).unwrap();
    let mut sampler = Sampler::new(&sampling, 5).unwrap();
    let expected = sampler.distribution(&logits).unwrap();
    let mut counts = [0_u32; 4];
    const DRAWS: u32 = 40_000;
    for _ in 0..DRAWS {
        counts[sampler.sample(&logits).unwrap().id as usize] += 1;
    }
    for (id, probability) in expected {
        let seen = f64::from(counts[id as usize]) / f64::from(DRAWS);
        assert!((seen - f64::from(probability)).abs() < 0.01, "{id}: {seen} and {probability}");
    }
}

#[test]
fn ids_without_weight_are_never_picked() {
    let mut sampler = greedy();
    for _ in 0..100 {
        assert_eq!(sampler.pick(&[(1, 0.0), (2, 3.0), (3, -1.0)]), Some(2));
    }
    assert_eq!((sampler.pick(&[]), sampler.pick(&[(1, 0.0)])), (None, None));
}

/// The chi-square statistic of `draws` for these probabilities. It has one degree of freedom less than there are probabilities.
fn chi_square(probabilities: &[f64], draws: &[u32]) -> f64 {
    let expected = |id: usize| probabilities[id] * draws.len() as f64;
    let seen = |id: usize| draws.iter().filter(|&&draw| draw as usize == id).count() as f64;
    (0..probabilities.len()).map(|id| (seen(id) - expected(id)).powi(2) / expected(id)).sum()
}

#[test]
fn draws_pass_a_chi_square_test() {
    let probabilities = [0.5, 0.25, 0.125, 0.0625, 0.03125, 0.03125];
    let weights: Vec<(u32, f32)> = (0..6).zip(probabilities.map(|p| 3.0 * p as f32)).collect();
    // All draws of one stream, and the first draw of many streams. With 5 degrees of freedom, 20.5 is exceeded once in a thousand.
    let mut sampler = greedy();
    let one: Vec<u32> = (0..20_000).map(|_| sampler.pick(&weights).unwrap()).collect();
    let first = |stream| Sampler::new(&Sampling::greedy(), stream).unwrap().pick(&weights).unwrap();
    let many: Vec<u32> = (0..20_000).map(first).collect();
    for draws in [one, many] {
        let statistic = chi_square(&probabilities, &draws);
        assert!(statistic < 20.5, "{statistic}");
    }
}

#[test]
fn similar_distributions_draw_alike() {
    // The total variation is d = 0.2, so the same id is picked with a probability of at least (1 − d) / (1 + d) = 2/3.
    let (p, q) = ([(0, 0.6), (1, 0.3), (2, 0.1)], [(0, 0.4), (1, 0.4), (2, 0.2)]);
    let alike = (0..10_000).filter(|&stream| {
        let sampler = Sampler::new(&Sampling::greedy(), stream).unwrap();
        sampler.clone().pick(&p) == sampler.clone().pick(&q)
    });
    let share = alike.count() as f64 / 1e4;
    assert!((0.66..0.85).contains(&share), "{share}");
    // Removing other ids does not change the winner.
    for stream in 0..1000 {
        let sampler = Sampler::new(&Sampling::greedy(), stream).unwrap();
        let all = sampler.clone().pick(&p);
        let without: Vec<_> = p.iter().copied().filter(|(id, _)| Some(*id) == all || *id == 2).collect();
        assert_eq!(sampler.clone().pick(&without), all);
    }
}

/// A plain implementation of the filters in double precision.
fn reference(logits: &[f32], sampling: &Sampling) -> Vec<(u32, f64)> {
    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let weight = |x: f32| ((f64::from(x) - max) / f64::from(sampling.temperature)).exp();
    let mut kept: Vec<(u32, f64)> = logits.iter().enumerate().map(|(id, &x)| (id as u32, weight(x))).collect();
    kept.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    if sampling.top_k > 0 {
        kept.truncate(sampling.top_k);
    }
    let total: f64 = kept.iter().map(|x| x.1).sum();
    let mut sum = 0.0;
    let enough = kept.iter().position(|x| {
        sum += x.1 / total;
        sum >= f64::from(sampling.top_p)
    });
    if sampling.top_p < 1.0 {
        kept.truncate(enough.map_or(kept.len(), |at| at + 1));
    }
    kept.retain(|x| x.1 >= f64::from(sampling.min_p));
    let total: f64 = kept.iter().map(|x| x.1).sum();
    kept.sort_by_key(|x| x.0);
    kept.into_iter().map(|(id, x)| (id, x / total)).collect()
}

proptest! {
    #[test]
    fn filters_agree_with_the_plain_ones(
        // Distinct logits, so that rounding cannot reorder them.
        order in Just((0..400_u32).collect::<Vec<_>>()).prop_shuffle(),
        length in 1_usize..400,
        spread in 0.01_f32..0.2,
        temperature in 0.1_f32..3.0,
        top_k in 0_usize..450,
        top_p in prop_oneof![Just(1.0_f32), 0.01_f32..1.0],
        min_p in prop_oneof![Just(0.0_f32), 0.0_f32..0.9],
    ) {
        let logits: Vec<f32> = order[..length].iter().map(|&rank| rank as f32 * spread).collect();
        let sampling = Sampling { temperature, top_k, top_p, min_p, seed: 0 };
        let ours = Sampler::new(&sampling, 0).unwrap().distribution(&logits).unwrap();
        let total: f32 = ours.iter().map(|x| x.1).sum();
        prop_assert!((total - 1.0).abs() < 1e-4);
        // Our exponential gives 0 for weights below the smallest normal number.
        let ours: Vec<(u32, f32)> = ours.into_iter().filter(|x| x.1 > 1e-34).collect();
        let theirs: Vec<(u32, f64)> = if sampling.is_greedy() {
            vec![(greedy().sample(&logits).unwrap().id, 1.0)]
        } else {
            reference(&logits, &sampling).into_iter().filter(|x| x.1 > 1e-34).collect()
        };
        // One token may fall on the other side of a threshold by rounding; its weight must then be at the threshold.
        prop_assert!(ours.len().abs_diff(theirs.len()) <= 1, "{} and {}", ours.len(), theirs.len());
        if ours.len() == theirs.len() {
            for (a, b) in ours.iter().zip(&theirs) {
                prop_assert_eq!(a.0, b.0);
                prop_assert!((f64::from(a.1) - b.1).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn greedy_takes_the_first_maximum(logits in prop::collection::vec(-50_i8..50, 1..200)) {
        let logits: Vec<f32> = logits.into_iter().map(f32::from).collect();
        let token = greedy().with_entropy(true).sample(&logits).unwrap();
        let best = logits.iter().copied().fold(f32::MIN, f32::max);
        prop_assert_eq!(token.id as usize, logits.iter().position(|&x| x == best).unwrap());
        let total: f64 = logits.iter().map(|&x| f64::from(x - best).exp()).sum();
        prop_assert!((f64::from(token.logprob) + total.ln()).abs() < 1e-5);
        let entropy = token.entropy.unwrap();
        prop_assert!((0.0..=(logits.len() as f32).ln() + 1e-4).contains(&entropy));
    }
}
