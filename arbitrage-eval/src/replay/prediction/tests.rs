//! Compares replays with real routers and with runs of random models.

use std::sync::{Arc, Mutex};

use arbitrage_core::router::{Handover, Labelling, ThresholdRule};
use arbitrage_core::testing::Babbler;
use arbitrage_core::trace::{Record, Trace};
use arbitrage_core::{AdvantageRouter, Author, ChooseBy, Engine, Limits, Problem, Route, SeveralDrafts, router_fn};
use arbitrage_router::CustomPolicy;
use arbitrage_router::labels::examples;
use arbitrage_router::metrics::{Bootstrap, CallBudget};
use proptest::prelude::*;

use super::*;
use crate::cost::TokenSeconds;
use crate::replay::decide::escalations;
use crate::replay::testing::{collection, graded, paired_trace, scorer, sorted, trace};
use crate::replay::{FigureDifference, captured, check};
use crate::results::PolicyResults;

/// Policies that decide on every step of a babbler. Entropy is not among them, since an empty step has no first token.
const POLICIES: [&str; 7] = ["draft", "target", "rsd:0.5", "rsd:0", "oracle:0", "oracle:0.25", "logprob:-1.5"];

fn hardware() -> Hardware {
    let seconds = |decoded: f64| TokenSeconds { decoded, prefilled: decoded / 8.0 };
    Hardware::new("babblers", seconds(0.25), seconds(1.0)).unwrap().with_decision_seconds(0.0, 0.125).unwrap()
}

fn policy(text: &str) -> Policy {
    text.parse().unwrap()
}

/// The routers decide on every step as the replay does.
#[test]
fn decisions_agree_with_the_routers() {
    let records = collection("random:0.5", 30);
    let mut paired = PairedTrace::new(&sorted(&records)).unwrap();
    let mut examples = examples(&sorted(&records)).unwrap().examples;
    examples.retain(|example| example.draft.first_entropy.is_some());
    paired.problems.iter_mut().for_each(|problem| problem.pairs.retain(|pair| pair.first_entropy.is_some()));
    for text in POLICIES.into_iter().chain(["entropy:1"]) {
        let mut router = policy(text).router(Some(scorer())).unwrap();
        let decide = |example: &arbitrage_router::labels::Example| {
            let problem = example.as_problem();
            let early = router.before_draft(&example.prefix(&problem));
            let candidate = example.candidate(&problem, router.evidence());
            let decision = early.unwrap_or_else(|| router.route(&candidate).unwrap());
            f64::from(u8::from(decision.route == arbitrage_core::Route::Escalate))
        };
        let expected: Vec<f64> = examples.iter().map(decide).collect();
        let found = paired.problems.iter().flat_map(|problem| escalations(&policy(text), problem).unwrap());
        assert_eq!(found.collect::<Vec<_>>(), expected, "{text}");
    }
}

/// A custom policy is replayed by the rule that it was registered with.
#[test]
fn custom_policies_are_replayed_by_their_rule() {
    let paired = paired_trace("oracle:0", 20);
    let never = |_: Option<f32>| router_fn(|_| Route::Accept);
    let custom = CustomPolicy::new("unsure", never).with_rule(ThresholdRule::LOGPROB).register().unwrap();
    let custom = replay(&paired, &custom.with_threshold(-1.5).unwrap()).unwrap();
    let logprob = replay(&paired, &policy("logprob:-1.5")).unwrap();
    assert_eq!((custom.policy.policy.name(), custom.problems), ("unsure", logprob.problems));
    let without_rule = CustomPolicy::new("secret", never).register().unwrap();
    assert!(matches!(replay(&paired, &without_rule), Err(ReplayError::Policy { .. })));
}

/// The replay of the collected policy is exact.
#[test]
fn the_collected_policy_is_replayed_exactly() {
    for text in POLICIES {
        let records = collection(text, 60);
        let results = graded(text, &records);
        let paired = PairedTrace::new(&sorted(&records)).unwrap().with_outcomes(&results).unwrap();
        let found = check(&replay(&paired, &policy(text)).unwrap(), &results, &hardware(), Reuse::On).unwrap();
        assert_eq!((found.problems, found.excluded), (60, 0));
        // Labelling writes steps that the policy alone would not, so that work is compared in the next test.
        let is_exact =
            |figure: &str| ["acceptance", "waste", "steps", "accuracy"].iter().any(|part| figure.starts_with(part));
        for difference in found.differences.iter().filter(|difference| is_exact(&difference.figure)) {
            let FigureDifference { replayed, run, .. } = difference;
            assert_eq!(replayed.is_some(), run.is_some(), "{text}: {difference:?}");
            assert!(difference.error().is_none_or(|error| error.abs() < 1e-6), "{text}: {difference:?}");
        }
        assert!(found.to_string().contains("| accuracy |"), "{found}");
    }
}

/// A run of the collected policy without labelling decodes exactly what the replay expects.
#[test]
fn lazy_runs_decode_what_was_expected() {
    for text in POLICIES {
        let lazy = graded(text, &trace(policy(text).router(Some(scorer())).unwrap(), 40));
        let found = replay(&paired_trace(text, 40), &policy(text)).unwrap();
        for (replayed, real) in found.problems.iter().zip(lazy.problems()) {
            let usage = real.usage;
            assert_eq!(replayed.steps, usage.accepted_steps + usage.escalated_steps, "{text}");
            let kept = [usage.draft.kept_tokens as f64, usage.target.kept_tokens as f64];
            assert_eq!([replayed.draft_tokens, replayed.target_tokens], kept, "{text}");
            let decoded = [usage.draft.decoded as f64, usage.target.decoded as f64];
            assert_eq!([replayed.work.draft.decoded, replayed.work.target.decoded], decoded, "{text}");
        }
    }
}

/// The router of a policy with its handovers.
fn handing_over(policy: &LookaheadPolicy) -> Box<dyn AdvantageRouter> {
    let router = policy.policy.router(Some(scorer())).unwrap();
    Box::new(Handover::new(router, policy.lookahead.handover.unwrap()))
}

/// Labelling writes both steps along the trajectory of a handover, so that its replay is exact there.
#[test]
fn handovers_decode_what_was_expected() {
    for text in [
        "rsd:0.5+handover:1",
        "rsd:0.5+handover:1:1",
        "rsd:0.25+handover:2:2",
        "oracle:0+handover:2",
        "logprob:-1.5+handover:1:2",
        "target+handover:1",
        "draft+handover:1",
    ] {
        let policy: LookaheadPolicy = text.parse().unwrap();
        let lazy = graded(text, &trace(handing_over(&policy), 40));
        let records = trace(Labelling::new(scorer(), handing_over(&policy)), 40);
        let paired = PairedTrace::new(&sorted(&records)).unwrap().with_outcomes(&graded(text, &records)).unwrap();
        let found = replay_lookahead(&paired, &policy).unwrap();
        assert_eq!(found.policy.to_string(), text);
        for (replayed, real) in found.problems.iter().zip(lazy.problems()) {
            let usage = real.usage;
            assert_eq!(replayed.escalated, usage.escalated_steps as f64, "{text}");
            let kept = [usage.draft.kept_tokens as f64, usage.target.kept_tokens as f64];
            assert_eq!([replayed.draft_tokens, replayed.target_tokens], kept, "{text}");
            let decoded = [usage.draft.decoded as f64, usage.target.decoded as f64];
            assert_eq!([replayed.work.draft.decoded, replayed.work.target.decoded], decoded, "{text}");
        }
        let found = check(&found, &graded(text, &records), &hardware(), Reuse::On).unwrap();
        assert_eq!(found.differences[0].error().map(|error| error.abs() < 1e-9), Some(true), "{text}");
    }
}

#[test]
fn what_does_not_follow_from_a_collection_is_refused() {
    let paired = paired_trace("oracle:0", 5);
    let error = |text: &str| replay_lookahead(&paired, &text.parse().unwrap()).unwrap_err().to_string();
    assert!(error("rsd:0.5+drafts:4:score").contains("one draft of each step"));
    assert!(error("random:0.5+handover:1").contains("at random"));
    replay_lookahead(&paired, &"random:0+handover:1".parse().unwrap()).unwrap();
}

#[test]
fn several_drafts_are_replayed_at_the_cost_of_all_of_them() {
    let records = |count| {
        let sink = Arc::new(Mutex::new(Vec::new()));
        let model = |author, seed| Babbler::new("babbler", author, seed).with_rollback();
        let router = policy("oracle:0").router(Some(scorer())).unwrap();
        let mut engine = Engine::new(model(Author::Draft, 1), model(Author::Target, 2), router)
            .with_limits(Limits::default().with_steps(4))
            .with_drafts(SeveralDrafts::new(count, 1.0).unwrap(), ChooseBy::Logprob)
            .with_sink(sink.clone());
        engine.solve(&Problem::new("Why?").with_id("p")).unwrap();
        std::mem::take(&mut *sink.lock().unwrap())
    };
    for count in [1, 3] {
        let trace = sorted(&records(count));
        let decoded = trace.solutions()[0].usage.draft.decoded as f64;
        let found = replay(&PairedTrace::new(&trace).unwrap(), &policy("oracle:0")).unwrap();
        assert_eq!(found.problems[0].work.draft.decoded, decoded, "{count} drafts");
    }
}

#[test]
fn escalations_rise_and_fall_with_the_threshold() {
    let mut paired = paired_trace("oracle:0", 60);
    paired.problems.retain(|problem| problem.pairs.iter().all(|pair| pair.first_entropy.is_some()));
    let rates = |name: &str, taus: [f32; 4]| {
        taus.map(|tau| replay(&paired, &policy(&format!("{name}:{tau}"))).unwrap().waste().unwrap().deferral)
    };
    assert!(rates("rsd", [0.0, 0.25, 0.5, 1.0]).is_sorted());
    assert!(rates("logprob", [-3.0, -2.0, -1.5, 0.0]).is_sorted());
    assert!(rates("entropy", [2.5, 1.5, 1.0, 0.0]).is_sorted());
    assert!(rates("oracle", [1.0, 0.25, 0.0, -1.0]).is_sorted());
    assert_eq!(rates("random", [0.0, 0.25, 0.5, 1.0]).map(|rate| (4.0 * rate).round()), [0.0, 1.0, 2.0, 4.0]);
    let oracle = replay(&paired, &policy("oracle:0")).unwrap().waste().unwrap();
    assert_eq!(oracle.of_calls, Some(0.0));
}

#[test]
fn learned_routers_decide_by_given_estimates() {
    let paired = paired_trace("oracle:0", 20);
    let lacking = replay(&paired, &policy("learned:0.5")).unwrap_err().to_string();
    assert!(lacking.contains("estimate of the trained router"), "{lacking}");
    let recorded = paired.clone().with_estimates(|_, pair| pair.recorded);
    let [learned, oracle] =
        [(&recorded, "learned:0"), (&paired, "oracle:0")].map(|(paired, text)| replay(paired, &policy(text)).unwrap());
    assert_eq!(learned.waste(), oracle.waste());
    assert!(learned.problems.iter().all(|problem| problem.work.routed == problem.steps as f64));
    let perfect =
        captured(&recorded, &policy("learned"), CallBudget::OfOracle(1.0), &Bootstrap::default()).unwrap().unwrap();
    assert!((perfect.value - 1.0).abs() < 1e-9, "{perfect:?}");
    let chance =
        captured(&paired, &policy("random"), CallBudget::OfOracle(1.0), &Bootstrap::default()).unwrap().unwrap();
    assert!(chance.value.abs() < 1e-9, "{chance:?}");
    assert!(captured(&paired, &policy("draft"), CallBudget::OfOracle(1.0), &Bootstrap::default()).is_err());
    assert!(captured(&paired, &policy("rsd"), CallBudget::Share(1.5), &Bootstrap::default()).is_err());
}

/// Sampled decisions of a random policy are close to the enumeration of all decisions.
#[test]
fn sampled_accuracies_are_near_enumerated_ones() {
    let mut paired = paired_trace("oracle:0", 120);
    paired.problems.retain(|problem| problem.pairs.len() <= 8);
    let model = AccuracyModel::fit(&paired).unwrap();
    let exact = |problem: &PairedSolution| -> f64 {
        let count = problem.pairs.len();
        let runs = (0..1u32 << count).map(|run| {
            let falls: Vec<f64> = (0..count).map(|at| f64::from(run >> at & 1)).collect();
            let odds: f64 = falls.iter().map(|falls| if *falls == 1.0 { 0.25 } else { 0.75 }).product();
            odds * model.right(problem, &falls)
        });
        runs.sum()
    };
    let errors =
        paired.problems.iter().map(|problem| model.right(problem, &vec![0.25; problem.pairs.len()]) - exact(problem));
    let errors: Vec<f64> = errors.collect();
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    assert!(mean.abs() < 0.01 && errors.iter().all(|error| error.abs() < 0.25), "{mean}");
}

#[test]
fn without_grades_of_both_kinds_there_is_no_accuracy() {
    let records = collection("oracle:0", 10);
    let ungraded = replay(&PairedTrace::new(&sorted(&records)).unwrap(), &policy("rsd:0.5")).unwrap();
    assert_eq!(ungraded.accuracy(), None);
}

/// Scores from 0 to 9, with thresholds in that unit, give the same decisions as scores from 0 to 1.
#[test]
fn scores_of_a_judge_keep_their_unit() {
    let shares = collection("oracle:0", 40);
    let digits = |mut record: Record| {
        match &mut record {
            Record::Run(run) => run.notes = serde_json::json!({ "scorer": "judge" }).into(),
            Record::Step(step) => {
                let scores = [&mut step.decision.draft_score, &mut step.decision.target_score];
                scores.into_iter().flatten().for_each(|score| *score *= 9.0);
            }
            _ => {}
        }
        record
    };
    let digits: Vec<Record> = shares.iter().cloned().map(digits).collect();
    let results = graded("oracle:0", &shares);
    let paired = |records: &[Record]| PairedTrace::new(&sorted(records)).unwrap().with_outcomes(&results).unwrap();
    let (shares, judged) = (paired(&shares), paired(&digits));
    assert_eq!((shares.max_score, judged.max_score), (1.0, 9.0));
    for (share, digit) in [("rsd:0.5", "rsd:4.5"), ("oracle:0.25", "oracle:2.25"), ("target", "target")] {
        let (share, digit) = (replay(&shares, &policy(share)).unwrap(), replay(&judged, &policy(digit)).unwrap());
        assert_eq!(share.acceptance_by_steps(), digit.acceptance_by_steps());
        let (share, digit) = (share.accuracy().unwrap(), digit.accuracy().unwrap());
        assert!((share - digit).abs() < 1e-6, "{share} {digit}");
    }
    let found = PairedTrace::with_max_score(&sorted(&digits), 1.0).unwrap_err();
    assert!(found.to_string().contains("score expected in 0..=1, found"), "{found}");
}

#[test]
fn invalid_collections_are_refused_by_step() {
    let records = collection("oracle:0", 3);
    let changed = |change: fn(&mut arbitrage_core::trace::StepRecord)| {
        let mut records = records.clone();
        for record in &mut records {
            if let Record::Step(step) = record {
                change(step);
            }
        }
        PairedTrace::new(&sorted(&records))
    };
    assert_eq!(PairedTrace::new(&Trace::default()), Err(ReplayError::Empty { problems: 0 }));
    assert_eq!(changed(|step| step.target = None), Err(ReplayError::Empty { problems: 3 }));
    assert_eq!(changed(|step| step.decision.target_score = None), Err(ReplayError::Empty { problems: 3 }));
    for score in [f32::NAN, -0.5, 1.5, f32::INFINITY] {
        let found = PairedTrace::new(&sorted(&{
            let mut records = records.clone();
            records.iter_mut().for_each(|record| {
                if let Record::Step(step) = record {
                    step.decision.draft_score = Some(score);
                }
            });
            records
        }));
        assert!(found.unwrap_err().to_string().contains("step 0: score expected"), "{score}");
    }
    // The end of an earlier run has another text than the steps that replaced its own.
    let mut stale = records.clone();
    stale.iter_mut().for_each(|record| {
        if let Record::Solution(end) = record {
            end.text.push('!');
        }
    });
    assert_eq!(PairedTrace::new(&sorted(&stale)), Err(ReplayError::Empty { problems: 3 }));
    let mute = changed(|step| step.draft.iter_mut().for_each(|draft| draft.first_entropy = None)).unwrap();
    assert!(matches!(replay(&mute, &policy("entropy:1")), Err(ReplayError::Signal { step: 0, .. })));
    let other = PolicyResults::new("babble", "oracle", None, Vec::new()).unwrap();
    assert!(matches!(
        PairedTrace::new(&sorted(&records)).unwrap().with_outcomes(&other),
        Err(ReplayError::Ungraded { .. })
    ));
    let prediction = replay(&mute, &policy("draft")).unwrap();
    assert_eq!(check(&prediction, &other, &hardware(), Reuse::On), Err(ReplayError::NoSharedProblem));
}

#[test]
fn invalid_thresholds_are_refused() {
    let paired = paired_trace("oracle:0", 2);
    let nan = f32::NAN;
    for policy in [
        Policy::Rsd(nan),
        Policy::Oracle(nan),
        Policy::MeanLogprob(nan),
        Policy::FirstTokenEntropy(nan),
        Policy::Random(nan),
        Policy::Random(1.5),
        Policy::Learned(None),
        Policy::Learned(Some(nan)),
    ] {
        assert!(matches!(replay(&paired, &policy), Err(ReplayError::Policy { .. })), "{policy}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    /// Shares are in [0, 1], and counts are neither negative nor NaN.
    #[test]
    fn predictions_are_sane(rate in 0.0..=1.0f32, tau in -1.0..=1.0f32) {
        let paired = paired_trace("oracle:0", 12);
        for policy in [Policy::Random(rate), Policy::Rsd(tau.abs()), Policy::Oracle(tau)] {
            let found = replay(&paired, &policy).unwrap();
            let shares = [found.acceptance_by_steps(), found.acceptance_by_tokens(), found.accuracy()];
            prop_assert!(shares.iter().flatten().all(|share| (0.0..=1.0).contains(share)), "{shares:?}");
            prop_assert!(found.seconds(&hardware(), Reuse::Off).unwrap() >= 0.0);
            for problem in &found.problems {
                prop_assert!(problem.wasted <= problem.escalated + 1e-9 && problem.escalated <= problem.steps as f64 + 1e-9);
            }
        }
    }
}
