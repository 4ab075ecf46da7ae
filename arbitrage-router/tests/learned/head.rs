use std::collections::BTreeMap;

use arbitrage_core::{Draw, Hidden};
use arbitrage_models::Error;
use arbitrage_models::train::Fit;
use arbitrage_router::learned::{HeadCard, HeadData, JudgedStates, RouterError, ValueHead};
use arbitrage_router::metrics::auc;

use super::support::{pair, processor};

const WIDTH: usize = 12;

/// A step's states and its label.
type Step = (Hidden, f32);

fn card() -> HeadCard {
    HeadCard {
        reader: pair().target,
        told: Default::default(),
        width: WIDTH,
        data: HeadData::default(),
        seed: 0,
        training: serde_json::Value::Null,
        metrics: BTreeMap::new(),
    }
}

/// Noise in which a direction of the last state and one of the mean tell right from wrong, where they agree.
fn steps(count: usize, seed: u64) -> Vec<Step> {
    let mut draw = Draw::new(Draw::new(seed).next_u64());
    let mut uniform = |size: usize| (0..size).map(|_| 2.0 * draw.uniform() as f32 - 1.0).collect::<Vec<_>>();
    let step = |_| {
        let (mut last, mean, side) = (uniform(WIDTH), uniform(WIDTH), uniform(1)[0]);
        last[3] = side - mean[5];
        (Hidden { last, mean }, if side > 0.0 { 0.9 } else { 0.2 })
    };
    (0..count).map(step).collect()
}

fn judged(steps: &[Step]) -> JudgedStates {
    let mut all = JudgedStates::default();
    steps.iter().for_each(|(hidden, label)| all.push(hidden, *label));
    all
}

fn fit() -> Fit {
    Fit::new(200, 0.02).with_batch(32)
}

fn train(steps: &[Step], width: usize, fit: &Fit) -> Result<ValueHead, RouterError> {
    ValueHead::train((&judged(steps), &judged(&self::steps(200, 2))), width, fit, card(), &processor(), &mut ())
}

fn scores(head: &ValueHead, steps: &[Step]) -> Vec<f32> {
    steps.iter().map(|(hidden, _)| head.score(hidden).unwrap()).collect()
}

#[test]
fn heads_learn_and_come_back_bit_by_bit() {
    let (examples, unseen) = (steps(800, 1), steps(300, 3));
    let right: Vec<bool> = unseen.iter().map(|(_, label)| *label > 0.5).collect();
    for width in [0, 16] {
        let head = train(&examples, width, &fit()).unwrap();
        let found = scores(&head, &unseen);
        let area = auc(&found, &right).unwrap().unwrap();
        assert!(area > 0.95 && head.card().metrics["validation AUC"] > 0.95, "{area} {:?}", head.card().metrics);
        // Scores stand on the sides of one half that the labels stand on, and no further out than those.
        let mean = |is: bool| {
            let own: Vec<f32> = found.iter().zip(&right).filter(|(_, one)| **one == is).map(|(s, _)| *s).collect();
            own.iter().sum::<f32>() / own.len() as f32
        };
        let (low, high) = (mean(false), mean(true));
        assert!((0.15..0.45).contains(&low) && (0.6..0.95).contains(&high), "{low} {high}");
        let folder = tempfile::tempdir().unwrap();
        head.save(folder.path()).unwrap();
        let opened = ValueHead::open(folder.path()).unwrap();
        assert_eq!((&opened, scores(&opened, &unseen)), (&head, found));
    }
}

#[test]
fn a_training_goes_on_from_its_checkpoint_to_the_same_bits() {
    let (folder, examples) = (tempfile::tempdir().unwrap(), steps(200, 1));
    let whole = train(&examples, 4, &fit()).unwrap();
    /// Breaks off when it has heard of so many scores.
    struct Broken(usize);
    impl arbitrage_models::train::Progress for Broken {
        fn stepped(&mut self, _: usize, _: usize, _: f64) {}
        fn scored(&mut self, _: usize, _: f64) {
            self.0 -= 1;
            assert!(self.0 > 0, "a kill");
        }
    }
    let kept = fit().with_checkpoint(folder.path().join("checkpoint"));
    let (own, validation) = (judged(&examples), judged(&steps(200, 2)));
    let broken = std::panic::AssertUnwindSafe(|| {
        ValueHead::train((&own, &validation), 4, &kept, card(), &processor(), &mut Broken(7)).map(drop)
    });
    assert!(std::panic::catch_unwind(broken).is_err());
    assert!(folder.path().join("checkpoint").exists());
    assert_eq!(train(&examples, 4, &kept).unwrap(), whole);
}

#[test]
fn what_nothing_can_be_learned_from_is_refused_by_step() {
    let good = steps(40, 1);
    let refused = |change: &dyn Fn(&mut Vec<Step>)| {
        let mut steps = good.clone();
        change(&mut steps);
        train(&steps, 0, &fit()).unwrap_err()
    };
    for error in [refused(&|steps| steps.clear()), refused(&|steps| steps.retain(|(_, label)| *label > 0.5))] {
        assert!(matches!(error, RouterError::Examples { .. }), "{error}");
    }
    for label in [f32::NAN, -0.1, 1.5, f32::INFINITY] {
        let error = refused(&|steps| steps[7].1 = label);
        assert!(matches!(error, RouterError::Models(Error::Parameter { name: "label", .. })), "{error}");
        assert!(error.to_string().contains("step 7"), "{error}");
    }
    for error in [
        refused(&|steps| steps[7].0.mean[2] = f32::NAN),
        refused(&|steps| steps[7].0.last.truncate(WIDTH - 1)),
        refused(&|steps| steps[7].0 = Hidden::default()),
    ] {
        assert!(matches!(error, RouterError::Models(Error::Parameter { name: "hidden states", .. })), "{error}");
        assert!(error.to_string().contains("step 7"), "{error}");
    }
}
