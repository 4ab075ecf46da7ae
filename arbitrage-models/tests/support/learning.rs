//! Examples for classification heads, and a training that is killed.

use arbitrage_models::train::{ClassificationObjective, LabelledRow, LabelledText, Loss, TrainProgress};

/// The label of a row is whether there is a 5 at or before it.
pub(crate) fn classification() -> (Vec<LabelledText>, ClassificationObjective) {
    let example = |at: u32| {
        let tokens: Vec<u32> = (0..6).map(|position| (at * 31 + position * position * 7) % 9).collect();
        let labelled_row = |row: usize| {
            let seen = f32::from(u8::from(tokens[..=row].contains(&5)));
            LabelledRow { row, label: vec![seen], weight: 1.0 }
        };
        LabelledText { rows: (0..6).map(labelled_row).collect(), tokens }
    };
    let examples: Vec<_> = (0..60).map(example).collect();
    (examples.clone(), ClassificationObjective::new(examples, Loss::Sigmoid).unwrap())
}

/// Panics when the training has reached this step.
pub(crate) struct KilledAt(pub usize);

impl TrainProgress for KilledAt {
    fn on_step(&mut self, step: usize, _steps: usize, _loss: f64) {
        assert!(step < self.0, "killed");
    }
    fn on_score(&mut self, _step: usize, _score: f64) {}
}
