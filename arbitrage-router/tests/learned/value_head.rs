use std::collections::BTreeMap;

use arbitrage_core::{Draw, Hidden};
use arbitrage_models::Error;
use arbitrage_models::train::{TrainProgress, Trainer};
use arbitrage_router::learned::{
    HeadCard, HeadRecipe, HeadTrainingData, LabelledStates, RouterError, TrainingSplit, ValueHead,
};
use arbitrage_router::metrics::auc;

use super::support::{cpu, pair};

const WIDTH: usize = 12;

/// A step's hidden states and its label.
type LabelledStep = (Hidden, f32);

fn card() -> HeadCard {
    HeadCard {
        reader: pair().target,
        prompt_identity: Default::default(),
        width: WIDTH,
        data: HeadTrainingData::default(),
        seed: 0,
        training: serde_json::Value::Null,
        metrics: BTreeMap::new(),
    }
}

/// Noise, in which the sign of the sum of one number of the last state and one of the mean determines the label.
fn steps(count: usize, seed: u64) -> Vec<LabelledStep> {
    let mut draw = Draw::new(Draw::new(seed).next_u64());
    let mut uniform = |size: usize| (0..size).map(|_| 2.0 * draw.uniform() as f32 - 1.0).collect::<Vec<_>>();
    let step = |_| {
        let (mut last, mean, side) = (uniform(WIDTH), uniform(WIDTH), uniform(1)[0]);
        last[3] = side - mean[5];
        (Hidden { last, mean }, if side > 0.0 { 0.9 } else { 0.2 })
    };
    (0..count).map(step).collect()
}

fn labelled(steps: &[LabelledStep]) -> LabelledStates {
    let mut all = LabelledStates::default();
    steps.iter().for_each(|(hidden, label)| all.push(hidden, *label));
    all
}

fn fit() -> Trainer {
    Trainer::new(200, 0.02).with_batch(32)
}

fn train(steps: &[LabelledStep], width: usize, fit: &Trainer) -> Result<ValueHead, RouterError> {
    train_with(steps, width, fit, &mut ())
}

fn train_with(
    steps: &[LabelledStep],
    hidden_width: usize,
    fit: &Trainer,
    progress: &mut dyn TrainProgress,
) -> Result<ValueHead, RouterError> {
    let (training, validation) = (labelled(steps), labelled(&self::steps(200, 2)));
    let split = TrainingSplit { training: &training, validation: &validation };
    ValueHead::train(&split, &HeadRecipe { hidden_width, fit: fit.clone() }, card(), &cpu(), progress)
}

fn scores(head: &ValueHead, steps: &[LabelledStep]) -> Vec<f32> {
    steps.iter().map(|(hidden, _)| head.score(hidden).unwrap()).collect()
}

#[test]
fn heads_learn_and_are_read_back_bit_for_bit() {
    let (examples, unseen) = (steps(800, 1), steps(300, 3));
    let right: Vec<bool> = unseen.iter().map(|(_, label)| *label > 0.5).collect();
    for width in [0, 16] {
        let head = train(&examples, width, &fit()).unwrap();
        let found = scores(&head, &unseen);
        let area = auc(&found, &right).unwrap().unwrap();
        assert!(area > 0.95 && head.card().metrics["validation AUC"] > 0.95, "{area} {:?}", head.card().metrics);
        // Mean scores of both classes are near their labels, 0.2 and 0.9.
        let mean = |is: bool| {
            let of_class: Vec<f32> = found.iter().zip(&right).filter(|(_, one)| **one == is).map(|(s, _)| *s).collect();
            of_class.iter().sum::<f32>() / of_class.len() as f32
        };
        assert_eq!(head.card().training["width"], width, "the name in files is pinned");
        let (low, high) = (mean(false), mean(true));
        assert!((0.15..0.45).contains(&low) && (0.6..0.95).contains(&high), "{low} {high}");
        let folder = tempfile::tempdir().unwrap();
        head.save(folder.path()).unwrap();
        let opened = ValueHead::open(folder.path()).unwrap();
        assert_eq!((&opened, scores(&opened, &unseen)), (&head, found));
    }
}

#[test]
fn training_resumes_from_a_checkpoint_bit_for_bit() {
    let (folder, examples) = (tempfile::tempdir().unwrap(), steps(200, 1));
    let uninterrupted = train(&examples, 4, &fit()).unwrap();
    /// Panics at the given number of validation scores.
    struct Interrupt(usize);
    impl TrainProgress for Interrupt {
        fn on_step(&mut self, _: usize, _: usize, _: f64) {}
        fn on_score(&mut self, _: usize, _: f64) {
            self.0 -= 1;
            assert!(self.0 > 0, "interrupted");
        }
    }
    let fit_with_checkpoint = fit().with_checkpoint(folder.path().join("checkpoint"));
    let interrupted =
        std::panic::AssertUnwindSafe(|| train_with(&examples, 4, &fit_with_checkpoint, &mut Interrupt(7)).map(drop));
    assert!(std::panic::catch_unwind(interrupted).is_err());
    assert!(folder.path().join("checkpoint").exists());
    assert_eq!(train(&examples, 4, &fit_with_checkpoint).unwrap(), uninterrupted);
}

#[test]
fn errors_of_invalid_steps_name_the_step() {
    let good = steps(40, 1);
    let error_of = |change: &dyn Fn(&mut Vec<LabelledStep>)| {
        let mut steps = good.clone();
        change(&mut steps);
        train(&steps, 0, &fit()).unwrap_err()
    };
    for error in [error_of(&|steps| steps.clear()), error_of(&|steps| steps.retain(|(_, label)| *label > 0.5))] {
        assert!(matches!(error, RouterError::Examples { .. }), "{error}");
    }
    for label in [f32::NAN, -0.1, 1.5, f32::INFINITY] {
        let error = error_of(&|steps| steps[7].1 = label);
        assert!(matches!(error, RouterError::Models(Error::Parameter { name: "label", .. })), "{error}");
        assert!(error.to_string().contains("step 7"), "{error}");
    }
    for error in [
        error_of(&|steps| steps[7].0.mean[2] = f32::NAN),
        error_of(&|steps| steps[7].0.last.truncate(WIDTH - 1)),
        error_of(&|steps| steps[7].0 = Hidden::default()),
    ] {
        assert!(matches!(error, RouterError::Models(Error::Parameter { name: "hidden states", .. })), "{error}");
        assert!(error.to_string().contains("step 7"), "{error}");
    }
}
