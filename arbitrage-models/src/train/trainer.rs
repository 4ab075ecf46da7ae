//! The training loop.

use std::path::{Path, PathBuf};

use arbitrage_core::fs::{FileLock, LockError};
use burn::grad_clipping::GradientClippingConfig;
use burn::module::Module;
use burn::optim::{AdamWConfig, ModuleOptimizer};
use burn::store::ModuleRecord;
use burn::tensor::Bytes;
use serde::{Deserialize, Serialize};

use super::batch_schedule::BatchSchedule;
use super::checkpoint::Checkpoint;
use super::identity::TrainingIdentity;
use super::objective::{Objective, TrainProgress};
use super::schedule::Schedule;
use super::shards;
use crate::error::{Error, Result};

/// Trains a model with AdamW on shuffled batches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Trainer {
    /// The learning rate of each step, and the number of steps.
    pub schedule: Schedule,
    /// Examples in a batch, at least 1.
    pub batch: usize,
    /// Parts of a batch that run in parallel on the processor.
    pub shards: usize,
    /// AdamW's weight decay in a step, as a multiple of the learning rate.
    pub weight_decay: f32,
    /// Largest norm of a parameter's gradient; larger ones are clipped.
    pub clip: f32,
    /// Seed of the order of examples.
    pub seed: u64,
    /// Steps between two evaluations, at each of which a checkpoint is written; at least 1.
    #[serde(rename = "every")]
    pub eval_interval: usize,
    /// Evaluations in a row without a better score after which the training ends.
    pub patience: usize,
    /// Where the checkpoint is written. Without it, a killed training cannot be resumed.
    #[serde(skip)]
    pub checkpoint: Option<PathBuf>,
}

/// A trained model.
#[derive(Debug)]
#[non_exhaustive]
pub struct TrainOutput<M> {
    /// The weights with the best score, or the last ones where there are no scores. Without gradients.
    pub model: M,
    /// Step and score of each evaluation.
    pub scores: Vec<(usize, f64)>,
    /// For each evaluation, the mean loss since the previous one.
    pub losses: Vec<f64>,
    /// How many steps were done.
    pub steps: usize,
}

impl<M> TrainOutput<M> {
    /// The best score; `None` where there are no scores.
    pub fn best(&self) -> Option<f64> {
        best_of(&self.scores).map(|at| self.scores[at].1)
    }
}

/// The state of a training that a checkpoint has as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct TrainState {
    #[serde(rename = "of")]
    identity: TrainingIdentity,
    step: usize,
    scores: Vec<(usize, f64)>,
    losses: Vec<f64>,
    /// The sum of the losses since the last evaluation.
    #[serde(rename = "running")]
    loss_sum: f64,
}

/// A running training.
struct TrainRun<M: Module> {
    model: M,
    optimizer: ModuleOptimizer,
    /// The weights with the best score.
    best: Option<Vec<u8>>,
    state: TrainState,
}

impl Trainer {
    /// `steps` steps of 16 examples with a learning rate of at most `peak`, and an evaluation after every twentieth of them.
    pub fn new(steps: usize, peak: f64) -> Self {
        Self {
            schedule: Schedule::new(peak, steps),
            batch: 16,
            shards: 2,
            weight_decay: 0.01,
            clip: 1.0,
            seed: 0,
            eval_interval: steps.div_ceil(20).max(1),
            patience: usize::MAX,
            checkpoint: None,
        }
    }

    /// Sets the number of examples in a batch.
    pub fn with_batch(mut self, examples: usize) -> Self {
        self.batch = examples;
        self
    }

    /// Sets the number of steps between two evaluations, at each of which a checkpoint is written.
    pub fn with_eval_interval(mut self, steps: usize) -> Self {
        self.eval_interval = steps;
        self
    }

    /// Ends the training after so many evaluations in a row without a better score.
    pub fn with_patience(mut self, evaluations: usize) -> Self {
        self.patience = evaluations;
        self
    }

    /// Sets the seed of the order of examples.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Writes checkpoints to `path`. A training that finds its checkpoint there is resumed from it.
    pub fn with_checkpoint(mut self, path: impl Into<PathBuf>) -> Self {
        self.checkpoint = Some(path.into());
        self
    }

    /// Trains `model` on the device of its weights. A training that is interrupted at any moment and called again gives, on the
    /// processor, the same bits as one without interruption. On an accelerator it may not, since kernels are selected by their
    /// speed.
    ///
    /// # Errors
    /// [`Error::Parameter`] for invalid parameters, and for a checkpoint of another training, with other parameters, initial
    /// weights or examples; [`Error::Format`] when another process trains on the checkpoint; [`Error::NotFinite`] when the loss is
    /// NaN or infinite, naming the step; [`Error::CutOff`] when `progress` stops the training; errors of the objective and of
    /// reading and writing checkpoints.
    pub fn run<O: Objective>(
        &self,
        model: O::Model,
        objective: &O,
        progress: &mut dyn TrainProgress,
    ) -> Result<TrainOutput<O::Model>> {
        self.check(objective.len())?;
        let lengths = (0..objective.len()).map(|example| objective.length(example)).collect();
        let mut batches = BatchSchedule::new(lengths, self.batch, self.seed);
        let _lock = self.checkpoint.as_deref().map(lock).transpose()?;
        let identity = TrainingIdentity::of(self, &model, objective);
        let mut run = self.begin(model, identity)?;
        while run.state.step < self.schedule.steps && !self.is_stale(&run.state.scores) {
            let step = run.state.step;
            let loss = run.step(objective, &batches.batch(step), self)?;
            progress.on_step(step + 1, self.schedule.steps, loss);
            if run.state.step.is_multiple_of(self.eval_interval) || run.state.step == self.schedule.steps {
                run.evaluate(objective, progress)?;
                run.save(self)?;
            } else if progress.should_stop() {
                run.save(self)?;
                return Err(Error::CutOff { done: run.state.step, of: self.schedule.steps });
            }
        }
        run.end()
    }

    fn check(&self, examples: usize) -> Result<()> {
        let counts = [
            ("batch", self.batch),
            ("shards", self.shards),
            ("evaluation interval", self.eval_interval),
            ("examples", examples),
        ];
        if let Some((name, found)) = counts.into_iter().find(|(_, value)| *value == 0) {
            return Err(Error::Parameter { name, expected: "at least 1".into(), found: found.to_string() });
        }
        let positive = [("peak learning rate", self.schedule.peak), ("gradient clipping norm", f64::from(self.clip))];
        match positive.into_iter().find(|(_, value)| !(value.is_finite() && *value > 0.0)) {
            Some((name, found)) => Err(Error::Parameter { name, expected: "above 0".into(), found: found.to_string() }),
            None => Ok(()),
        }
    }

    /// Whether none of the last `patience` scores is better than an earlier one.
    fn is_stale(&self, scores: &[(usize, f64)]) -> bool {
        best_of(scores).is_some_and(|best| scores.len() - 1 - best >= self.patience)
    }

    fn begin<M: Module>(&self, model: M, identity: TrainingIdentity) -> Result<TrainRun<M>> {
        let clip = GradientClippingConfig::Norm(self.clip).init();
        let config = AdamWConfig::new().with_beta_2(0.98).with_epsilon(1e-8).with_weight_decay(self.weight_decay);
        let optimizer = config.init().with_grad_clipping(clip);
        let state = TrainState { identity, step: 0, scores: Vec::new(), losses: Vec::new(), loss_sum: 0.0 };
        let run = TrainRun { model: model.train(), optimizer, best: None, state };
        match self.checkpoint.as_deref().map(Checkpoint::read).transpose()?.flatten() {
            Some(checkpoint) => run.resume(checkpoint),
            None => Ok(run),
        }
    }
}

impl<M: Module> TrainRun<M> {
    fn step<O: Objective<Model = M>>(&mut self, objective: &O, batch: &[usize], trainer: &Trainer) -> Result<f64> {
        let step = self.state.step;
        let (loss, gradients) = shards::gradients(objective, &self.model, batch, trainer.shards)?;
        if !loss.is_finite() {
            let (model, place) = ("training".to_owned(), format!("loss of step {step}"));
            return Err(Error::NotFinite { model, place, index: 0 });
        }
        self.model = self.optimizer.step(trainer.schedule.rate(step), self.model.clone(), gradients);
        self.state.step += 1;
        self.state.loss_sum += loss;
        Ok(loss)
    }

    fn evaluate<O: Objective<Model = M>>(&mut self, objective: &O, progress: &mut dyn TrainProgress) -> Result<()> {
        let model = self.model.valid();
        let Some(score) = objective.score(&model)?.filter(|score| score.is_finite()) else { return Ok(()) };
        let since = self.state.step - self.state.scores.last().map_or(0, |(step, _)| *step);
        self.state.losses.push(std::mem::take(&mut self.state.loss_sum) / since.max(1) as f64);
        self.state.scores.push((self.state.step, score));
        if best_of(&self.state.scores) == Some(self.state.scores.len() - 1) {
            self.best = Some(record(model)?);
        }
        progress.on_score(self.state.step, score);
        Ok(())
    }

    fn save(&self, trainer: &Trainer) -> Result<()> {
        let Some(path) = &trainer.checkpoint else { return Ok(()) };
        let optimizer = self.optimizer.into_bytes().map_err(unusable)?.to_vec();
        let checkpoint = Checkpoint {
            state: serde_json::to_vec(&self.state).map_err(unusable)?,
            model: record(self.model.valid())?,
            optimizer,
            best: self.best.clone().unwrap_or_default(),
        };
        checkpoint.write(path)
    }

    /// Resumes from `checkpoint` if it is of this training.
    fn resume(mut self, checkpoint: Checkpoint) -> Result<Self> {
        let state: TrainState = serde_json::from_slice(&checkpoint.state).map_err(unusable)?;
        self.state.identity.check(&state.identity)?;
        self.model = load(self.model.valid(), checkpoint.model)?.train();
        self.optimizer = self.optimizer.from_bytes(Bytes::from_bytes_vec(checkpoint.optimizer)).map_err(unusable)?;
        self.best = (!checkpoint.best.is_empty()).then_some(checkpoint.best);
        self.state = state;
        Ok(self)
    }

    fn end(self) -> Result<TrainOutput<M>> {
        let TrainState { scores, losses, step: steps, .. } = self.state;
        let last = self.model.valid();
        let model = match self.best {
            Some(best) => load(last, best)?,
            None => last,
        };
        Ok(TrainOutput { model, scores, losses, steps })
    }
}

/// Ensures that only one training at a time uses a checkpoint.
fn lock(checkpoint: &Path) -> Result<FileLock> {
    let path = checkpoint.with_extension("lock");
    FileLock::acquire(&path).map_err(|error| match error {
        LockError::Held(holder) => {
            Error::format(&path, "lock", "no other training with this checkpoint", format!("one by {holder}"))
        }
        LockError::Io(source) => Error::io(&path, source),
    })
}

/// The index of the first highest score.
fn best_of(scores: &[(usize, f64)]) -> Option<usize> {
    (0..scores.len()).reduce(|best, at| if scores[at].1 > scores[best].1 { at } else { best })
}

fn record<M: Module>(model: M) -> Result<Vec<u8>> {
    Ok(model.into_record().into_bytes().map_err(unusable)?.to_vec())
}

fn load<M: Module>(model: M, bytes: Vec<u8>) -> Result<M> {
    let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes)).map_err(unusable)?;
    model.try_load_record(record).map_err(unusable)
}

fn unusable(error: impl std::fmt::Display) -> Error {
    Error::Parameter {
        name: "checkpoint",
        expected: "a checkpoint of this training".to_owned(),
        found: error.to_string(),
    }
}
