//! The router's training.

use std::path::{Path, PathBuf};
use std::time::Instant;

use arbitrage_router::labels::{Balance, Example};
use arbitrage_router::learned::ProbeFeatures;

use super::plan::Plan;
use crate::Failure;
use crate::cli::{
    BaseOptions, FitOptions, HiddenStateOptions, LearningOptions, LoraOptions, ProbeOptions, ProbeSettings,
    RouterLabelOptions, TextOptions, TrainCommand, TrainOptions,
};
use crate::pair::{draft_name, has_remote_draft};
use crate::train;
use crate::training_data::load;

/// Refuses what cannot be trained on, before anything is run.
pub(super) fn check(options: &FitOptions) -> Result<(), Failure> {
    if options.base.is_some() {
        return Ok(());
    }
    if has_remote_draft(&options.models)? {
        return Err("--base: expected the folder of a small language model to train a text router from, since no hidden states of a draft behind a server can be read".into());
    }
    // The hidden states of collected steps are computed anew, by the draft as it is in its file.
    let models = &options.models;
    let changed = [
        ("--draft-weights", models.draft_weights.is_some()),
        ("--int8-cache", models.int8_cache),
        ("--context", models.context.is_some()),
        ("--system", models.system.is_some()),
    ];
    match changed.into_iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => Err(format!("{name}: expected the draft's own weights and prompt, since a probe is trained on its hidden states; or train a text router, with --base").into()),
        None => Ok(()),
    }
}

/// What the collected steps say about a training.
pub(super) struct StepLabels {
    /// Number of steps.
    pub steps: usize,
    /// Number of steps that the target would have written better.
    pub gains: usize,
}

impl StepLabels {
    /// Counts the labels of collections.
    pub(super) fn read(traces: &[PathBuf]) -> Result<Self, Failure> {
        let examples = load(traces)?.examples;
        let gains = examples.iter().filter(|example| Example::label(example)).count();
        Ok(Self { steps: examples.len(), gains })
    }

    /// Why no router can be trained on them; `None` where one can.
    pub(super) fn refusal(&self) -> Option<String> {
        let Self { steps, gains } = self;
        match *gains {
            0 => Some(format!("the target would write none of {steps} steps better")),
            all if all == *steps => Some(format!("the target would write every one of {steps} steps better")),
            _ => None,
        }
    }
}

/// The training of a fit's router.
pub(super) struct RouterTrainer<'a> {
    /// The options.
    pub options: &'a FitOptions,
    /// The collections.
    pub traces: Vec<PathBuf>,
    /// File that caches the hidden states.
    pub states: PathBuf,
}

impl RouterTrainer<'_> {
    /// Trains the router into a folder, with at most so many optimizer steps. An interrupted training is resumed.
    pub(super) fn train(&self, updates: usize, out: &Path) -> Result<(), Failure> {
        train::run(&self.command(updates, out))
    }

    /// The number of optimizer steps that the plan leaves time for, by short trainings in the folder `trial`.
    pub(super) fn affordable_updates(&self, plan: &Plan, trial: &Path) -> Result<usize, Failure> {
        const SHORT: usize = 10;
        const LONGER: usize = 60;
        if let Some(updates) = self.options.sizes.updates {
            return Ok(updates);
        }
        // The first also computes the hidden states; the difference of the other two is that of their optimizer steps.
        let mut seconds = [0.0; 3];
        for (seconds, updates) in seconds.iter_mut().zip([SHORT, SHORT, LONGER]) {
            let folder = trial.join(updates.to_string());
            if folder.exists() {
                std::fs::remove_dir_all(&folder).map_err(crate::files::in_file(&folder))?;
            }
            let start = Instant::now();
            self.train(updates, &folder)?;
            *seconds = start.elapsed().as_secs_f64();
        }
        let each = (seconds[2] - seconds[1]) / (LONGER - SHORT) as f64;
        Ok(plan.updates(each, self.options.sizes))
    }

    fn command(&self, updates: usize, out: &Path) -> TrainCommand {
        let device = self.options.models.placement.device.clone();
        let training = |learning_rate| TrainOptions {
            traces: self.traces.clone(),
            out: out.to_owned(),
            learning: LearningOptions {
                validation: 0.1,
                steps: updates,
                batch: 64,
                learning_rate,
                patience: 12,
                seed: self.options.problems.seed,
            },
        };
        let labels = RouterLabelOptions { classes: 2, ordinal: false, balance: Balance::Weights };
        match &self.options.base {
            Some(base) => TrainCommand::Text(TextOptions {
                training: training(5e-4),
                labels,
                base: BaseOptions {
                    base: base.clone(),
                    layers: None,
                    lora: LoraOptions { lora: None, lora_alpha: None },
                    device,
                },
                unannotated: false,
            }),
            None => TrainCommand::Probe(ProbeOptions {
                training: training(1e-3),
                probe: ProbeSettings {
                    labels,
                    inputs: ProbeFeatures::Both,
                    states: HiddenStateOptions {
                        draft: draft_name(&self.options.models).ok(),
                        states: Some(self.states.clone()),
                        device,
                    },
                    width: None,
                },
            }),
        }
    }
}
