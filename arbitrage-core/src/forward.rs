//! `Box<T>` and `&mut T` are what `T` is: a command line composes boxes, a library user passes borrowed models.

use crate::trace::{Record, TraceSink};
use crate::{
    AdvantageRouter, BoxError, Candidate, Decision, Drafter, Evidence, Prefix, Rewrite, SequenceId, Step, StepResult,
    StepRule, StepScorer, StepSegmenter, Verifier,
};

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<T: Drafter + ?Sized> Drafter for $pointer {
            fn name(&self) -> &str {
                (**self).name()
            }
            fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
                (**self).draft(prefixes, rule)
            }
            fn release(&mut self, id: SequenceId) {
                (**self).release(id);
            }
            fn digest(&self) -> Option<String> {
                (**self).digest()
            }
        }
        impl<T: Verifier + ?Sized> Verifier for $pointer {
            fn name(&self) -> &str {
                (**self).name()
            }
            fn rewrite(&mut self, requests: &[Rewrite<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
                (**self).rewrite(requests, rule)
            }
            fn release(&mut self, id: SequenceId) {
                (**self).release(id);
            }
            fn digest(&self) -> Option<String> {
                (**self).digest()
            }
        }
        impl<T: AdvantageRouter + ?Sized> AdvantageRouter for $pointer {
            fn name(&self) -> String {
                (**self).name()
            }
            fn evidence(&self) -> Evidence {
                (**self).evidence()
            }
            fn before_draft(&mut self, prefix: &Prefix<'_>) -> Option<Decision> {
                (**self).before_draft(prefix)
            }
            fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
                (**self).route(candidate)
            }
            fn route_batch(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
                (**self).route_batch(candidates)
            }
            fn release(&mut self, id: SequenceId) {
                (**self).release(id);
            }
        }
        impl<T: StepScorer + ?Sized> StepScorer for $pointer {
            fn name(&self) -> String {
                (**self).name()
            }
            fn range(&self) -> (f32, f32) {
                (**self).range()
            }
            fn score(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Result<Vec<f32>, BoxError> {
                (**self).score(steps)
            }
            fn release(&mut self, id: SequenceId) {
                (**self).release(id);
            }
        }
        impl<T: TraceSink + ?Sized> TraceSink for $pointer {
            fn write(&mut self, record: &Record) -> Result<(), BoxError> {
                (**self).write(record)
            }
        }
    )*};
}
forward!(Box<T>, &mut T);

impl<T: StepSegmenter + ?Sized> StepSegmenter for Box<T> {
    fn boundary(&self, text: &str) -> Option<usize> {
        (**self).boundary(text)
    }
    fn token_budget(&self) -> Option<usize> {
        (**self).token_budget()
    }
    fn stop_sequences(&self) -> &[String] {
        (**self).stop_sequences()
    }
    fn segment<'t>(&self, text: &'t str) -> Vec<&'t str> {
        (**self).segment(text)
    }
}
