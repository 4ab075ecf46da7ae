//! Hidden states of steps that any model wrote, computed without the head.

use arbitrage_core::trace::ModelRecord;
use arbitrage_core::{Drafter, Hidden, Prefix, SequenceId, Shared, Step};

use super::step_states::StepStates;
use super::teacher_forcing::TokenizedStep;
use super::{LocalModel, LocalTarget};
use crate::decoder::values;
use crate::error::Result;
use crate::prefill::{batch_or_singly, in_rounds};
use crate::profile::{Part, measure};

/// Computes a model's hidden states of a step, which are the input of trained heads.
///
/// The states depend on the model, on its prompt, and on the text. A head that was trained on the states of one model and prompt
/// means nothing for another, so a reader identifies both.
pub trait HiddenReader: Send {
    /// Name and digest of the model.
    fn record(&self) -> ModelRecord;

    /// The prompt that surrounds the question: system message and suffix.
    fn prompt_identity(&self) -> [String; 2];

    /// How many numbers a state has.
    fn width(&self) -> usize;

    /// The states of each step, in order: those that the model sampled the step's tokens from, or would have.
    ///
    /// # Errors
    /// As [`LocalModel::teacher_force`]. A step that cannot be read does not fail the others.
    fn hidden(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Vec<Result<Hidden>>;

    /// Drops what is cached of a sequence that is finished.
    fn release(&mut self, id: SequenceId);
}

/// The last step that the model itself generated in a sequence, with its states.
pub(super) struct GeneratedStates {
    /// The tokens of prefix and step.
    pub tokens: Vec<u32>,
    /// How many of them are the prefix's.
    pub prefix_len: usize,
    /// How many states belong to the step.
    pub state_count: usize,
    pub hidden: Hidden,
}

impl GeneratedStates {
    fn are_of(&self, step: &TokenizedStep) -> bool {
        (self.prefix_len, self.state_count) == (step.prefix_len, step.state_count) && self.tokens == step.tokens
    }
}

impl HiddenReader for LocalModel {
    fn record(&self) -> ModelRecord {
        ModelRecord { name: self.name.clone(), digest: self.digest.clone() }
    }

    fn prompt_identity(&self) -> [String; 2] {
        [self.prompt.system.clone(), self.prompt.suffix.clone()]
    }

    fn width(&self) -> usize {
        self.decoder.config().hidden
    }

    /// Bit for bit the states of [`LocalModel::teacher_force_all`], without the logits, which for a large vocabulary cost as much
    /// as several layers. A step that the model generated itself, after the same prefix and with
    /// [its states](LocalModel::with_hidden), is recognised by its tokens and not run again.
    fn hidden(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Vec<Result<Hidden>> {
        measure(Part::Rest, || {
            in_rounds(steps, |(prefix, _)| prefix.id, |round| batch_or_singly(round, |steps| self.hidden_batch(steps)))
        })
    }

    fn release(&mut self, id: SequenceId) {
        Drafter::release(self, id);
    }
}

impl LocalModel {
    fn hidden_batch(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<Hidden>> {
        let steps = steps.iter().map(|(prefix, step)| self.tokenize_step(prefix, step)).collect::<Result<Vec<_>>>()?;
        let generated = |step: &TokenizedStep| {
            let states = self.generated.get(&step.id).filter(|states| states.are_of(step));
            states.map(|states| states.hidden.clone())
        };
        let known: Vec<Option<Hidden>> = steps.iter().map(generated).collect();
        let unknown: Vec<TokenizedStep> =
            steps.into_iter().zip(&known).filter_map(|(step, known)| known.is_none().then_some(step)).collect();
        let mut computed = self.compute_states(&unknown)?.into_iter();
        Ok(known.into_iter().filter_map(|known| known.or_else(|| computed.next())).collect())
    }

    fn compute_states(&mut self, steps: &[TokenizedStep]) -> Result<Vec<Hidden>> {
        let width = self.decoder.config().hidden;
        let mut states: Vec<_> = steps.iter().map(|_| StepStates::new(width)).collect();
        self.prefill_steps(steps, |_, rows, owners| {
            owners.iter().zip(values(rows).chunks_exact(width)).for_each(|(&at, row)| states[at].push(row));
            Ok(())
        })?;
        Ok(steps.iter().zip(states).map(|(step, states)| states.summary(step.state_count)).collect())
    }
}

impl HiddenReader for LocalTarget {
    fn record(&self) -> ModelRecord {
        self.model().record()
    }
    fn prompt_identity(&self) -> [String; 2] {
        self.model().prompt_identity()
    }
    fn width(&self) -> usize {
        self.model().width()
    }
    fn hidden(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Vec<Result<Hidden>> {
        self.model_mut().hidden(steps)
    }
    fn release(&mut self, id: SequenceId) {
        Drafter::release(self.model_mut(), id);
    }
}

impl<T: HiddenReader + ?Sized> HiddenReader for Shared<T> {
    fn record(&self) -> ModelRecord {
        self.lock().record()
    }
    fn prompt_identity(&self) -> [String; 2] {
        self.lock().prompt_identity()
    }
    fn width(&self) -> usize {
        self.lock().width()
    }
    fn hidden(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Vec<Result<Hidden>> {
        self.lock().hidden(steps)
    }
    fn release(&mut self, id: SequenceId) {
        self.lock().release(id);
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use arbitrage_core::segmenter::TokenBudget;
    use arbitrage_core::{Finish, Problem, StepRule};

    use super::*;
    use crate::{LoadOptions, device};

    /// The last generated step is recognised by all of its tokens and how it ended: only then do its states carry the mark.
    #[test]
    fn generated_steps_are_not_run_again_and_others_are() {
        const MARK: f32 = 1234.5;
        let path =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny/gguf/qwen2-q5_0-q8_0.gguf");
        let mut model = LocalModel::open(path, &LoadOptions::new(device("flex").unwrap())).unwrap().with_hidden(true);
        let (problem, id, segmenter) = (Problem::new("Eggs?"), SequenceId(3), TokenBudget::new(6).unwrap());
        let prefix = Prefix::new(id, &problem, &[]);
        let step = model.draft(&[prefix], &StepRule::new(&segmenter, 6)).pop().unwrap().unwrap();
        model.generated.get_mut(&id).unwrap().hidden.last[0] = MARK;
        let changed = |change: &dyn Fn(&mut Step)| {
            let mut step = step.clone();
            change(&mut step);
            step
        };
        let other = Problem::new("Hens?");
        let cases = [
            (prefix, step.clone(), true),
            (prefix, changed(&|step| step.hidden = None), true),
            (prefix, changed(&|step| step.tokens[5] ^= 1), false),
            (prefix, changed(&|step| step.tokens.truncate(5)), false),
            (prefix, changed(&|step| step.finish = Finish::EndOfText), false),
            (Prefix::new(id, &other, &[]), step.clone(), false),
            (Prefix::new(SequenceId(4), &problem, &[]), step.clone(), false),
        ];
        for (at, (prefix, step, known)) in cases.iter().enumerate() {
            let hidden = model.hidden(&[(*prefix, step)]).pop().unwrap().unwrap();
            assert_eq!(hidden.last[0] == MARK, *known, "case {at}");
        }
        assert!(model.prompts.get_mut().unwrap().contains_key(&id));
        Drafter::release(&mut model, id);
        assert!(!model.prompts.get_mut().unwrap().contains_key(&id));
        assert_ne!(model.hidden(&[(prefix, &step)]).pop().unwrap().unwrap().last[0], MARK);
    }
}
