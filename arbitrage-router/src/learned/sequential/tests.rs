use arbitrage_core::testing::Scripted;
use arbitrage_core::{Accepted, Author, Engine, Finish, Prefix, Problem, Route, Step};
use proptest::prelude::*;

use super::super::card::tests::card;
use super::super::features::SCALAR_FEATURES;
use super::super::mlp::{LinearLayer, Standardization};
use super::super::path::PATH_FEATURES;
use super::*;

/// Position of the first path feature among the head's inputs.
const PATH: usize = SCALAR_FEATURES.len();

fn work(draft_decoded: f64, draft_read: f64, target_decoded: f64, target_read: f64) -> TokenWork {
    TokenWork { draft_decoded, draft_read, target_decoded, target_read }
}

/// Tokens of the target cost a second, those of the draft an eighth, and reading nothing; a target's step has 8 tokens.
fn costs() -> DecisionCosts {
    DecisionCosts { seconds: work(0.125, 0.0, 1.0, 0.0), target_step: work(0.0, 4.0, 8.0, 4.0) }
}

/// A linear network: for each output, its bias and the weights of some inputs.
fn linear(inputs: usize, outputs: &[(f32, &[(usize, f32)])]) -> Mlp {
    let mut weight = vec![0.0; inputs * outputs.len()];
    for (row, (_, weights)) in outputs.iter().enumerate() {
        weights.iter().for_each(|(input, value)| weight[row * inputs + input] = *value);
    }
    let bias = outputs.iter().map(|(bias, _)| *bias).collect();
    Mlp {
        standardization: Standardization { mean: vec![0.0; inputs], deviation: vec![1.0; inputs] },
        layers: vec![LinearLayer { weight, bias }],
    }
}

/// The score of an accepted step is σ(10 · mean log-probability + 5), that of an escalated one σ(5). The head expects a right answer by
/// the least of all scores; escalating costs the target 8 tokens more.
fn networks() -> SequentialNetworks {
    let step_scores = linear(PATH, &[(5.0, &[(0, 10.0)]), (5.0, &[])]);
    let constant = |bias: f32| -> (f32, &[(usize, f32)]) { (bias, &[]) };
    let head = linear(
        PATH + PATH_FEATURES.len(),
        &[
            (-25.0, &[(PATH, 10.0), (PATH + 2, 20.0)]),
            (-25.0, &[(PATH + 1, 10.0), (PATH + 2, 20.0)]),
            constant(16.0),
            constant(0.0),
            constant(4.0),
            constant(0.0),
            constant(16.0),
            constant(0.0),
            constant(12.0),
            constant(0.0),
        ],
    );
    SequentialNetworks { probe: None, step_scores, head }
}

fn sequential_card() -> Card {
    let input = RouterInput::Sequential { features: ProbeFeatures::Scalars, costs: costs() };
    Card { input, tau: 0.25, ..card() }
}

fn router() -> Sequential {
    Sequential::new(sequential_card(), networks()).unwrap()
}

fn draft(logprob: f32) -> Step {
    Step::new("so\n\n", Finish::Boundary).with_logprobs(vec![logprob])
}

fn accepted(logprobs: &[f32]) -> Vec<Accepted> {
    logprobs.iter().map(|logprob| Accepted { step: draft(*logprob), author: Author::Draft }).collect()
}

/// The estimates along a solution whose drafts all are accepted, or escalated where the flag says so.
fn along(router: &mut Sequential, id: u64, drafts: &[(f32, bool)]) -> Vec<f32> {
    let problem = Problem::new("?");
    let mut steps = Vec::new();
    let mut estimates = Vec::new();
    for (logprob, is_escalated) in drafts {
        let draft = draft(*logprob);
        let candidate =
            Candidate { prefix: Prefix::new(SequenceId(id), &problem, &steps), draft: &draft, target: None };
        estimates.push(router.route(&candidate).unwrap().estimate.unwrap());
        let author = if *is_escalated { Author::Target } else { Author::Draft };
        steps.push(Accepted { step: draft, author });
    }
    estimates
}

#[test]
fn a_doubtful_step_is_escalated_unless_the_solution_is_lost() {
    let found = along(&mut router(), 1, &[(-0.1, false), (-1.0, true), (-1.0, false), (-1.0, false)]);
    assert!(found[0] < 0.05, "a sure step: {found:?}");
    assert!(found[1] > 0.9 && found[2] > 0.9, "doubtful steps after right ones: {found:?}");
    assert!(found[3] < 0.05, "after a wrong step was kept: {found:?}");
}

#[test]
fn the_estimate_is_gain_per_cost() {
    let prospects = |accept, escalate, more: f64| Prospects {
        scores: DecisionScores { accept, escalate },
        accept_work: work(16.0, 0.0, 4.0, 0.0),
        escalate_work: work(16.0, 0.0, 4.0 + more, 0.0),
    };
    let estimate = |prospects: Prospects| prospects.estimate(&costs());
    assert_eq!(estimate(prospects(0.25, 0.75, 8.0)), 0.5);
    assert_eq!(estimate(prospects(0.25, 0.75, 16.0)), 0.25, "twice the cost");
    assert_eq!(estimate(prospects(0.25, 0.75, 2.0)), 1.0, "cheaper than what it gains");
    assert_eq!(estimate(prospects(0.25, 0.75, -4.0)), 1.0, "it saves work");
    assert_eq!(estimate(prospects(0.75, 0.25, -4.0)), 0.0, "it gains nothing");
    assert_eq!(estimate(prospects(0.5, 0.5, -4.0)), 0.0);
    // At half the price of the draft's tokens, 8 target tokens more still are one target's step.
    let cheap = DecisionCosts { seconds: work(0.0625, 0.0, 1.0, 0.0), ..costs() };
    assert_eq!(prospects(0.25, 0.75, 8.0).estimate(&cheap), 0.5);
}

proptest! {
    #[test]
    fn estimates_are_in_range_and_fall_with_cost_and_rise_with_gain(
        accept in 0.0f32..1.0, escalate in 0.0f32..1.0, more in -20.0f64..40.0, extra in 0.0f64..10.0, gain in 0.0f32..0.5,
    ) {
        let estimate = |escalate: f32, more: f64| Prospects {
            scores: DecisionScores { accept, escalate },
            accept_work: work(9.0, 3.0, 20.0, 5.0),
            escalate_work: work(9.0, 3.0, 20.0 + more, 5.0),
        }.estimate(&costs());
        let found = estimate(escalate, more);
        prop_assert!((0.0..=1.0).contains(&found));
        prop_assert!(estimate(escalate, more + extra) <= found);
        prop_assert!(estimate(escalate + gain, more) >= found);
    }

    #[test]
    fn a_batch_gives_what_single_calls_give(logprobs in prop::collection::vec(-2.0f32..0.0, 2..8)) {
        let problem = Problem::new("?");
        let steps: Vec<Vec<Accepted>> = logprobs.iter().enumerate().map(|(at, _)| accepted(&logprobs[..at])).collect();
        let drafts: Vec<Step> = logprobs.iter().map(|logprob| draft(*logprob)).collect();
        let candidates: Vec<_> = drafts.iter().zip(&steps).enumerate().map(|(at, (draft, steps))| {
            // Steps of two solutions in turns.
            Candidate { prefix: Prefix::new(SequenceId(at as u64 % 2), &problem, steps), draft, target: None }
        }).collect();
        let (mut single, mut batched) = (router(), router());
        let one_by_one: Vec<_> = candidates.iter().map(|candidate| single.route(candidate).unwrap()).collect();
        let at_once: Vec<_> = batched.route_batch(&candidates).into_iter().map(Result::unwrap).collect();
        prop_assert_eq!(one_by_one, at_once);
    }

    /// What a sequence gets does not depend on the others that are solved at the same time.
    #[test]
    fn sequences_do_not_affect_each_other(own in prop::collection::vec((-2.0f32..0.0, any::<bool>()), 1..6), other in -2.0f32..0.0) {
        let alone = along(&mut router(), 1, &own);
        let mut shared = router();
        along(&mut shared, 2, &[(other, false), (other, true)]);
        prop_assert_eq!(along(&mut shared, 1, &own), alone);
    }
}

#[test]
fn the_state_of_a_sequence_is_released_with_it() {
    let last = Step::new("end", Finish::EndOfText).with_logprobs(vec![-1.0]);
    let (drafter, target) = (Scripted::from_steps("d", [draft(-1.0), last]), Scripted::new("t", ["A\n\n", "B"]));
    let mut router = router();
    let mut engine = Engine::new(drafter, target, &mut router);
    let problems = [Problem::new("?").with_id("a"), Problem::new("?").with_id("b")];
    for solution in engine.solve_all(&problems) {
        assert_eq!(solution.unwrap().steps.len(), 2);
    }
    drop(engine);
    assert_eq!(router.sequences(), 0);
    assert!(!along(&mut router, 1, &[(-0.5, false)]).is_empty());
    assert_eq!(router.sequences(), 1);
    router.release(SequenceId(1));
    assert_eq!(router.sequences(), 0);
}

#[test]
fn saved_routers_are_read_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/sequential");
    router().save(&path).unwrap();
    let mut opened = Sequential::open(&path).unwrap();
    assert_eq!((opened.card(), &opened.networks), (&sequential_card(), &networks()));
    let drafts = [(-0.1, false), (-0.45, false), (-0.6, true), (-0.5, false)];
    assert_eq!(along(&mut opened, 1, &drafts), along(&mut router(), 1, &drafts));
    let card = std::fs::read_to_string(path.join("router.json")).unwrap();
    let card: serde_json::Value = serde_json::from_str(&card).unwrap();
    assert_eq!((&card["reads"]["kind"], &card["reads"]["inputs"]), (&"sequential".into(), &"scalars".into()));
    assert_eq!(card["reads"]["costs"]["seconds"]["target_decoded"], 1.0, "the names in files are pinned");
}

#[test]
fn the_threshold_decides_alone() {
    let problem = Problem::new("?");
    let draft = draft(-0.4);
    let candidate = Candidate { prefix: Prefix::new(SequenceId(0), &problem, &[]), draft: &draft, target: None };
    let decide = |tau| router().with_threshold(tau).unwrap().route(&candidate).unwrap();
    let estimate = decide(0.0).estimate.unwrap();
    assert!(estimate > 0.0 && estimate < 1.0, "{estimate}");
    assert_eq!(decide(0.0).route, Route::Escalate);
    assert_eq!((decide(estimate).route, decide(1.0).route), (Route::Accept, Route::Accept));
    assert!(router().with_threshold(1.5).is_err());
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |card: Card, networks| Sequential::new(card, networks).unwrap_err().to_string();
    assert!(refused(card(), networks()).contains("sequential router, found that of a probe"));
    let swapped = SequentialNetworks { probe: None, step_scores: networks().head, head: networks().step_scores };
    assert!(refused(sequential_card(), swapped).contains("2 outputs, found 10"));
    for seconds in [work(-1.0, 0.0, 1.0, 0.0), work(f64::NAN, 0.0, 1.0, 0.0), work(1.0, 0.0, 0.0, 0.0)] {
        let input =
            RouterInput::Sequential { features: ProbeFeatures::Scalars, costs: DecisionCosts { seconds, ..costs() } };
        assert!(refused(Card { input, ..card() }, networks()).contains("prices"), "{seconds:?}");
    }
    let problem = Problem::new("?");
    let prefix = Prefix::new(SequenceId(0), &problem, &[]);
    let silent = Step::new("so", Finish::Boundary);
    let error = router().route(&Candidate { prefix, draft: &silent, target: None }).unwrap_err();
    assert!(error.to_string().contains("log-probabilities"), "{error}");
    let mut infinite = networks();
    infinite.head.layers[0].bias[1] = f32::MAX;
    infinite.head.layers[0].weight.fill(f32::MAX);
    let mut infinite = Sequential::new(sequential_card(), infinite).unwrap();
    let error = infinite.route(&Candidate { prefix, draft: &draft(-0.5), target: None }).unwrap_err();
    assert!(error.to_string().contains("not finite"), "{error}");
}

/// The router composes with wrappers that decide some steps themselves: it takes a step that it was not asked about for neither right
/// nor wrong.
#[test]
fn steps_of_others_are_no_evidence() {
    let problem = Problem::new("?");
    let steps = vec![Accepted { step: draft(-1.0), author: Author::Target }; 2];
    let draft = draft(-1.0);
    let candidate = Candidate { prefix: Prefix::new(SequenceId(0), &problem, &steps), draft: &draft, target: None };
    let estimate = router().route(&candidate).unwrap().estimate.unwrap();
    assert!(estimate > 0.9, "{estimate}");
}

/// Networks that read, beside the features, the only output of a probe: 10 · mean log-probability + 5.
fn networks_on_a_probe() -> SequentialNetworks {
    let plain = networks();
    let step_scores = linear(PATH + 1, &[(0.0, &[(PATH, 1.0)]), (5.0, &[])]);
    // The path comes after the probe's output.
    let inputs = PATH + 1 + PATH_FEATURES.len();
    let rows = plain.head.layers[0].weight.chunks(PATH + PATH_FEATURES.len());
    let weight = rows.flat_map(|row| [&row[..PATH], &[0.0], &row[PATH..]].concat()).collect();
    let bias = plain.head.layers[0].bias.clone();
    let head = Mlp { layers: vec![LinearLayer { weight, bias }], ..linear(inputs, &[]) };
    SequentialNetworks { probe: Some(linear(PATH, &[(5.0, &[(0, 10.0)])])), step_scores, head }
}

#[test]
fn a_probe_s_outputs_are_inputs_and_saved_with_the_router() {
    let router = || Sequential::new(sequential_card(), networks_on_a_probe()).unwrap();
    let drafts = [(-0.1, false), (-0.45, false), (-0.6, true), (-0.5, false)];
    assert_eq!(along(&mut router(), 1, &drafts), along(&mut self::router(), 1, &drafts));
    let folder = tempfile::tempdir().unwrap();
    router().save(folder.path()).unwrap();
    let mut opened = Sequential::open(folder.path()).unwrap();
    assert_eq!(opened.networks, networks_on_a_probe());
    assert_eq!(along(&mut opened, 1, &drafts), along(&mut router(), 1, &drafts));
    // A later training without a probe leaves the file, and does not read it.
    self::router().save(folder.path()).unwrap();
    assert_eq!(Sequential::open(folder.path()).unwrap().networks, networks());
}
