//! The contract of routers.

use super::{StepSample, Violation, answers, check_name, is_close, require};
use crate::{AdvantageRouter, Candidate, Decision};

/// Checks a router: one decision a step, finite numbers, and decisions that depend on the step alone, not on batch, order or
/// earlier calls. A router whose [evidence](AdvantageRouter::evidence) is the draft alone is never shown the target's step.
///
/// # Errors
/// [`Violation`].
pub fn check_router<R: AdvantageRouter + ?Sized>(router: &mut R, samples: &[StepSample]) -> Result<(), Violation> {
    check_name(|| router.name())?;
    let evidence = router.evidence();
    require(router.evidence() == evidence, "the evidence does not change", || format!("other than {evidence:?}"))?;
    let candidates: Vec<_> = samples.iter().enumerate().map(|(id, sample)| sample.candidate(id, evidence)).collect();
    let expected = decide(router, &candidates)?;
    require(decide(router, &[])?.is_empty(), COUNT, || "decisions on no step".to_owned())?;

    compare(&expected, &decide(router, &candidates)?, "again")?;
    let mut reversed = candidates.clone();
    reversed.reverse();
    let mut backwards = decide(router, &reversed)?;
    backwards.reverse();
    compare(&expected, &backwards, "in reversed order")?;
    for (candidate, expected) in candidates.iter().zip(&expected) {
        let alone = answers(vec![router.route(candidate)], 1, COUNT)?;
        compare(std::slice::from_ref(expected), &alone, "alone")?;
        let early = [router.before_draft(&candidate.prefix), router.before_draft(&candidate.prefix)];
        require(early[0] == early[1], SAME, || format!("before the draft {:?}, then {:?}", early[0], early[1]))?;
    }
    candidates.iter().for_each(|candidate| router.release(candidate.prefix.id));
    compare(&expected, &decide(router, &candidates)?, "after a release")
}

const COUNT: &str = "a router gives one decision for each step";
const SAME: &str = "the same step gets the same decision, in every batch and order";

fn decide<R: AdvantageRouter + ?Sized>(router: &mut R, of: &[Candidate<'_>]) -> Result<Vec<Decision>, Violation> {
    let decisions = answers(router.route_batch(of), of.len(), COUNT)?;
    for decision in &decisions {
        let numbers = [decision.estimate, decision.draft_score, decision.target_score, decision.target_spread];
        let is_finite = numbers.into_iter().flatten().all(f32::is_finite);
        require(is_finite, "estimates and scores of a decision are finite", || format!("{decision:?}"))?;
    }
    Ok(decisions)
}

fn compare(expected: &[Decision], found: &[Decision], how: &str) -> Result<(), Violation> {
    let is_same = |(one, other): &(&Decision, &Decision)| {
        let estimates = one.estimate.zip(other.estimate);
        let is_close = estimates.map_or(one.estimate == other.estimate, |(one, other)| is_close(one, other));
        one.route == other.route && is_close
    };
    match expected.iter().zip(found).find(|pair| !is_same(pair)) {
        Some((one, other)) => require(false, SAME, || format!("{one:?}, and {how} {other:?}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::{
        AlwaysDraft, AlwaysTarget, Budget, FirstTokenEntropy, Labelling, MeanLogprob, Oracle, Random, Rsd,
    };
    use crate::testing::{CallLog, Flaky, TableScorer};
    use crate::{BoxError, Evidence, Route, router_fn};

    fn check(router: impl AdvantageRouter) -> Result<(), Violation> {
        let mut router = router;
        check_router(&mut router, &StepSample::generated())
    }

    #[test]
    fn the_crates_routers_keep_the_contract() {
        let scorer = || TableScorer::new([]);
        let routers: [Box<dyn AdvantageRouter>; 10] = [
            Box::new(AlwaysDraft),
            Box::new(AlwaysTarget),
            Box::new(Random::new(0.5).unwrap()),
            Box::new(MeanLogprob::new(-1.2).unwrap()),
            Box::new(FirstTokenEntropy::new(1.4).unwrap()),
            Box::new(Rsd::new(scorer(), 0.5).unwrap()),
            Box::new(Oracle::new(scorer(), 0.0).unwrap()),
            Box::new(Labelling::new(scorer(), Budget::new(AlwaysTarget, 1))),
            Box::new(CallLog::new().record(Rsd::new(scorer(), 0.5).unwrap())),
            Box::new(router_fn(|c| Route::escalate_if(c.draft.text.len() > 9))),
        ];
        for router in routers {
            let name = router.name();
            check(router).unwrap_or_else(|violation| panic!("{name}: {violation}"));
        }
    }

    /// Overrides `route_batch` of a router that accepts.
    struct Batched<F>(F);

    impl<F: FnMut(&[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> + Send> AdvantageRouter for Batched<F> {
        fn route(&mut self, _candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
            Ok(Route::Accept.into())
        }
        fn route_batch(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
            (self.0)(candidates)
        }
    }

    fn found(router: impl AdvantageRouter) -> String {
        check(router).unwrap_err().to_string()
    }

    #[test]
    fn broken_routers_are_caught() {
        let decision = |route: Route| Ok(Decision::from(route));
        let too_few = Batched(move |of: &[Candidate<'_>]| of.iter().skip(1).map(|_| decision(Route::Accept)).collect());
        assert!(found(too_few).contains("8 answers to 9 requests"));
        let by_batch = Batched(move |of: &[Candidate<'_>]| of.iter().map(|_| decision(Route::Escalate)).collect());
        assert!(found(by_batch).contains("and alone"));
        let mut calls = 0;
        let by_calls = router_fn(move |_| {
            calls += 1;
            Route::escalate_if(calls == 12)
        });
        assert!(found(by_calls).contains("and again"));
        let nan = router_fn(|_| Decision::new(Route::Accept).with_estimate(f32::NAN));
        assert!(found(nan).contains("finite"));
        let eager = router_fn(|c| Decision::new(Route::Accept).with_estimate(c.target.map_or(f32::NAN, |_| 0.0)));
        assert!(found(eager).contains("finite"), "the target's step is not shown");
        assert!(found(Flaky::new(AlwaysDraft, 0)).contains("error"));
        assert!(found(router_fn(|_| Route::Accept).with_name("")).contains("name"));
    }

    /// Changes its mind once it has released a sequence.
    #[derive(Default)]
    struct Forgetful {
        has_released: bool,
    }

    impl AdvantageRouter for Forgetful {
        fn evidence(&self) -> Evidence {
            Evidence::Both
        }
        fn route(&mut self, _candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
            Ok(Route::escalate_if(self.has_released).into())
        }
        fn release(&mut self, _id: crate::SequenceId) {
            self.has_released = true;
        }
    }

    #[test]
    fn a_router_that_depends_on_a_release_is_caught() {
        assert!(found(Forgetful::default()).contains("after a release"));
    }
}
