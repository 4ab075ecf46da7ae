//! A router on features that the draft has computed already.

use std::path::Path;

use arbitrage_core::{AdvantageRouter, BoxError, Candidate, Decision};

use super::RouterError;
use super::card::{Card, RouterInput};
use super::features::ProbeFeatures;
use super::mlp::Mlp;

/// Routes by the draft's hidden states, log-probabilities and entropy. It costs a few thousand multiplications per step
/// and does not process the text again, unlike the paper's stand-alone router, [`TextRouter`](super::TextRouter).
///
/// Where the [`ProbeFeatures`] include hidden states, the drafter has to report them: see `LocalModel::with_hidden`.
#[derive(Clone, Debug)]
pub struct Probe {
    card: Card,
    features: ProbeFeatures,
    network: Mlp,
}

impl Probe {
    /// A probe from a card and a network.
    ///
    /// # Errors
    /// [`RouterError::Kind`] for the card of another kind of router.
    pub fn new(card: Card, network: Mlp) -> Result<Self, RouterError> {
        match card.input {
            RouterInput::Probe { features } => Ok(Self { card, features, network }),
            other => Err(RouterError::Kind { expected: "probe", found: other.kind() }),
        }
    }

    /// Opens a folder that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// As [`Card::open`] and [`Mlp::open`], and as [`new`](Self::new).
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, RouterError> {
        let folder = folder.as_ref();
        Self::new(Card::open(folder)?, Mlp::open(folder)?)
    }

    /// Writes card and weights into `folder`, which is created if necessary.
    ///
    /// # Errors
    /// [`RouterError::Io`] and [`RouterError::Models`] where the folder or a file cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), RouterError> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder).map_err(|source| RouterError::Io { path: folder.to_owned(), source })?;
        self.network.save(folder)?;
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

    /// The probe's card.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The features that it reads.
    pub fn features(&self) -> ProbeFeatures {
        self.features
    }

    /// Its network.
    pub fn network(&self) -> &Mlp {
        &self.network
    }

    /// The network's outputs (logits) for a drafted step.
    ///
    /// # Errors
    /// [`RouterError::Signal`] for a signal that the drafter did not report; [`RouterError::Models`] for hidden states
    /// of another width than in training.
    pub fn outputs(&self, candidate: &Candidate<'_>) -> Result<Vec<f32>, RouterError> {
        Ok(self.network.forward(&self.features.extract(candidate)?)?)
    }
}

impl AdvantageRouter for Probe {
    fn name(&self) -> String {
        format!("probe(τ={})", self.card.tau)
    }

    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        Ok(self.card.decide(&self.outputs(candidate)?)?)
    }
}

#[cfg(test)]
mod tests {
    use arbitrage_core::{Finish, Prefix, Problem, Route, SequenceId, Step};

    use super::super::card::tests::card;
    use super::super::features::SCALAR_FEATURES;
    use super::super::mlp::{LinearLayer, Standardization};
    use super::*;

    /// Escalates steps of low mean log-probability.
    fn probe() -> Probe {
        let mut weight = vec![0.0; 2 * SCALAR_FEATURES.len()];
        weight[SCALAR_FEATURES.len()] = -10.0;
        let network = Mlp {
            standardization: Standardization {
                mean: vec![0.0; SCALAR_FEATURES.len()],
                deviation: vec![1.0; SCALAR_FEATURES.len()],
            },
            layers: vec![LinearLayer { weight, bias: vec![0.0, -5.0] }],
        };
        Probe::new(card(), network).unwrap()
    }

    fn route(probe: &mut Probe, logprob: f32) -> Decision {
        let problem = Problem::new("?");
        let draft = Step::new("so", Finish::Boundary).with_logprobs(vec![logprob]);
        let candidate = Candidate { prefix: Prefix::new(SequenceId(0), &problem, &[]), draft: &draft, target: None };
        probe.route(&candidate).unwrap()
    }

    #[test]
    fn probes_route_by_the_features() {
        let mut probe = probe();
        assert_eq!(route(&mut probe, -0.1).route, Route::Accept);
        assert_eq!(route(&mut probe, -0.9).route, Route::Escalate);
        let mut strict = probe.with_threshold(1.0).unwrap();
        assert_eq!(route(&mut strict, -0.9).route, Route::Accept);
        assert!(strict.with_threshold(f32::NAN).is_err());
    }

    #[test]
    fn saved_probes_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/probe");
        probe().save(&path).unwrap();
        let mut opened = Probe::open(&path).unwrap();
        assert_eq!(route(&mut opened, -0.3), route(&mut probe(), -0.3));
    }

    #[test]
    fn hidden_states_of_another_width_are_an_error() {
        let mut probe = probe();
        probe.features = ProbeFeatures::Hidden;
        let problem = Problem::new("?");
        let mut draft = Step::new("so", Finish::Boundary);
        draft.hidden = Some(arbitrage_core::Hidden { last: vec![1.0; 3], mean: vec![1.0; 3] });
        let candidate = Candidate { prefix: Prefix::new(SequenceId(0), &problem, &[]), draft: &draft, target: None };
        assert!(probe.route(&candidate).unwrap_err().to_string().contains('6'));
    }
}
