//! A router on numbers that the draft computed anyway.

use std::path::Path;

use arbitrage_core::{AdvantageRouter, BoxError, Candidate, Decision};

use super::RouterError;
use super::card::{Card, Reads};
use super::features::Inputs;
use super::mlp::Mlp;

/// Routes by the draft's hidden states, log-probabilities and entropy: a few thousand products a step, and no second reading
/// of the text. Compare the stand-alone router of the paper, [`TextRouter`](super::TextRouter).
///
/// The drafter has to report hidden states where [`Inputs`] ask for them: `LocalModel::with_hidden`.
#[derive(Clone, Debug)]
pub struct Probe {
    card: Card,
    inputs: Inputs,
    network: Mlp,
}

impl Probe {
    /// A probe from its parts.
    ///
    /// # Errors
    /// [`RouterError::Kind`] for the card of another kind of router.
    pub fn new(card: Card, network: Mlp) -> Result<Self, RouterError> {
        match card.reads {
            Reads::Probe { inputs } => Ok(Self { card, inputs, network }),
            Reads::Text { .. } => Err(RouterError::Kind { expected: "probe", found: "text" }),
        }
    }

    /// Reads a folder that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// As [`Card::open`] and [`Mlp::open`], and as [`new`](Self::new).
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, RouterError> {
        let folder = folder.as_ref();
        Self::new(Card::open(folder)?, Mlp::open(folder)?)
    }

    /// Writes card and weights into `folder`, which it makes.
    ///
    /// # Errors
    /// [`RouterError::Io`] and [`RouterError::Models`], where something cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), RouterError> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder).map_err(|source| RouterError::Io { path: folder.to_owned(), source })?;
        self.network.save(folder)?;
        self.card.save(folder)
    }

    /// Sets τ, in [0, 1].
    ///
    /// # Errors
    /// [`RouterError::Config`].
    pub fn with_threshold(mut self, tau: f32) -> Result<Self, RouterError> {
        self.card = self.card.with_threshold(tau)?;
        Ok(self)
    }

    /// What is known of it.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The head's outputs for a drafted step, before sigmoid or softmax.
    ///
    /// # Errors
    /// [`RouterError::Signal`] for what the drafter did not report; [`RouterError::Models`] for hidden states of another
    /// width.
    pub fn outputs(&self, candidate: &Candidate<'_>) -> Result<Vec<f32>, RouterError> {
        Ok(self.network.forward(&self.inputs.read(candidate)?)?)
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
    use super::super::features::SCALARS;
    use super::super::mlp::Layer;
    use super::*;

    /// Escalates what the draft was unsure of.
    fn unsure() -> Probe {
        let mut weight = vec![0.0; 2 * SCALARS.len()];
        weight[SCALARS.len()] = -10.0;
        let network = Mlp {
            mean: vec![0.0; SCALARS.len()],
            deviation: vec![1.0; SCALARS.len()],
            layers: vec![Layer { weight, bias: vec![0.0, -5.0] }],
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
    fn it_routes_by_what_the_draft_reports() {
        let mut probe = unsure();
        assert_eq!(route(&mut probe, -0.1).route, Route::Accept);
        assert_eq!(route(&mut probe, -0.9).route, Route::Escalate);
        let mut strict = probe.with_threshold(1.0).unwrap();
        assert_eq!(route(&mut strict, -0.9).route, Route::Accept);
        assert!(strict.with_threshold(f32::NAN).is_err());
    }

    #[test]
    fn folders_give_back_the_same_router() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/probe");
        unsure().save(&path).unwrap();
        let mut opened = Probe::open(&path).unwrap();
        assert_eq!(route(&mut opened, -0.3), route(&mut unsure(), -0.3));
    }

    #[test]
    fn hidden_states_of_another_width_are_an_error() {
        let mut probe = unsure();
        probe.inputs = Inputs::Hidden;
        let problem = Problem::new("?");
        let mut draft = Step::new("so", Finish::Boundary);
        draft.hidden = Some(arbitrage_core::Hidden { last: vec![1.0; 3], mean: vec![1.0; 3] });
        let candidate = Candidate { prefix: Prefix::new(SequenceId(0), &problem, &[]), draft: &draft, target: None };
        assert!(probe.route(&candidate).unwrap_err().to_string().contains('6'));
    }
}
