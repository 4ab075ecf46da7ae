//! Replays against real routers and real runs of random models.

use arbitrage_core::AdvantageRouter;
use arbitrage_core::trace::Record;
use arbitrage_router::labels::examples;
use arbitrage_router::metrics::{Bootstrap, Budget};
use proptest::prelude::*;

use super::*;
use crate::cost::TokenSeconds;
use crate::metrics::captured;
use crate::replay::testing::{collection, dump, graded, scorer, trace};
use crate::replay::{Difference, check};
use crate::results::PolicyResults;

/// Those that decide on every step of a babbler. A step of nothing has no first token, and so no entropy.
const POLICIES: [&str; 7] = ["draft", "target", "rsd:0.5", "rsd:0", "oracle:0", "oracle:0.25", "logprob:-1.5"];

fn hardware() -> Hardware {
    let seconds = |decoded: f64| TokenSeconds { decoded, prefilled: decoded / 8.0 };
    Hardware::new("babblers", seconds(0.25), seconds(1.0)).unwrap().with_judges(0.0, 0.125).unwrap()
}

fn policy(text: &str) -> Policy {
    text.parse().unwrap()
}

/// The engine's own routers decide at every place as the replay does.
#[test]
fn decisions_are_the_routers() {
    let records = collection("random:0.5", 30);
    let mut dump = Dump::new(&records).unwrap();
    let mut examples = examples(records).unwrap().examples;
    examples.retain(|example| example.draft.first_entropy.is_some());
    dump.problems.iter_mut().for_each(|problem| problem.places.retain(|place| place.first_entropy.is_some()));
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
        let found = dump.problems.iter().flat_map(|problem| escalations(&policy(text), problem).unwrap());
        assert_eq!(found.collect::<Vec<_>>(), expected, "{text}");
    }
}

/// What was collected is replayed as it was: the exact part.
#[test]
fn the_collected_policy_is_replayed_exactly() {
    for text in POLICIES {
        let records = collection(text, 60);
        let results = graded(text, &records);
        let dump = Dump::new(&records).unwrap().with_outcomes(&results).unwrap();
        let found = check(&replay(&dump, &policy(text)).unwrap(), &results, (&hardware(), Reuse::On)).unwrap();
        assert_eq!((found.problems, found.left_out), (60, 0));
        // Labelling writes what the policy alone would not, so what the models do is compared below.
        let is_exact =
            |figure: &str| ["acceptance", "waste", "steps", "accuracy"].iter().any(|part| figure.starts_with(part));
        for difference in found.differences.iter().filter(|difference| is_exact(&difference.figure)) {
            let Difference { replayed, run, .. } = difference;
            assert_eq!(replayed.is_some(), run.is_some(), "{text}: {difference:?}");
            assert!(difference.error().is_none_or(|error| error.abs() < 1e-6), "{text}: {difference:?}");
        }
        assert!(found.to_string().contains("| accuracy |"), "{found}");
    }
}

/// A lazy run of the policy that was collected writes exactly what the replay expects.
#[test]
fn lazy_runs_decode_what_was_expected() {
    for text in POLICIES {
        let lazy = graded(text, &trace(policy(text).router(Some(scorer())).unwrap(), 40));
        let found = replay(&dump(text, 40), &policy(text)).unwrap();
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

#[test]
fn escalations_rise_and_fall_with_the_threshold() {
    let mut dump = dump("oracle:0", 60);
    dump.problems.retain(|problem| problem.places.iter().all(|place| place.first_entropy.is_some()));
    let rates = |name: &str, taus: [f32; 4]| {
        taus.map(|tau| replay(&dump, &policy(&format!("{name}:{tau}"))).unwrap().waste().unwrap().deferral)
    };
    assert!(rates("rsd", [0.0, 0.25, 0.5, 1.0]).is_sorted());
    assert!(rates("logprob", [-3.0, -2.0, -1.5, 0.0]).is_sorted());
    assert!(rates("entropy", [2.5, 1.5, 1.0, 0.0]).is_sorted());
    assert!(rates("oracle", [1.0, 0.25, 0.0, -1.0]).is_sorted());
    assert_eq!(rates("random", [0.0, 0.25, 0.5, 1.0]).map(|rate| (4.0 * rate).round()), [0.0, 1.0, 2.0, 4.0]);
    let oracle = replay(&dump, &policy("oracle:0")).unwrap().waste().unwrap();
    assert_eq!(oracle.of_calls, Some(0.0));
}

#[test]
fn learned_routers_decide_by_what_they_are_given() {
    let dump = dump("oracle:0", 20);
    let lacking = replay(&dump, &policy("learned:0.5")).unwrap_err().to_string();
    assert!(lacking.contains("estimate of the trained router"), "{lacking}");
    let recorded = dump.clone().with_estimates(|_, place| place.recorded);
    let [learned, oracle] =
        [(&recorded, "learned:0"), (&dump, "oracle:0")].map(|(dump, text)| replay(dump, &policy(text)).unwrap());
    assert_eq!(learned.waste(), oracle.waste());
    assert!(learned.problems.iter().all(|problem| problem.work.routed == problem.steps as f64));
    let perfect =
        captured(&recorded, &policy("learned"), Budget::OfOracle(1.0), &Bootstrap::default()).unwrap().unwrap();
    assert!((perfect.value - 1.0).abs() < 1e-9, "{perfect:?}");
    let chance = captured(&dump, &policy("random"), Budget::OfOracle(1.0), &Bootstrap::default()).unwrap().unwrap();
    assert!(chance.value.abs() < 1e-9, "{chance:?}");
    assert!(captured(&dump, &policy("draft"), Budget::OfOracle(1.0), &Bootstrap::default()).is_err());
    assert!(captured(&dump, &policy("rsd"), Budget::Share(1.5), &Bootstrap::default()).is_err());
}

/// Drawn decisions of a random policy against all of its decisions.
#[test]
fn drawn_accuracies_are_near_enumerated_ones() {
    let mut dump = dump("oracle:0", 120);
    dump.problems.retain(|problem| problem.places.len() <= 8);
    let model = AccuracyModel::fit(&dump).unwrap();
    let exact = |problem: &Collected| -> f64 {
        let count = problem.places.len();
        let runs = (0..1u32 << count).map(|run| {
            let falls: Vec<f64> = (0..count).map(|at| f64::from(run >> at & 1)).collect();
            let odds: f64 = falls.iter().map(|falls| if *falls == 1.0 { 0.25 } else { 0.75 }).product();
            odds * model.right(problem, &falls)
        });
        runs.sum()
    };
    let errors =
        dump.problems.iter().map(|problem| model.right(problem, &vec![0.25; problem.places.len()]) - exact(problem));
    let errors: Vec<f64> = errors.collect();
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    assert!(mean.abs() < 0.01 && errors.iter().all(|error| error.abs() < 0.25), "{mean}");
}

#[test]
fn without_grades_of_both_kinds_there_is_no_accuracy() {
    let records = collection("oracle:0", 10);
    let ungraded = replay(&Dump::new(&records).unwrap(), &policy("rsd:0.5")).unwrap();
    assert_eq!(ungraded.accuracy(), None);
    let curve = replay_curve(&[ungraded], &hardware(), Reuse::Off).unwrap();
    assert!(curve.points().is_empty());
}

#[test]
fn curves_are_of_one_dump() {
    let (one, two) = (dump("oracle:0", 40), dump("oracle:0", 30));
    let at = |dump: &Dump, tau: f32| replay(dump, &Policy::Rsd(tau)).unwrap();
    let curve = replay_curve(&[at(&one, 0.25), at(&one, 0.75)], &hardware(), Reuse::Off).unwrap();
    let points = curve.points();
    assert_eq!(points.iter().map(|point| point.tau).collect::<Vec<_>>(), [Some(0.25), Some(0.75)]);
    assert!(points[0].cost < points[1].cost);
    assert!(replay_curve(&[at(&one, 0.25), at(&two, 0.75)], &hardware(), Reuse::Off).is_err());
    assert!(replay_curve(&[], &hardware(), Reuse::Off).is_err());
}

/// A judge's digits are as good as shares, with thresholds in digits.
#[test]
fn a_judges_unit_is_its_own() {
    let shares = collection("oracle:0", 40);
    let digits = |mut record: Record| {
        match &mut record {
            Record::Run(run) => run.notes = serde_json::json!({ "scorer": "judge" }),
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
    let dump = |records: &[Record]| Dump::new(records).unwrap().with_outcomes(&results).unwrap();
    let (shares, judged) = (dump(&shares), dump(&digits));
    assert_eq!((shares.greatest, judged.greatest), (1.0, 9.0));
    for (share, digit) in [("rsd:0.5", "rsd:4.5"), ("oracle:0.25", "oracle:2.25"), ("target", "target")] {
        let (share, digit) = (replay(&shares, &policy(share)).unwrap(), replay(&judged, &policy(digit)).unwrap());
        assert_eq!(share.acceptance_by_steps(), digit.acceptance_by_steps());
        let (share, digit) = (share.accuracy().unwrap(), digit.accuracy().unwrap());
        assert!((share - digit).abs() < 1e-6, "{share} {digit}");
    }
    let found = Dump::with_greatest(&digits, 1.0).unwrap_err();
    assert!(found.to_string().contains("score expected in 0..=1, found"), "{found}");
}

#[test]
fn hostile_collections_are_refused_by_step() {
    let records = collection("oracle:0", 3);
    let changed = |change: fn(&mut arbitrage_core::trace::StepRecord)| {
        let mut records = records.clone();
        for record in &mut records {
            if let Record::Step(step) = record {
                change(step);
            }
        }
        Dump::new(&records)
    };
    assert_eq!(Dump::new(&[]), Err(ReplayError::Empty { problems: 0 }));
    assert_eq!(changed(|step| step.target = None), Err(ReplayError::Empty { problems: 3 }));
    assert_eq!(changed(|step| step.decision.target_score = None), Err(ReplayError::Empty { problems: 3 }));
    for score in [f32::NAN, -0.5, 1.5, f32::INFINITY] {
        let found = Dump::new(&{
            let mut records = records.clone();
            records.iter_mut().for_each(|record| {
                if let Record::Step(step) = record {
                    step.decision.draft_score = Some(score);
                }
            });
            records
        });
        assert!(found.unwrap_err().to_string().contains("step 0: score expected"), "{score}");
    }
    // An end that was written before the steps that are there now is of another text.
    let mut stale = records.clone();
    stale.iter_mut().for_each(|record| {
        if let Record::Solution(end) = record {
            end.text.push('!');
        }
    });
    assert_eq!(Dump::new(&stale), Err(ReplayError::Empty { problems: 3 }));
    let mute = changed(|step| step.draft.iter_mut().for_each(|draft| draft.first_entropy = None)).unwrap();
    assert!(matches!(replay(&mute, &policy("entropy:1")), Err(ReplayError::Signal { step: 0, .. })));
    let other = PolicyResults::new("babble", "oracle", None, Vec::new()).unwrap();
    assert!(matches!(Dump::new(&records).unwrap().with_outcomes(&other), Err(ReplayError::Ungraded { .. })));
    let prediction = replay(&mute, &policy("draft")).unwrap();
    assert_eq!(check(&prediction, &other, (&hardware(), Reuse::On)), Err(ReplayError::Apart));
}

#[test]
fn thresholds_that_are_none_are_refused() {
    let dump = dump("oracle:0", 2);
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
        assert!(matches!(replay(&dump, &policy), Err(ReplayError::Policy { .. })), "{policy}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    /// Nothing is negative, nothing is no number, shares are shares.
    #[test]
    fn predictions_are_sane(rate in 0.0..=1.0f32, tau in -1.0..=1.0f32) {
        let dump = dump("oracle:0", 12);
        for policy in [Policy::Random(rate), Policy::Rsd(tau.abs()), Policy::Oracle(tau)] {
            let found = replay(&dump, &policy).unwrap();
            let shares = [found.acceptance_by_steps(), found.acceptance_by_tokens(), found.accuracy()];
            prop_assert!(shares.iter().flatten().all(|share| (0.0..=1.0).contains(share)), "{shares:?}");
            prop_assert!(found.seconds(&hardware(), Reuse::Off).unwrap() >= 0.0);
            for problem in &found.problems {
                prop_assert!(problem.wasted <= problem.escalated + 1e-9 && problem.escalated <= problem.steps as f64 + 1e-9);
            }
        }
    }
}
