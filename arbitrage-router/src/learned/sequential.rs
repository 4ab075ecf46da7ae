//! A router that weighs what both decisions lead to against what they cost.

use std::collections::HashMap;
use std::path::Path as FilePath;

use arbitrage_core::router::ThresholdRule;
use arbitrage_core::{AdvantageRouter, BoxError, Candidate, Decision, SequenceId};
use arbitrage_models::Error;
use serde::{Deserialize, Serialize};

use super::RouterError;
use super::card::{Card, RouterInput};
use super::features::ProbeFeatures;
use super::mlp::Mlp;
use super::output_head::sigmoid;
use super::path::{DecisionScores, Path};
use crate::labels::TokenWork;

/// Folder of the network that scores steps, in the router's folder.
const STEP_SCORES_FOLDER: &str = "step-scores";

/// Folder of the probe's network, in the router's folder.
const PROBE_FOLDER: &str = "step-probe";

/// Seconds of a token of each kind of [`TokenWork`], on one machine.
pub type TokenPrices = TokenWork;

/// What a [`Sequential`] router's decisions cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionCosts {
    /// Seconds of a token of each kind.
    pub seconds: TokenPrices,
    /// Mean work of a step that the target writes. Its seconds are the unit in which decisions are compared.
    pub target_step: TokenWork,
}

impl DecisionCosts {
    /// The cost of `work`, as a multiple of a target's step.
    pub fn target_steps(&self, work: TokenWork) -> f64 {
        self.seconds_of(work) / self.seconds_of(self.target_step)
    }

    fn seconds_of(&self, work: TokenWork) -> f64 {
        work.counts().into_iter().zip(self.seconds.counts()).map(|(count, seconds)| count * seconds).sum()
    }

    /// Whether all prices are finite and none is negative, and a target's step costs something.
    pub(super) fn is_valid(&self) -> bool {
        let counts = self.seconds.counts().into_iter().chain(self.target_step.counts());
        counts.into_iter().all(|count| count.is_finite() && count >= 0.0) && self.seconds_of(self.target_step) > 0.0
    }
}

/// What the head expects of both decisions about a drafted step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prospects {
    /// Probability that the final answer is right.
    pub scores: DecisionScores,
    /// Work of both models up to the end of the solution if the step is accepted.
    pub accept_work: TokenWork,
    /// The same if the target writes the step.
    pub escalate_work: TokenWork,
}

impl Prospects {
    /// Number of outputs of the head: two scores, and four counts of tokens for each decision.
    pub(super) const OUTPUTS: usize = 10;

    /// From the head's outputs: logits of both scores, then the work after accepting and after escalating. No count is below 0.
    pub(super) fn of(outputs: &[f32; Self::OUTPUTS]) -> Self {
        let [accept, escalate, work @ ..] = *outputs;
        let counts = |first: usize| [0, 1, 2, 3].map(|at| f64::from(work[first + at]).max(0.0));
        Self {
            scores: DecisionScores { accept: sigmoid(accept), escalate: sigmoid(escalate) },
            accept_work: TokenWork::from_counts(counts(0)),
            escalate_work: TokenWork::from_counts(counts(4)),
        }
    }

    /// What escalating gains per unit of cost: the gain in the probability of a right answer, divided by the additional cost in
    /// target's steps, in [0, 1]. It is 0 where nothing is gained, as in a solution that is lost anyway, and 1 where escalating costs
    /// no more than it gains.
    pub fn estimate(&self, costs: &DecisionCosts) -> f32 {
        let gain = f64::from(self.scores.escalate) - f64::from(self.scores.accept);
        let cost = costs.target_steps(self.escalate_work) - costs.target_steps(self.accept_work);
        if gain <= 0.0 {
            0.0
        } else if cost <= gain {
            1.0
        } else {
            (gain / cost) as f32
        }
    }
}

/// Routes by what accepting and escalating lead to: a head estimates for both the probability of a right final answer and the work
/// that is still to come, and a step is escalated where
///
/// `q(escalate) − q(accept) > τ · (cost(escalate) − cost(accept))`,
///
/// with costs as multiples of a target's step. So τ is the price, in probability of a right answer, of a target's step. A probe asks
/// whether the target's step would be better. That is not the same where a solution is lost already, where a mistake does no harm,
/// and where one step is dearer than another.
///
/// Inputs are the probe's features of the drafted step, the outputs of a trained probe if there is one, and the path so far ([`PATH_FEATURES`](super::PATH_FEATURES)): least,
/// product and last of the scores of earlier steps, tokens spent by each model, and index (the state of TRIM, arXiv 2601.10245). The
/// scores come from a second network on the same inputs without the path, trained on the same outcomes. The router remembers them for each
/// sequence until the sequence is released.
#[derive(Clone, Debug)]
pub struct Sequential {
    card: Card,
    features: ProbeFeatures,
    costs: DecisionCosts,
    networks: SequentialNetworks,
    paths: HashMap<SequenceId, Path>,
}

/// The networks of a [`Sequential`] router.
#[derive(Clone, Debug, PartialEq)]
pub struct SequentialNetworks {
    /// A trained probe, from the features of a drafted step. Its outputs are further inputs of the other networks, which therefore need
    /// not learn from few outcomes what the probe has learned from labels of steps.
    pub probe: Option<Mlp>,
    /// From the inputs of a drafted step to its two scores, as logits.
    pub step_scores: Mlp,
    /// From the inputs of the step and of the path to the [`Prospects`].
    pub head: Mlp,
}

/// What the networks read of a drafted step: its features, and what the probe makes of them.
pub(super) fn step_inputs(
    features: ProbeFeatures,
    probe: Option<&Mlp>,
    candidate: &Candidate<'_>,
) -> Result<Vec<f32>, RouterError> {
    let mut inputs = features.extract(candidate)?;
    if let Some(probe) = probe {
        inputs.extend(probe.forward(&inputs)?);
    }
    Ok(inputs)
}

impl DecisionScores {
    /// The scores that `network` gives to a drafted step with these inputs.
    pub(super) fn of_network(network: &Mlp, inputs: &[f32]) -> Result<Self, RouterError> {
        let [accept, escalate] = outputs(network, inputs)?;
        Ok(Self { accept: sigmoid(accept), escalate: sigmoid(escalate) })
    }
}

impl SequentialNetworks {
    /// What the head expects of both decisions about a step with these inputs, after a path with `path_features`.
    pub(super) fn prospects(&self, inputs: &[f32], path_features: &[f32]) -> Result<Prospects, RouterError> {
        Ok(Prospects::of(&outputs(&self.head, &[inputs, path_features].concat())?))
    }
}

/// The outputs of a network, of which there are `N`.
fn outputs<const N: usize>(network: &Mlp, inputs: &[f32]) -> Result<[f32; N], RouterError> {
    let outputs = network.forward(inputs)?;
    if let Some(index) = outputs.iter().position(|output| !output.is_finite()) {
        let (model, place) = ("sequential router".to_owned(), "output of the head".to_owned());
        return Err(Error::NotFinite { model, place, index }.into());
    }
    outputs.try_into().map_err(|found: Vec<f32>| RouterError::Outputs { expected: N, found: found.len() })
}

impl Sequential {
    /// A router from a card and its networks.
    ///
    /// # Errors
    /// [`RouterError::Kind`] for the card of another kind of router; [`RouterError::Costs`] for prices that are negative or not finite;
    /// [`RouterError::Outputs`] for networks of another number of outputs.
    pub fn new(card: Card, networks: SequentialNetworks) -> Result<Self, RouterError> {
        let RouterInput::Sequential { features, costs } = card.input else {
            return Err(RouterError::Kind { expected: "sequential", found: card.input.kind() });
        };
        if !costs.is_valid() {
            return Err(RouterError::Costs { found: costs });
        }
        for (network, expected) in [(&networks.step_scores, 2), (&networks.head, Prospects::OUTPUTS)] {
            let found = network.layers.last().map_or(0, |layer| layer.bias.len());
            if found != expected {
                return Err(RouterError::Outputs { expected, found });
            }
        }
        Ok(Self { card, features, costs, networks, paths: HashMap::new() })
    }

    /// Opens a folder that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// As [`Card::open`], [`open_networks`](Self::open_networks) and [`new`](Self::new).
    pub fn open(folder: impl AsRef<FilePath>) -> Result<Self, RouterError> {
        let folder = folder.as_ref();
        Self::new(Card::open(folder)?, Self::open_networks(folder)?)
    }

    /// Reads the networks in a router's folder.
    ///
    /// # Errors
    /// As [`Mlp::open`].
    pub fn open_networks(folder: &FilePath) -> Result<SequentialNetworks, RouterError> {
        let step_scores = Mlp::open(&folder.join(STEP_SCORES_FOLDER))?;
        let probe = folder.join(PROBE_FOLDER);
        let probe = probe.is_dir().then(|| Mlp::open(&probe)).transpose()?;
        // A router that was trained into the same folder before may have left its probe, which this one does not read.
        let outputs = |probe: &Mlp| probe.layers.last().map_or(0, |layer| layer.bias.len());
        let probe = probe.filter(|probe| probe.inputs() + outputs(probe) == step_scores.inputs());
        Ok(SequentialNetworks { probe, step_scores, head: Mlp::open(folder)? })
    }

    /// Writes card and weights into `folder`, which is created if necessary.
    ///
    /// # Errors
    /// [`RouterError::Io`] and [`RouterError::Models`] where the folder or a file cannot be written.
    pub fn save(&self, folder: impl AsRef<FilePath>) -> Result<(), RouterError> {
        let folder = folder.as_ref();
        let SequentialNetworks { probe, step_scores, head } = &self.networks;
        let parts = [(STEP_SCORES_FOLDER, Some(step_scores)), (PROBE_FOLDER, probe.as_ref())];
        for (path, network) in parts.into_iter().filter_map(|(name, network)| Some((folder.join(name), network?))) {
            std::fs::create_dir_all(&path).map_err(|source| RouterError::Io { path: path.clone(), source })?;
            network.save(&path)?;
        }
        head.save(folder)?;
        self.card.save(folder)
    }

    /// Sets τ, in [0, 1].
    ///
    /// # Errors
    /// [`RouterError::Config`] for a threshold out of range.
    pub fn with_threshold(mut self, tau: f32) -> Result<Self, RouterError> {
        self.card = self.card.with_threshold(tau)?;
        Ok(self)
    }

    /// The router's card.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Number of sequences that the router remembers something of.
    pub fn sequences(&self) -> usize {
        self.paths.len()
    }

    /// What the head expects of both decisions about a drafted step, whose scores are remembered for the next ones. The result
    /// depends on the drafts of the same sequence that the router has been asked about before.
    ///
    /// # Errors
    /// [`RouterError::Signal`] for a signal that the drafter did not report; [`RouterError::Models`] for hidden states of another width
    /// than in training, and for outputs that are not finite.
    pub fn prospects(&mut self, candidate: &Candidate<'_>) -> Result<Prospects, RouterError> {
        let prefix = &candidate.prefix;
        let inputs = step_inputs(self.features, self.networks.probe.as_ref(), candidate)?;
        let scores = DecisionScores::of_network(&self.networks.step_scores, &inputs)?;
        let path = self.paths.entry(prefix.id).or_default();
        let prospects = self.networks.prospects(&inputs, &path.features(prefix, scores))?;
        path.remember(prefix, scores, candidate.draft.token_count());
        Ok(prospects)
    }
}

impl AdvantageRouter for Sequential {
    fn name(&self) -> String {
        format!("sequential(τ={})", self.card.tau)
    }

    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        let raw = self.prospects(candidate)?.estimate(&self.costs);
        let estimate = self.card.calibrator.apply(raw);
        Ok(Decision::new(ThresholdRule::LEARNED.decide(estimate, self.card.tau)).with_estimate(estimate))
    }

    fn release(&mut self, id: SequenceId) {
        self.paths.remove(&id);
    }
}

#[cfg(test)]
mod tests;
