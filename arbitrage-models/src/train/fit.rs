//! The training loop.

use std::path::{Path, PathBuf};

use burn::grad_clipping::GradientClippingConfig;
use burn::module::Module;
use burn::optim::{AdamWConfig, ModuleOptimizer};
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Tensor};
use serde::{Deserialize, Serialize};

use super::checkpoint::Checkpoint;
use super::identity::Identity;
use super::order::Order;
use super::schedule::Schedule;
use super::shards;
use crate::error::{Error, Result};
use crate::lock::FileLock;

/// What is learned.
#[allow(clippy::len_without_is_empty, reason = "never empty")]
pub trait Objective: Sync {
    /// The module that learns.
    type Model: Module;

    /// Examples, at least one.
    fn len(&self) -> usize;

    /// Tokens of an example: those of about one length are put together.
    fn length(&self, example: usize) -> usize;

    /// How much an example counts in the mean, above 0.
    fn weight(&self, example: usize) -> f64;

    /// Hands `hear` all that the loss of an example depends on beside the model, as bytes: its text, its answers, their weights.
    /// A training is known by it.
    fn content(&self, example: usize, hear: &mut dyn FnMut(&[u8]));

    /// Loss of the examples, summed as [`weight`](Self::weight) counts them, `[1]`.
    fn loss(&self, model: &Self::Model, examples: &[usize]) -> Result<Tensor<1>>;

    /// How good the model is, the higher the better; `None` where that is not asked: the last weights are then kept.
    fn score(&self, model: &Self::Model) -> Result<Option<f64>>;
}

/// Hears how a training goes on.
pub trait Progress {
    /// `step` of `steps` is done, with this mean loss.
    fn stepped(&mut self, step: usize, steps: usize, loss: f64);

    /// The weights after `step` steps score `score`.
    fn scored(&mut self, step: usize, score: f64);

    /// Whether the training is to end here, with a checkpoint from which it can go on. Asked after each step.
    fn is_cut_off(&self) -> bool {
        false
    }
}

/// Hears nothing.
impl Progress for () {
    fn stepped(&mut self, _step: usize, _steps: usize, _loss: f64) {}
    fn scored(&mut self, _step: usize, _score: f64) {}
}

/// How a model is trained: AdamW over shuffled batches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Fit {
    /// The learning rate, and how many steps there are.
    pub schedule: Schedule,
    /// Examples a step, at least 1.
    pub batch: usize,
    /// Parts of a batch that run side by side on the processor.
    pub shards: usize,
    /// AdamW's decay of weights a step, times the learning rate.
    pub weight_decay: f32,
    /// Greatest norm of a parameter's gradient.
    pub clip: f32,
    /// Seed of the batches' order.
    pub seed: u64,
    /// Steps between two scores and two checkpoints, at least 1.
    pub every: usize,
    /// Scores in a row without a better one after which the training ends.
    pub patience: usize,
    /// Where checkpoints are kept; without it, a killed training is lost.
    #[serde(skip)]
    pub checkpoint: Option<PathBuf>,
}

/// A trained model.
#[derive(Debug)]
#[non_exhaustive]
pub struct Fitted<M> {
    /// The best weights, or the last ones where nothing was scored. Without gradients.
    pub model: M,
    /// Step and score of each score taken.
    pub scores: Vec<(usize, f64)>,
    /// Mean loss since the score before, at each score's step.
    pub losses: Vec<f64>,
    /// Steps done.
    pub steps: usize,
}

impl<M> Fitted<M> {
    /// The best score; `None` where nothing was scored.
    pub fn best(&self) -> Option<f64> {
        best_of(&self.scores).map(|at| self.scores[at].1)
    }
}

/// What a checkpoint says of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct State {
    of: Identity,
    step: usize,
    scores: Vec<(usize, f64)>,
    losses: Vec<f64>,
    running: f64,
}

/// A training under way.
struct Run<M: Module> {
    model: M,
    optimizer: ModuleOptimizer,
    best: Option<Vec<u8>>,
    state: State,
}

impl Fit {
    /// `steps` steps of 16 examples with a learning rate of at most `peak`, a score every twentieth of them.
    pub fn new(steps: usize, peak: f64) -> Self {
        Self {
            schedule: Schedule::new(peak, steps),
            batch: 16,
            shards: 2,
            weight_decay: 0.01,
            clip: 1.0,
            seed: 0,
            every: steps.div_ceil(20).max(1),
            patience: usize::MAX,
            checkpoint: None,
        }
    }

    /// Sets the examples a step.
    pub fn with_batch(mut self, examples: usize) -> Self {
        self.batch = examples;
        self
    }

    /// Sets the steps between two scores and two checkpoints.
    pub fn with_every(mut self, steps: usize) -> Self {
        self.every = steps;
        self
    }

    /// Ends the training after so many scores in a row without a better one.
    pub fn with_patience(mut self, scores: usize) -> Self {
        self.patience = scores;
        self
    }

    /// Sets the seed of the batches' order.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Keeps checkpoints at `path`; a training that finds one there goes on from it.
    pub fn with_checkpoint(mut self, path: impl Into<PathBuf>) -> Self {
        self.checkpoint = Some(path.into());
        self
    }

    /// Trains `model` where its weights are. Interrupted at any moment and called again, it gives on the processor the same bits as
    /// without the interruption; an accelerator chooses among kernels by their speed.
    ///
    /// # Errors
    /// [`Error::Parameter`] for numbers that make no sense, and where a checkpoint is of another training: another loop, other
    /// first weights, or other examples; [`Error::Format`] where another process trains on the checkpoint;
    /// [`Error::NotFinite`] when the loss is no number, naming the step; [`Error::CutOff`] where `progress` says so; errors of the objective and of checkpoints.
    pub fn run<O: Objective>(
        &self,
        model: O::Model,
        objective: &O,
        progress: &mut dyn Progress,
    ) -> Result<Fitted<O::Model>> {
        self.check(objective.len())?;
        let lengths = (0..objective.len()).map(|example| objective.length(example)).collect();
        let mut order = Order::new(lengths, self.batch, self.seed);
        let _lock = self.checkpoint.as_deref().map(lock).transpose()?;
        let of = Identity::of(self, &model, objective);
        let mut run = self.begin(model, of)?;
        while run.state.step < self.schedule.steps && !self.is_stale(&run.state.scores) {
            let step = run.state.step;
            let loss = run.step(objective, &order.batch(step), self)?;
            progress.stepped(step + 1, self.schedule.steps, loss);
            if run.state.step.is_multiple_of(self.every) || run.state.step == self.schedule.steps {
                run.score(objective, progress)?;
                run.save(self)?;
            } else if progress.is_cut_off() {
                run.save(self)?;
                return Err(Error::CutOff { done: run.state.step, of: self.schedule.steps });
            }
        }
        run.end()
    }

    fn check(&self, examples: usize) -> Result<()> {
        let least = [("batch", self.batch), ("shards", self.shards), ("every", self.every), ("examples", examples)];
        if let Some((name, found)) = least.into_iter().find(|(_, value)| *value == 0) {
            return Err(Error::Parameter { name, expected: "at least 1".into(), found: found.to_string() });
        }
        let positive = [("peak", self.schedule.peak), ("clip", f64::from(self.clip))];
        match positive.into_iter().find(|(_, value)| !(value.is_finite() && *value > 0.0)) {
            Some((name, found)) => Err(Error::Parameter { name, expected: "above 0".into(), found: found.to_string() }),
            None => Ok(()),
        }
    }

    /// Whether the last scores were no better than one before them.
    fn is_stale(&self, scores: &[(usize, f64)]) -> bool {
        best_of(scores).is_some_and(|best| scores.len() - 1 - best >= self.patience)
    }

    fn begin<M: Module>(&self, model: M, of: Identity) -> Result<Run<M>> {
        let clip = GradientClippingConfig::Norm(self.clip).init();
        let config = AdamWConfig::new().with_beta_2(0.98).with_epsilon(1e-8).with_weight_decay(self.weight_decay);
        let optimizer = config.init().with_grad_clipping(clip);
        let state = State { of, step: 0, scores: Vec::new(), losses: Vec::new(), running: 0.0 };
        let run = Run { model: model.train(), optimizer, best: None, state };
        match self.checkpoint.as_deref().map(Checkpoint::read).transpose()?.flatten() {
            Some(checkpoint) => run.resume(checkpoint),
            None => Ok(run),
        }
    }
}

impl<M: Module> Run<M> {
    fn step<O: Objective<Model = M>>(&mut self, objective: &O, batch: &[usize], fit: &Fit) -> Result<f64> {
        let step = self.state.step;
        let (loss, gradients) = shards::gradients(objective, &self.model, batch, fit.shards)?;
        if !loss.is_finite() {
            let (model, place) = ("training".to_owned(), format!("loss of step {step}"));
            return Err(Error::NotFinite { model, place, index: 0 });
        }
        self.model = self.optimizer.step(fit.schedule.rate(step), self.model.clone(), gradients);
        self.state.step += 1;
        self.state.running += loss;
        Ok(loss)
    }

    fn score<O: Objective<Model = M>>(&mut self, objective: &O, progress: &mut dyn Progress) -> Result<()> {
        let model = self.model.valid();
        let Some(score) = objective.score(&model)?.filter(|score| score.is_finite()) else { return Ok(()) };
        let since = self.state.step - self.state.scores.last().map_or(0, |(step, _)| *step);
        self.state.losses.push(std::mem::take(&mut self.state.running) / since.max(1) as f64);
        self.state.scores.push((self.state.step, score));
        if best_of(&self.state.scores) == Some(self.state.scores.len() - 1) {
            self.best = Some(record(model)?);
        }
        progress.scored(self.state.step, score);
        Ok(())
    }

    fn save(&self, fit: &Fit) -> Result<()> {
        let Some(path) = &fit.checkpoint else { return Ok(()) };
        let optimizer = self.optimizer.into_bytes().map_err(broken)?.to_vec();
        let checkpoint = Checkpoint {
            state: serde_json::to_vec(&self.state).map_err(broken)?,
            model: record(self.model.valid())?,
            optimizer,
            best: self.best.clone().unwrap_or_default(),
        };
        checkpoint.write(path)
    }

    /// Goes on from `checkpoint`, if it is one of this training.
    fn resume(mut self, checkpoint: Checkpoint) -> Result<Self> {
        let state: State = serde_json::from_slice(&checkpoint.state).map_err(broken)?;
        self.state.of.check(&state.of)?;
        self.model = load(self.model.valid(), checkpoint.model)?.train();
        self.optimizer = self.optimizer.from_bytes(Bytes::from_bytes_vec(checkpoint.optimizer)).map_err(broken)?;
        self.best = (!checkpoint.best.is_empty()).then_some(checkpoint.best);
        self.state = state;
        Ok(self)
    }

    fn end(self) -> Result<Fitted<M>> {
        let State { scores, losses, step: steps, .. } = self.state;
        let last = self.model.valid();
        let model = match self.best {
            Some(best) => load(last, best)?,
            None => last,
        };
        Ok(Fitted { model, scores, losses, steps })
    }
}

/// One training at a time on one checkpoint.
fn lock(checkpoint: &Path) -> Result<FileLock> {
    let path = checkpoint.with_extension("lock");
    FileLock::acquire(&path, |_, holder| {
        Err(Error::format(&path, "lock", "no other training of this model", format!("one of {holder}")))
    })
}

/// The first of the highest scores.
fn best_of(scores: &[(usize, f64)]) -> Option<usize> {
    (0..scores.len()).reduce(|best, at| if scores[at].1 > scores[best].1 { at } else { best })
}

fn record<M: Module>(model: M) -> Result<Vec<u8>> {
    Ok(model.into_record().into_bytes().map_err(broken)?.to_vec())
}

fn load<M: Module>(model: M, bytes: Vec<u8>) -> Result<M> {
    let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes)).map_err(broken)?;
    model.try_load_record(record).map_err(broken)
}

fn broken(error: impl std::fmt::Display) -> Error {
    Error::Parameter { name: "checkpoint", expected: "one of this training".to_owned(), found: error.to_string() }
}
