//! The decisions of each policy at its threshold and at both ends of its range.

use arbitrage_core::router::{AlwaysDraft, AlwaysTarget, Budget, FirstTokenEntropy, MeanLogprob, Oracle, Random, Rsd};
use arbitrage_core::scorer::{Judge, NextToken, Question, Reading, scorer_fn};
use arbitrage_core::testing::{CallLog, Scripted, TableScorer};
use arbitrage_core::{
    Accepted, AdvantageRouter, Author, BoxError, Candidate, Decision, Engine, Evidence, Finish, Prefix, Problem, Role,
    Route, SequenceId, Shared, Step, StepScorer, Target, router_fn,
};

use Route::{Accept, Escalate};

fn step(text: &str) -> Step {
    Step::new(text, Finish::Boundary)
}

/// The decision of `router` on a draft without history.
fn decide(router: &mut dyn AdvantageRouter, draft: &Step, target: Option<&Step>) -> Result<Decision, BoxError> {
    let problem = Problem::new("?");
    let prefix = Prefix::new(SequenceId(0), &problem, &[]);
    router.route(&Candidate { prefix, draft, target })
}

fn route(router: &mut dyn AdvantageRouter, draft: &Step) -> Route {
    decide(router, draft, None).unwrap().route
}

#[test]
fn rsd_keeps_what_scores_above_the_threshold() {
    for (tau, score, expected) in [
        (0.5, 0.5, Escalate),
        (0.5, 0.500_001, Accept),
        (0.5, 0.499_999, Escalate),
        (0.0, 0.0, Escalate),
        (0.0, f32::MIN_POSITIVE, Accept),
        (1.0, 1.0, Escalate),
    ] {
        let mut router = Rsd::new(scorer_fn(move |_, _| score), tau).unwrap();
        let decision = decide(&mut router, &step("a"), None).unwrap();
        assert_eq!(decision.route, expected, "τ {tau}, score {score}");
        assert_eq!((decision.estimate, decision.draft_score, decision.target_score), (Some(score), Some(score), None));
    }
}

#[test]
fn the_oracle_escalates_what_gains_more_than_the_threshold() {
    for (tau, draft, target, expected) in [
        (0.0, 0.5, 0.5, Accept),
        (0.0, 0.5, 0.75, Escalate),
        (0.0, 0.75, 0.5, Accept),
        (0.25, 0.5, 0.75, Accept),
        (0.25, 0.25, 0.75, Escalate),
        (-0.25, 0.5, 0.25, Accept),
        (-0.25, 0.5, 0.5, Escalate),
        (1.0, 0.0, 1.0, Accept),
        (-1.0, 1.0, 0.0, Accept),
        (-1.0, 1.0, 0.25, Escalate),
    ] {
        let scorer = TableScorer::new([("d", draft), ("t", target)]);
        let mut router = Oracle::new(scorer, tau).unwrap();
        assert_eq!(router.evidence(), Evidence::Both);
        let decision = decide(&mut router, &step("d"), Some(&step("t"))).unwrap();
        assert_eq!(decision.route, expected, "τ {tau}, scores {draft} and {target}");
        assert_eq!(decision.estimate, Some(target - draft));
        assert_eq!((decision.draft_score, decision.target_score), (Some(draft), Some(target)));
        assert_eq!(decision.wasted(), Some(target <= draft));
    }
}

#[test]
fn the_oracle_fails_without_the_targets_step() {
    let mut router = Oracle::new(TableScorer::new([]), 0.0).unwrap();
    let error = decide(&mut router, &step("d"), None).unwrap_err();
    assert_eq!(error.to_string(), "the policy asked for Both and got no target step");
}

#[test]
fn the_oracle_scores_a_batch_in_one_call() {
    let log = CallLog::new();
    let mut router = Oracle::new(log.record(TableScorer::new([("t", 1.0), ("d", 0.0)])), 0.0).unwrap();
    let problem = Problem::new("?");
    let prefix = Prefix::new(SequenceId(0), &problem, &[]);
    let (draft, target) = (step("d"), step("t"));
    let candidate = |d, t| Candidate { prefix, draft: d, target: t };
    // The middle one lacks its target: it fails, and the others get their own scores.
    let candidates = [candidate(&draft, Some(&target)), candidate(&draft, None), candidate(&target, Some(&draft))];
    let decisions = router.route_batch(&candidates);
    let estimates: Vec<_> = decisions.iter().map(|d| d.as_ref().ok().and_then(|d| d.estimate)).collect();
    assert_eq!(estimates, [Some(1.0), None, Some(-1.0)]);
    assert!(log.of(Role::Scorer).iter().all(|call| call.batch == 4));
}

#[test]
fn mean_logprob_escalates_below_the_threshold() {
    for (tau, logprobs, expected) in [
        (-0.5, vec![-0.25, -0.75], Accept),
        (-0.5, vec![-0.25, -0.875], Escalate),
        (-0.5, vec![-0.25], Accept),
        (0.0, vec![0.0], Accept),
        (0.0, vec![-0.125], Escalate),
        (f32::NEG_INFINITY, vec![-1e30], Accept),
    ] {
        let mut router = MeanLogprob::new(tau).unwrap();
        assert_eq!(route(&mut router, &step("a").with_logprobs(logprobs.clone())), expected, "τ {tau}, {logprobs:?}");
    }
    let nothing = Step::new("", Finish::EndOfText);
    assert_eq!(route(&mut MeanLogprob::new(0.0).unwrap(), &nothing), Accept);
    let error = decide(&mut MeanLogprob::new(0.0).unwrap(), &step("a"), None).unwrap_err();
    assert_eq!(error.to_string(), "the drafted step has no log-probabilities: the drafter does not report it");
}

#[test]
fn first_token_entropy_escalates_above_the_threshold() {
    for (tau, entropy, expected) in [
        (1.5, 1.5, Accept),
        (1.5, 1.625, Escalate),
        (1.5, 0.0, Accept),
        (0.0, 0.0, Accept),
        (0.0, 0.125, Escalate),
        (f32::INFINITY, 1e30, Accept),
    ] {
        let mut router = FirstTokenEntropy::new(tau).unwrap();
        assert_eq!(route(&mut router, &step("a").with_first_entropy(entropy)), expected, "τ {tau}, H {entropy}");
    }
    assert!(decide(&mut FirstTokenEntropy::new(0.0).unwrap(), &step("a"), None).is_err());
}

/// Escalated share of 4,000 first steps of problems with different seeds.
fn escalated_share(mut router: Random) -> f64 {
    let draft = step("a");
    let escalated = (0..4000).filter(|&seed| {
        let problem = Problem::new("?").with_seed(seed);
        let prefix = Prefix::new(SequenceId(seed), &problem, &[]);
        router.route(&Candidate { prefix, draft: &draft, target: None }).unwrap().route == Escalate
    });
    escalated.count() as f64 / 4000.0
}

#[test]
fn random_escalates_at_its_rate() {
    for (rate, low, high) in [(0.0, 0.0, 0.0), (0.3, 0.27, 0.33), (0.5, 0.47, 0.53), (1.0, 1.0, 1.0)] {
        let share = escalated_share(Random::new(rate).unwrap());
        assert!((low..=high).contains(&share), "rate {rate}, share {share}");
    }
}

#[test]
fn random_routing_shares_no_random_number_with_the_models() {
    let problem = Problem::new("?").with_seed(3);
    let prefix = Prefix::new(SequenceId(0), &problem, &[]);
    let mut streams = [prefix.draw(Author::Draft), prefix.draw(Author::Target), prefix.routing_draw()];
    let numbers: std::collections::HashSet<u64> =
        streams.iter_mut().flat_map(|draw| std::iter::repeat_with(|| draw.next_u64()).take(100)).collect();
    assert_eq!(numbers.len(), 300);
}

#[test]
fn a_budget_limits_how_often_its_router_escalates() {
    for (most, expected) in [(0, "abcd"), (1, "Abcd"), (3, "ABCd"), (9, "ABCD")] {
        let router = || router_fn(|_| Escalate);
        let texts: [String; 2] =
            [solve_letters(Budget::new(router(), most)), solve_letters(Budget::new(AlwaysTarget, most))];
        assert_eq!(texts, [expected, expected], "at most {most}");
    }
    // Accepted drafts do not count against the budget.
    let vowels = router_fn(|c| Route::escalate_if(c.draft.text.contains(['b', 'd'])));
    assert_eq!(solve_letters(Budget::new(vowels, 1)), "aBcd");
    assert_eq!(solve_letters(Budget::new(AlwaysDraft, 3)), "abcd");
}

/// The letters of a solution between a draft of small and a target of capital ones.
fn solve_letters(router: impl AdvantageRouter) -> String {
    let draft = Scripted::new("draft", ["a\n\n", "b\n\n", "c\n\n", "d"]);
    let target = Scripted::new("target", ["A\n\n", "B\n\n", "C\n\n", "D"]);
    Engine::new(draft, target, router).solve(&Problem::new("Spell.")).unwrap().text().replace('\n', "")
}

#[test]
fn a_spent_budget_is_respected_without_the_engine() {
    let log = CallLog::new();
    let mut router = Budget::new(log.record(router_fn(|_| Escalate)), 1);
    let problem = Problem::new("?");
    let written = [Accepted { step: step("A"), author: Author::Target }];
    let draft = step("b");
    let candidate =
        |steps| Candidate { prefix: Prefix::new(SequenceId(0), &problem, steps), draft: &draft, target: None };
    let routes: Vec<_> =
        router.route_batch(&[candidate(&[]), candidate(&written)]).into_iter().map(|d| d.unwrap().route).collect();
    assert_eq!(routes, [Escalate, Accept]);
    assert_eq!(log.calls().len(), 1);
}

#[test]
fn names_contain_the_parameters() {
    let names = [
        AlwaysDraft.name(),
        AlwaysTarget.name(),
        Random::new(0.25).unwrap().name(),
        Rsd::new(TableScorer::new([]), 0.7).unwrap().name(),
        Oracle::new(Judge::new(Digits(vec![])), -0.5).unwrap().name(),
        MeanLogprob::new(-0.5).unwrap().name(),
        FirstTokenEntropy::new(1.5).unwrap().name(),
        Budget::new(AlwaysTarget, 3).name(),
        router_fn(|_| Accept).with_name("mine(k=2)").name(),
    ];
    let expected = [
        "always-draft",
        "always-target",
        "random(rate=0.25)",
        "rsd(table, τ=0.7)",
        "oracle(judge(mean digit), τ=-0.5)",
        "logprob(τ=-0.5)",
        "entropy(τ=1.5)",
        "budget(always-target, most=3)",
        "mine(k=2)",
    ];
    assert_eq!(names, expected);
}

/// A model with these log-probabilities of the digits.
struct Digits(Vec<f32>);

impl NextToken for Digits {
    fn next_token(&mut self, requests: &[Question<'_>]) -> Vec<Result<Vec<f32>, BoxError>> {
        assert!(requests.iter().all(|request| request.choices.concat() == "0123456789"));
        requests.iter().map(|_| Ok(self.0.clone())).collect()
    }
}

/// Log-probabilities of the ten digits: the given ones, and minus infinity for the others.
fn digits(known: &[(usize, f32)]) -> Vec<f32> {
    let mut logprobs = vec![f32::NEG_INFINITY; 10];
    known.iter().for_each(|&(digit, probability)| logprobs[digit] = probability.ln());
    logprobs
}

fn judge(logprobs: Vec<f32>, reading: Reading) -> Result<Vec<f32>, BoxError> {
    let problem = Problem::new("?");
    let step = step("a");
    let prefix = Prefix::new(SequenceId(0), &problem, &[]);
    Judge::new(Digits(logprobs)).with_reading(reading).score(&[(prefix, &step)])
}

#[test]
fn a_judge_scores_by_the_most_probable_or_the_mean_digit() {
    for (known, digit, mean) in [
        (vec![(7, 1.0)], 7.0, 7.0),
        (vec![(0, 0.5), (9, 0.5)], 0.0, 4.5),
        // Probabilities over the choices need not sum to 1.
        (vec![(3, 0.002), (8, 0.003)], 8.0, 6.0),
        (vec![(9, 1e-30)], 9.0, 9.0),
    ] {
        assert_eq!(judge(digits(&known), Reading::MostProbable).unwrap(), [digit], "{known:?}");
        let score = judge(digits(&known), Reading::Expectation).unwrap()[0];
        assert!((score - mean).abs() < 1e-5, "{known:?}: {score}");
    }
}

#[test]
fn a_judge_without_a_distribution_is_an_error() {
    let mut nan = digits(&[(3, 0.5)]);
    nan[4] = f32::NAN;
    let mut infinite = digits(&[(3, 0.5)]);
    infinite[4] = f32::INFINITY;
    for logprobs in [vec![], vec![0.0; 9], vec![0.0; 11], digits(&[]), nan, infinite] {
        for reading in [Reading::Expectation, Reading::MostProbable] {
            assert!(judge(logprobs.clone(), reading).is_err(), "{logprobs:?}");
        }
    }
}

#[test]
fn one_model_can_be_target_and_judge() {
    /// Writes steps, and scores a step by the digit that it ends with.
    struct Both(Scripted);
    impl arbitrage_core::Drafter for Both {
        fn name(&self) -> &str {
            "both"
        }
        fn draft(
            &mut self,
            prefixes: &[Prefix<'_>],
            rule: &arbitrage_core::StepRule<'_>,
        ) -> Vec<arbitrage_core::StepResult> {
            self.0.draft(prefixes, rule)
        }
    }
    impl NextToken for Both {
        fn next_token(&mut self, requests: &[Question<'_>]) -> Vec<Result<Vec<f32>, BoxError>> {
            let grade =
                |request: &Question<'_>| request.choices.iter().position(|c| request.step.text.trim().ends_with(c));
            requests.iter().map(|request| Ok(digits(&[(grade(request).unwrap_or(0), 0.9)]))).collect()
        }
    }
    let model = Shared::new(Both(Scripted::new("both", ["A9\n\n", "B9"])), "both");
    let router = Rsd::new(Judge::new(model.clone()), 5.0).unwrap();
    let mut engine = Engine::new(Scripted::new("draft", ["a7\n\n", "b5"]), Target(model), router);
    assert_eq!(engine.solve(&Problem::new("?")).unwrap().text(), "a7\n\nB9");
}
