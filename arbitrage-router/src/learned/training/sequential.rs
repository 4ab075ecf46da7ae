//! Training of sequential routers, by regression on what the decisions of finished runs led to.

use arbitrage_models::train::{TrainProgress, Trainer};
use arbitrage_models::{Device, Result as ModelResult};
use serde::{Deserialize, Serialize};

use super::super::features::ProbeFeatures;
use super::super::mlp::{Mlp, Standardization};
use super::super::path::Path;
use super::super::sequential::step_inputs;
use super::super::{
    Card, DecisionCosts, DecisionScores, ModelPair, OutputHead, Probe, Prospects, RouterError, RouterInput, Sequential,
    SequentialNetworks, TokenPrices, TrainingData,
};
use super::TrainingSplit;
use super::network::{Network, layer_widths};
use super::outcome_objective::OutcomeObjective;
use super::probe::{DEFAULT_HIDDEN_WIDTH, checked_row};
use super::targets::area_under_curve;
use crate::calibrate::Calibrator;
use crate::labels::{SolutionOutcome, TokenWork};

/// How a sequential router is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SequentialRecipe {
    /// Which features of the drafted step the networks read. Those of the probe, where there is one, come before it.
    #[serde(rename = "inputs")]
    pub features: ProbeFeatures,
    /// Width of the hidden layer of both networks; 0 leaves it out.
    #[serde(rename = "width")]
    pub hidden_width: usize,
    /// The training loop of each network. Its seed also determines the initial weights.
    pub fit: Trainer,
}

impl SequentialRecipe {
    /// Networks with one hidden layer of 64.
    pub fn new(features: ProbeFeatures, fit: Trainer) -> Self {
        Self { features, hidden_width: DEFAULT_HIDDEN_WIDTH, fit }
    }

    /// Sets the width of the hidden layer; 0 leaves it out.
    pub fn with_hidden_width(mut self, width: usize) -> Self {
        self.hidden_width = width;
        self
    }
}

/// What a sequential router is trained from.
#[derive(Debug)]
pub struct SequentialTraining<'a> {
    /// Finished solutions of the pair. Their policy has to decide both ways about similar steps:
    /// [`Explore`](arbitrage_core::router::Explore). What a decision leads to is what it led to under this policy.
    pub outcomes: TrainingSplit<'a, [SolutionOutcome]>,
    /// Features, size and training loop.
    pub recipe: &'a SequentialRecipe,
    /// A trained probe of the pair, whose outputs are further inputs. It should not have been trained on the problems of the runs.
    pub probe: Option<&'a Probe>,
    /// Seconds of a token of each kind.
    pub seconds: TokenPrices,
    /// The models of the runs, for the card.
    pub pair: ModelPair,
    /// Description of the runs, for the card.
    pub data: TrainingData,
}

impl Sequential {
    /// Trains both networks on `device`, one after the other, and keeps the weights of each with the least loss on the validation
    /// solutions: cross entropy of the right answer and squared error of the work, in standard deviations, each for the decision
    /// that was taken. The area under the curve of the score of the decision that was taken, for telling solutions with a right
    /// answer from others, is recorded in the card as `validation AUC`.
    ///
    /// # Errors
    /// [`RouterError::Signal`] for drafts that lack a feature; [`RouterError::Decisions`] unless there are accepted and escalated
    /// steps; [`RouterError::Costs`] for invalid prices; [`RouterError::Models`] for features that are not finite or of different
    /// width, and failures of the training loop.
    pub fn train(
        training: &SequentialTraining<'_>,
        device: &Device,
        progress: &mut dyn TrainProgress,
    ) -> Result<Self, RouterError> {
        let (recipe, outcomes) = (training.recipe, &training.outcomes);
        let mut train = training.decisions(outcomes.training, None)?;
        let mut validation = training.decisions(outcomes.validation, train.width())?;
        train.check()?;
        let scales = work_scales(&train.taken);
        let of_scores = |decision: &TakenDecision| decision.targets(&scales)[..2].to_vec();
        let step_scores = fit(recipe, "step-scores", &train, &validation, of_scores, device, progress)?;
        train.add_paths(outcomes.training, &step_scores)?;
        validation.add_paths(outcomes.validation, &step_scores)?;
        let of_all = |decision: &TakenDecision| decision.targets(&scales);
        let mut head = fit(recipe, "head", &train, &validation, of_all, device, progress)?;
        unscale(&mut head, &scales);
        let costs = DecisionCosts { seconds: training.seconds, target_step: mean_target_step(outcomes.training) };
        let mut card = training.card(costs);
        let probe = training.probe.map(|probe| probe.network().clone());
        let networks = SequentialNetworks { probe, step_scores, head };
        if !validation.taken.is_empty() {
            card.metrics.insert("validation AUC".to_owned(), validation.auc(&networks.head)?);
        }
        Self::new(card, networks)
    }
}

impl SequentialTraining<'_> {
    /// The features of the probe, or those of the recipe where there is none.
    fn features(&self) -> ProbeFeatures {
        self.probe.map_or(self.recipe.features, Probe::features)
    }

    /// Reads the inputs of every drafted step: `width` finite numbers where it is given, and as many as of the first step otherwise.
    fn decisions(&self, outcomes: &[SolutionOutcome], width: Option<usize>) -> Result<Decisions, RouterError> {
        let (features, probe) = (self.features(), self.probe.map(Probe::network));
        let mut all = Decisions { rows: Vec::new(), taken: Vec::new() };
        for outcome in outcomes {
            let problem = outcome.as_problem();
            for position in outcome.decisions() {
                let Some(candidate) = outcome.candidate(&problem, position) else { continue };
                let row = step_inputs(features, probe, &candidate)?;
                all.rows.push(checked_row(row, width.or(all.width()), all.rows.len())?);
                let (is_escalated, is_solved) = (outcome.is_escalated(position), outcome.is_solved);
                all.taken.push(TakenDecision { is_escalated, is_solved, work: outcome.work[position] });
            }
        }
        Ok(all)
    }

    fn card(&self, costs: DecisionCosts) -> Card {
        Card {
            input: RouterInput::Sequential { features: self.features(), costs },
            output_head: OutputHead::binary(),
            pair: self.pair.clone(),
            data: self.data.clone(),
            seed: self.recipe.fit.seed,
            training: serde_json::to_value(self.recipe).unwrap_or_default(),
            metrics: Default::default(),
            calibrator: Calibrator::None,
            goal: None,
            shown: None,
            tau: 0.1,
        }
    }
}

/// A decision that was taken, and what it led to.
struct TakenDecision {
    is_escalated: bool,
    is_solved: bool,
    work: TokenWork,
}

impl TakenDecision {
    /// The head's target for each output; NaN for those of the decision that was not taken. Work is in units of `scales`.
    fn targets(&self, scales: &[f64; 4]) -> Vec<f32> {
        let taken = usize::from(self.is_escalated);
        let mut targets = vec![f32::NAN; Prospects::OUTPUTS];
        targets[taken] = f32::from(u8::from(self.is_solved));
        for ((count, scale), at) in self.work.counts().into_iter().zip(scales).zip(2 + 4 * taken..) {
            targets[at] = (count / scale) as f32;
        }
        targets
    }
}

/// The decisions of some solutions, in their order.
struct Decisions {
    /// The networks' inputs, not standardised.
    rows: Vec<Vec<f32>>,
    taken: Vec<TakenDecision>,
}

impl Decisions {
    fn width(&self) -> Option<usize> {
        self.rows.first().map(Vec::len)
    }

    /// Appends the features of the path to each row, as a router has them that follows the solution.
    fn add_paths(&mut self, outcomes: &[SolutionOutcome], step_scores: &Mlp) -> Result<(), RouterError> {
        let mut rows = self.rows.iter_mut();
        for outcome in outcomes {
            let (problem, mut path) = (outcome.as_problem(), Path::default());
            for position in outcome.decisions() {
                let (Some(candidate), Some(row)) = (outcome.candidate(&problem, position), rows.next()) else {
                    continue;
                };
                let scores = DecisionScores::of_network(step_scores, row)?;
                row.extend(path.features(&candidate.prefix, scores));
                path.remember(&candidate.prefix, scores, candidate.draft.token_count());
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), RouterError> {
        let escalated = self.taken.iter().filter(|decision| decision.is_escalated).count();
        let accepted = self.taken.len() - escalated;
        if accepted == 0 || escalated == 0 { Err(RouterError::Decisions { accepted, escalated }) } else { Ok(()) }
    }

    /// The area under the curve of the score of the decisions that were taken.
    fn auc(&self, head: &Mlp) -> Result<f64, RouterError> {
        let score = |(row, taken): (&Vec<f32>, &TakenDecision)| Ok(head.forward(row)?[usize::from(taken.is_escalated)]);
        let scores = self.rows.iter().zip(&self.taken).map(score).collect::<ModelResult<Vec<f32>>>()?;
        let solved: Vec<bool> = self.taken.iter().map(|taken| taken.is_solved).collect();
        Ok(area_under_curve(&scores, &solved)?)
    }
}

/// Trains a network from the rows of `train` to `targets`, with a checkpoint of its own.
fn fit(
    recipe: &SequentialRecipe,
    name: &str,
    train: &Decisions,
    validation: &Decisions,
    targets: impl Fn(&TakenDecision) -> Vec<f32>,
    device: &Device,
    progress: &mut dyn TrainProgress,
) -> Result<Mlp, RouterError> {
    let standardization = Standardization::fit(&train.rows);
    let all = |decisions: &Decisions| decisions.taken.iter().map(&targets).collect::<Vec<_>>();
    let objective = OutcomeObjective {
        rows: train.rows.iter().map(|row| standardization.apply(row)).collect(),
        targets: all(train),
        validation: (validation.rows.as_slice(), all(validation)),
        standardization: &standardization,
    };
    let outputs = objective.targets.first().map_or(0, Vec::len);
    let widths = layer_widths(train.width().unwrap_or(0), recipe.hidden_width, outputs);
    let mut trainer = recipe.fit.clone();
    trainer.checkpoint = trainer.checkpoint.map(|path| {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        path.with_file_name(format!("{file}-{name}"))
    });
    let fitted = trainer.run(Network::new(&widths, trainer.seed, device), &objective, progress)?;
    Ok(fitted.model.to_mlp(&standardization))
}

/// Standard deviation of each count, so that all of them matter alike; 1 for a constant one.
fn work_scales(taken: &[TakenDecision]) -> [f64; 4] {
    let rows: Vec<Vec<f32>> =
        taken.iter().map(|decision| decision.work.counts().map(|count| count as f32).to_vec()).collect();
    let deviation = Standardization::fit(&rows).deviation;
    [0, 1, 2, 3].map(|at| deviation.get(at).map_or(1.0, |deviation| f64::from(*deviation)))
}

/// Makes the outputs for work count tokens.
fn unscale(head: &mut Mlp, scales: &[f64; 4]) {
    let Some(last) = head.layers.last_mut() else { return };
    let inputs = last.weight.len() / last.bias.len().max(1);
    for (output, scale) in (2..last.bias.len()).zip(scales.iter().cycle()) {
        last.bias[output] *= *scale as f32;
        last.weight[output * inputs..][..inputs].iter_mut().for_each(|weight| *weight *= *scale as f32);
    }
}

/// Mean work of the target's committed steps.
fn mean_target_step(outcomes: &[SolutionOutcome]) -> TokenWork {
    let of = |outcome: &SolutionOutcome| outcome.target_steps().collect::<Vec<_>>();
    let steps: Vec<TokenWork> = outcomes.iter().flat_map(of).collect();
    let count = steps.len().max(1) as f64;
    let total: TokenWork = steps.into_iter().sum();
    TokenWork::from_counts(total.counts().map(|sum| sum / count))
}
