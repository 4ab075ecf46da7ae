//! A model's hidden states of steps that anyone wrote, without the head.

use arbitrage_core::trace::ModelRecord;
use arbitrage_core::{Drafter, Hidden, Prefix, SequenceId, Shared, Step};

use super::reading::Text;
use super::rows::values;
use super::states::States;
use super::{LocalModel, LocalTarget};
use crate::catch_up::{each_if_not_all, in_turns};
use crate::error::Result;

/// Whoever can tell what a model's hidden states of a step are: input of heads that judge.
///
/// States depend on the model, on what it is told beside the question, and on the text; a head that was trained on some means
/// nothing on others, which is why a reader says what it is.
pub trait HiddenReader: Send {
    /// Name and digest of the model.
    fn record(&self) -> ModelRecord;

    /// What the model is told beside the question: system message and suffix.
    fn told(&self) -> [String; 2];

    /// Numbers of a state.
    fn width(&self) -> usize;

    /// The states of each step, in order, as the model has or would have drawn its tokens from them.
    ///
    /// # Errors
    /// For a step, as [`LocalModel::read`]; one that cannot be read fails alone.
    fn hidden(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Vec<Result<Hidden>>;

    /// The sequence is finished: what is kept of it may go.
    fn forget(&mut self, id: SequenceId);
}

/// What the model itself wrote last in a sequence, and its states.
pub(super) struct Written {
    /// Prefix and step.
    pub tokens: Vec<u32>,
    /// Tokens of the prefix.
    pub prefix: usize,
    /// States that belong to the step.
    pub count: usize,
    pub hidden: Hidden,
}

impl Written {
    fn is(&self, text: &Text) -> bool {
        (self.prefix, self.count) == (text.prefix, text.count) && self.tokens == text.tokens
    }
}

impl HiddenReader for LocalModel {
    fn record(&self) -> ModelRecord {
        ModelRecord { name: self.name.clone(), digest: self.digest.clone() }
    }

    fn told(&self) -> [String; 2] {
        [self.prompt.system.clone(), self.prompt.suffix.clone()]
    }

    fn width(&self) -> usize {
        self.decoder.config().hidden
    }

    /// Bit for bit those of [`LocalModel::read_all`], without the logits, which of a large vocabulary cost as much as several
    /// layers. A step that the model wrote itself, from the same prefix and with [its states](LocalModel::with_hidden), is
    /// known by its tokens and not run again.
    fn hidden(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Vec<Result<Hidden>> {
        in_turns(steps, |(prefix, _)| prefix.id, |turn| each_if_not_all(turn, |steps| self.hidden_some(steps)))
    }

    fn forget(&mut self, id: SequenceId) {
        self.release(id);
    }
}

impl LocalModel {
    fn hidden_some(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<Hidden>> {
        let texts = steps.iter().map(|(prefix, step)| self.text(prefix, step)).collect::<Result<Vec<_>>>()?;
        let written = |text: &Text| self.written.get(&text.id).filter(|written| written.is(text));
        let known: Vec<Option<Hidden>> =
            texts.iter().map(|text| written(text).map(|written| written.hidden.clone())).collect();
        let unknown: Vec<Text> =
            texts.into_iter().zip(&known).filter_map(|(text, known)| known.is_none().then_some(text)).collect();
        let mut read = self.states(&unknown)?.into_iter();
        Ok(known.into_iter().filter_map(|known| known.or_else(|| read.next())).collect())
    }

    fn states(&mut self, texts: &[Text]) -> Result<Vec<Hidden>> {
        let width = self.decoder.config().hidden;
        let mut states: Vec<_> = texts.iter().map(|_| States::new(width)).collect();
        self.run_texts(texts, |_, rows, owners| {
            owners.iter().zip(values(rows).chunks_exact(width)).for_each(|(&at, row)| states[at].push(row));
            Ok(())
        })?;
        Ok(texts.iter().zip(states).map(|(text, states)| states.summary(text.count)).collect())
    }
}

impl HiddenReader for LocalTarget {
    fn record(&self) -> ModelRecord {
        self.model().record()
    }
    fn told(&self) -> [String; 2] {
        self.model().told()
    }
    fn width(&self) -> usize {
        self.model().width()
    }
    fn hidden(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Vec<Result<Hidden>> {
        self.model_mut().hidden(steps)
    }
    fn forget(&mut self, id: SequenceId) {
        self.model_mut().forget(id);
    }
}

impl<T: HiddenReader + ?Sized> HiddenReader for Shared<T> {
    fn record(&self) -> ModelRecord {
        self.lock().record()
    }
    fn told(&self) -> [String; 2] {
        self.lock().told()
    }
    fn width(&self) -> usize {
        self.lock().width()
    }
    fn hidden(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Vec<Result<Hidden>> {
        self.lock().hidden(steps)
    }
    fn forget(&mut self, id: SequenceId) {
        self.lock().forget(id);
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use arbitrage_core::segmenter::TokenBudget;
    use arbitrage_core::{Finish, Problem, StepRule};

    use super::*;
    use crate::{LoadOptions, device};

    /// What a model wrote last is known by all of its tokens, and by nothing less: the mark is seen on that step alone.
    #[test]
    fn own_steps_are_not_run_again_and_others_are() {
        const MARK: f32 = 1234.5;
        let path =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny/gguf/qwen2-q5_0-q8_0.gguf");
        let mut model = LocalModel::open(path, &LoadOptions::new(device("flex").unwrap())).unwrap().with_hidden(true);
        let (problem, id, segmenter) = (Problem::new("Eggs?"), SequenceId(3), TokenBudget::new(6).unwrap());
        let prefix = Prefix::new(id, &problem, &[]);
        let step = model.draft(&[prefix], &StepRule::new(&segmenter, 6)).pop().unwrap().unwrap();
        model.written.get_mut(&id).unwrap().hidden.last[0] = MARK;
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
        model.forget(id);
        assert_ne!(model.hidden(&[(prefix, &step)]).pop().unwrap().unwrap().last[0], MARK);
    }
}
