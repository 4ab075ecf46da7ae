//! A coin that now and then decides in place of a router.

use super::{AdvantageRouter, ThresholdRule, single};
use crate::{BoxError, Candidate, ConfigError, Decision, Prefix, Route, forward_methods};

/// Lets a fair coin decide some steps in place of another router, so that runs show what both decisions lead to.
///
/// A router whose own decisions are its training data never learns what it does not try. Each step is decided by the coin with
/// the given probability, and then escalated with probability ½. Both depend on the problem's seed and the step's index alone, and
/// share no random number with the models or with [`Random`](super::Random). The other router sees every drafted step, and its
/// estimate is recorded; a step that the coin decided is marked by [`Decision::explored`].
///
/// ```
/// use arbitrage_core::{Engine, Problem, router::{AlwaysDraft, Explore}, testing::Scripted};
/// let (draft, target) = (Scripted::new("draft", ["a\n\n", "b"]), Scripted::new("target", ["A\n\n", "B"]));
/// let mut engine = Engine::new(draft, target, Explore::new(AlwaysDraft, 1.0)?);
/// let solution = engine.solve(&Problem::new("?").with_seed(1))?;
/// assert!(solution.records.iter().all(|record| record.decision.explored));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Explore<R> {
    router: R,
    rate: f32,
}

impl<R: AdvantageRouter> Explore<R> {
    /// Lets the coin decide with probability `rate`, and `router` otherwise.
    ///
    /// # Errors
    /// [`ConfigError::Threshold`] unless `rate` is in `[0, 1]`.
    pub fn new(router: R, rate: f32) -> Result<Self, ConfigError> {
        let rule = ThresholdRule { name: "explore", ..ThresholdRule::RANDOM };
        Ok(Self { router, rate: rule.check(rate, None)? })
    }

    /// The coin's decision about the step after `prefix`; `None` where the router decides.
    fn coin(&self, prefix: &Prefix<'_>) -> Option<Route> {
        let mut draw = prefix.exploring_draw();
        let is_explored = draw.uniform() < f64::from(self.rate);
        is_explored.then(|| Route::escalate_if(draw.uniform() < 0.5))
    }
}

impl<R: AdvantageRouter> AdvantageRouter for Explore<R> {
    forward_methods!(AdvantageRouter, self => self.router; evidence, release);

    fn name(&self) -> String {
        format!("explore({}, rate={})", self.router.name(), self.rate)
    }

    /// The router's, unless the coin decides: then a draft is written, since both outcomes are about a drafted step.
    fn before_draft(&mut self, prefix: &Prefix<'_>) -> Option<Decision> {
        let early = self.router.before_draft(prefix);
        early.filter(|_| self.coin(prefix).is_none())
    }

    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        single(self.route_batch(std::slice::from_ref(candidate)))
    }

    fn route_batch(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
        let decisions = self.router.route_batch(candidates);
        let decide = |(decision, candidate): (Result<Decision, BoxError>, &Candidate<'_>)| {
            let decision = decision?;
            Ok(match self.coin(&candidate.prefix) {
                Some(route) => Decision { route, explored: true, ..decision },
                None => decision,
            })
        };
        // A router that answers too few or too many times is reported by the engine.
        let (found, expected) = (decisions.len(), candidates.len());
        if found == expected { decisions.into_iter().zip(candidates).map(decide).collect() } else { decisions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::{AlwaysDraft, AlwaysTarget, MeanLogprob, Random};
    use crate::testing::{CallLog, Scripted};
    use crate::{Accepted, Author, Engine, Finish, Problem, SequenceId, Step};

    /// The decisions of a router about a confident draft, for many problems and steps.
    fn decisions(router: &mut impl AdvantageRouter) -> Vec<Decision> {
        let draft = Step::new("so\n\n", Finish::Boundary).with_logprobs(vec![-0.1]);
        let steps = vec![Accepted { step: draft.clone(), author: Author::Draft }; 4];
        let mut decisions = Vec::new();
        for seed in 0..1000 {
            let problem = Problem::new("?").with_seed(seed);
            for taken in 0..steps.len() {
                let prefix = Prefix::new(SequenceId(seed), &problem, &steps[..taken]);
                decisions.push(router.route(&Candidate { prefix, draft: &draft, target: None }).unwrap());
            }
        }
        decisions
    }

    #[test]
    fn the_coin_is_fair_and_thrown_at_the_given_rate() {
        let logprob = || MeanLogprob::new(-0.5).unwrap();
        let found = decisions(&mut Explore::new(logprob(), 0.25).unwrap());
        let explored: Vec<_> = found.iter().filter(|decision| decision.explored).collect();
        let escalated = explored.iter().filter(|decision| decision.route == Route::Escalate).count();
        assert!(explored.len().abs_diff(1000) < 100, "{}", explored.len());
        assert!(escalated.abs_diff(explored.len() / 2) < 70, "{escalated} of {}", explored.len());
        let rest = found.iter().filter(|decision| !decision.explored);
        assert!(rest.clone().all(|decision| decision.route == Route::Accept), "the router accepts all of them");
        assert!(found.iter().all(|decision| decision.estimate == Some(-0.1)), "the router's estimate is kept");
        assert_eq!(decisions(&mut Explore::new(logprob(), 0.0).unwrap()), decisions(&mut logprob()));
    }

    #[test]
    fn the_coin_does_not_follow_the_random_policy() {
        let escalates = |found: Vec<Decision>| found.into_iter().map(|decision| decision.route == Route::Escalate);
        let random = escalates(decisions(&mut Random::new(0.5).unwrap()));
        let explored = escalates(decisions(&mut Explore::new(AlwaysDraft, 1.0).unwrap()));
        let equal = random.zip(explored).filter(|(one, other)| one == other).count();
        assert!(equal.abs_diff(2000) < 150, "{equal} of 4000");
    }

    #[test]
    fn a_draft_is_written_where_the_coin_decides() {
        let texts: Vec<String> = (0..30).map(|at| format!("step {at}\n\n")).collect();
        let model = |name| Scripted::new(name, texts.iter().map(String::as_str));
        let run = |rate| {
            let (draft, target) = (model("d"), model("t"));
            let router = Explore::new(AlwaysTarget, rate).unwrap();
            Engine::new(draft, target, router).solve(&Problem::new("?").with_seed(3)).unwrap().records
        };
        assert!(run(0.0).iter().all(|record| record.draft.is_none() && !record.decision.explored));
        let records = run(0.5);
        assert!(records.iter().any(|record| record.author == Author::Draft));
        assert!(records.iter().all(|record| record.draft.is_some() == record.decision.explored));
    }

    #[test]
    fn the_router_is_released_and_rates_out_of_range_are_refused() {
        let log = CallLog::new();
        let router = Explore::new(log.record(AlwaysDraft), 0.5).unwrap();
        let (draft, target) = (Scripted::new("d", ["a"]), Scripted::new("t", ["A"]));
        Engine::new(draft, target, router).solve(&Problem::new("?")).unwrap();
        assert_eq!(log.released().len(), 1);
        for rate in [-0.1, 1.1, f32::NAN] {
            assert!(Explore::new(AlwaysDraft, rate).unwrap_err().to_string().starts_with("explore"));
        }
    }
}
