//! Decisions of a policy on collected steps, by the policy's [`ThresholdRule`].

use arbitrage_core::router::{HandoverRule, Signal, ThresholdRule};
use arbitrage_core::{Author, Route};
use arbitrage_router::{LookaheadPolicy, Policy};

use super::{PairedSolution, ReplayError, StepPair};

/// Probability that each step of the problem is escalated: 0 or 1, or the rate of a random policy.
///
/// # Errors
/// [`ReplayError::Signal`] where a step lacks the signal that the policy compares; [`ReplayError::Policy`] for a threshold that is missing,
/// NaN or out of range.
pub(super) fn escalations(policy: &Policy, problem: &PairedSolution) -> Result<Vec<f64>, ReplayError> {
    let unsupported = |expected| ReplayError::Policy { policy: policy.to_string(), expected };
    policy.check(None).map_err(|_| unsupported("a threshold in the policy's range"))?;
    let constant = |probability: f64| Ok(vec![probability; problem.pairs.len()]);
    match *policy {
        Policy::Draft => constant(0.0),
        Policy::Target => constant(1.0),
        Policy::Random(rate) => constant(f64::from(rate)),
        Policy::MeanLogprob(_)
        | Policy::FirstTokenEntropy(_)
        | Policy::Rsd(_)
        | Policy::Oracle(_)
        | Policy::Learned(_)
        | Policy::Custom { .. } => {
            let rule = rule(policy)?;
            let tau = policy.threshold().ok_or_else(|| unsupported("a threshold, such as `:0.5` after its name"))?;
            let escalation = |pair: &StepPair| {
                let route = rule.decide(signal(&rule, &problem.id, pair)?, tau);
                Ok(if route == Route::Escalate { 1.0 } else { 0.0 })
            };
            problem.pairs.iter().map(escalation).collect()
        }
    }
}

/// What becomes of each step of a problem.
pub(super) struct StepDecisions {
    /// Probability that the step is escalated.
    pub escalations: Vec<f64>,
    /// Whether a draft of it is written.
    pub drafted: Vec<bool>,
}

/// The decisions of a policy with its lookahead. While the target keeps writing after a handover, no drafts are written.
///
/// # Errors
/// As for [`escalations`]; [`ReplayError::NotCollected`] for a lookahead whose decisions do not follow from the collection.
pub(super) fn decisions(policy: &LookaheadPolicy, problem: &PairedSolution) -> Result<StepDecisions, ReplayError> {
    let refuse = |reason| Err(ReplayError::NotCollected { policy: policy.to_string(), reason });
    if policy.lookahead.drafts.is_some() {
        return refuse(
            "a collection has one draft of each step, so that it is not known which of several would be chosen",
        );
    }
    let escalations = escalations(&policy.policy, problem)?;
    let writes_drafts = policy.policy != Policy::Target;
    let Some(rule) = policy.lookahead.handover else {
        let drafted = vec![writes_drafts; escalations.len()];
        return Ok(StepDecisions { escalations, drafted });
    };
    if escalations.iter().any(|escalation| *escalation != 0.0 && *escalation != 1.0) {
        return refuse(
            "its decisions are drawn at random, and after a handover they depend on those before, which a replay of expectations \
             does not follow",
        );
    }
    Ok(hand_over(rule, &escalations, writes_drafts))
}

/// Hands steps over where the decisions before them say so.
fn hand_over(rule: HandoverRule, decided: &[f64], writes_drafts: bool) -> StepDecisions {
    let (mut authors, mut drafted) = (Vec::with_capacity(decided.len()), Vec::with_capacity(decided.len()));
    for escalation in decided {
        let is_handed_over = rule.is_handed_over(authors.iter().copied());
        drafted.push(writes_drafts && !is_handed_over);
        authors.push(if is_handed_over || *escalation == 1.0 { Author::Target } else { Author::Draft });
    }
    let escalations = authors.iter().map(|author| f64::from(u8::from(*author == Author::Target))).collect();
    StepDecisions { escalations, drafted }
}

/// A score by which the policy ranks steps at any threshold: it escalates those with the highest score first. A random policy gives all
/// steps the same.
///
/// # Errors
/// As for [`escalations`]; [`ReplayError::Policy`] also for the policies that do not rank steps.
pub(super) fn escalation_score(policy: &Policy, id: &str, pair: &StepPair) -> Result<f32, ReplayError> {
    if matches!(policy, Policy::Random(_)) {
        return Ok(0.0);
    }
    let rule = rule(policy)?;
    Ok(rule.escalation_score(signal(&rule, id, pair)?))
}

fn rule(policy: &Policy) -> Result<ThresholdRule, ReplayError> {
    let expected = "a policy that compares a signal with a threshold";
    policy.rule().ok_or_else(|| ReplayError::Policy { policy: policy.to_string(), expected })
}

/// The value that the rule compares with the threshold.
fn signal(rule: &ThresholdRule, id: &str, pair: &StepPair) -> Result<f32, ReplayError> {
    let missing = |signal| ReplayError::Signal { problem: id.to_owned(), step: pair.index, signal };
    match rule.signal {
        Signal::MeanLogprob => pair.mean_logprob.ok_or_else(|| missing("log-probability of the draft")),
        Signal::FirstTokenEntropy => pair.first_entropy.ok_or_else(|| missing("first-token entropy of the draft")),
        Signal::DraftScore => Ok(pair.rsd_decision_score()),
        Signal::Advantage => Ok(pair.advantage()),
        Signal::Estimate => pair.estimate.ok_or_else(|| missing("estimate of the trained router")),
        Signal::Uniform => Err(missing("random number of the run")),
    }
}
