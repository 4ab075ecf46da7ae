//! Wrappers that pass calls on to an inner value, and the implementations for `Box<T>` and `&mut T`: a command line composes boxed
//! components, and a library user passes borrowed models.

use crate::trace::TraceSink;
use crate::{AdvantageRouter, Drafter, StepScorer, StepSegmenter, Verifier};

/// Writes methods of a component trait that call the same method of an inner value.
///
/// ```
/// use arbitrage_core::{Drafter, Prefix, StepResult, StepRule, forward_methods};
///
/// struct Counting<D> {
///     inner: D,
///     calls: usize,
/// }
///
/// impl<D: Drafter> Drafter for Counting<D> {
///     forward_methods!(Drafter, self => self.inner; name, release, digest);
///
///     fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
///         self.calls += 1;
///         self.inner.draft(prefixes, rule)
///     }
/// }
/// ```
#[macro_export]
macro_rules! forward_methods {
    (@Drafter name $self:ident $inner:expr) => {
        fn name(&$self) -> &str {
            $inner.name()
        }
    };
    (@Verifier name $self:ident $inner:expr) => {
        fn name(&$self) -> &str {
            $inner.name()
        }
    };
    (@$trait:ident name $self:ident $inner:expr) => {
        fn name(&$self) -> String {
            $inner.name()
        }
    };
    (@$trait:ident release $self:ident $inner:expr) => {
        fn release(&mut $self, id: $crate::SequenceId) {
            $inner.release(id);
        }
    };
    (@$trait:ident digest $self:ident $inner:expr) => {
        fn digest(&$self) -> Option<String> {
            $inner.digest()
        }
    };
    (@Drafter draft $self:ident $inner:expr) => {
        fn draft(
            &mut $self,
            prefixes: &[$crate::Prefix<'_>],
            rule: &$crate::StepRule<'_>,
        ) -> Vec<$crate::StepResult> {
            $inner.draft(prefixes, rule)
        }
    };
    (@Drafter draft_several $self:ident $inner:expr) => {
        fn draft_several(
            &mut $self,
            prefixes: &[$crate::Prefix<'_>],
            drafts: $crate::SeveralDrafts,
            rule: &$crate::StepRule<'_>,
        ) -> Vec<$crate::StepsResult> {
            $inner.draft_several(prefixes, drafts, rule)
        }
    };
    (@Verifier rewrite $self:ident $inner:expr) => {
        fn rewrite(
            &mut $self,
            requests: &[$crate::Rewrite<'_>],
            rule: &$crate::StepRule<'_>,
        ) -> Vec<$crate::StepResult> {
            $inner.rewrite(requests, rule)
        }
    };
    (@AdvantageRouter evidence $self:ident $inner:expr) => {
        fn evidence(&$self) -> $crate::Evidence {
            $inner.evidence()
        }
    };
    (@AdvantageRouter before_draft $self:ident $inner:expr) => {
        fn before_draft(&mut $self, prefix: &$crate::Prefix<'_>) -> Option<$crate::Decision> {
            $inner.before_draft(prefix)
        }
    };
    (@AdvantageRouter route $self:ident $inner:expr) => {
        fn route(&mut $self, candidate: &$crate::Candidate<'_>) -> Result<$crate::Decision, $crate::BoxError> {
            $inner.route(candidate)
        }
    };
    (@AdvantageRouter route_batch $self:ident $inner:expr) => {
        fn route_batch(
            &mut $self,
            candidates: &[$crate::Candidate<'_>],
        ) -> Vec<Result<$crate::Decision, $crate::BoxError>> {
            $inner.route_batch(candidates)
        }
    };
    (@StepScorer range $self:ident $inner:expr) => {
        fn range(&$self) -> (f32, f32) {
            $inner.range()
        }
    };
    (@StepScorer score $self:ident $inner:expr) => {
        fn score(
            &mut $self,
            steps: &[($crate::Prefix<'_>, &$crate::Step)],
        ) -> Result<Vec<f32>, $crate::BoxError> {
            $inner.score(steps)
        }
    };
    (@TraceSink write $self:ident $inner:expr) => {
        fn write(&mut $self, record: &$crate::trace::Record) -> Result<(), $crate::BoxError> {
            $inner.write(record)
        }
    };
    ($trait:ident, $self:ident => $inner:expr; $($method:ident),+ $(,)?) => {
        $($crate::forward_methods!(@$trait $method $self $inner);)+
    };
}

macro_rules! implement_for_pointers {
    ($($pointer:ty),*) => {$(
        impl<T: Drafter + ?Sized> Drafter for $pointer {
            forward_methods!(Drafter, self => **self; name, draft, draft_several, release, digest);
        }
        impl<T: Verifier + ?Sized> Verifier for $pointer {
            forward_methods!(Verifier, self => **self; name, rewrite, release, digest);
        }
        impl<T: AdvantageRouter + ?Sized> AdvantageRouter for $pointer {
            forward_methods!(AdvantageRouter, self => **self; name, evidence, before_draft, route, route_batch, release);
        }
        impl<T: StepScorer + ?Sized> StepScorer for $pointer {
            forward_methods!(StepScorer, self => **self; name, range, score, release);
        }
        impl<T: TraceSink + ?Sized> TraceSink for $pointer {
            forward_methods!(TraceSink, self => **self; write);
        }
    )*};
}
implement_for_pointers!(Box<T>, &mut T);

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
