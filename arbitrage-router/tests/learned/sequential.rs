//! A made-up problem in which the rule that looks at one step only is wrong.
//!
//! A solution has four steps. Its first draft shows, in the least log-probability, whether the problem is hopeless: then the answer is wrong
//! whatever is done. Every later draft is right or wrong, which its mean log-probability shows, and says nothing about hopelessness.
//! The target mends every wrong step. The answer is right if the problem is not hopeless and no wrong step is kept. So a wrong step should be
//! escalated if and only if the problem is not hopeless and no wrong step was kept before.

use arbitrage_core::{AdvantageRouter, Author, Draw, Finish, Step};
use arbitrage_models::Error;
use arbitrage_models::train::{TrainProgress, Trainer};
use arbitrage_router::labels::{SolutionOutcome, TokenWork, outcomes};
use arbitrage_router::learned::{
    ProbeFeatures, RouterError, RouterInput, Sequential, SequentialRecipe, SequentialTraining, TrainingData,
    TrainingSplit,
};
use proptest::prelude::*;

use super::support::{cpu, pair};

const STEPS: usize = 4;
/// Tokens of every step.
const TOKENS: usize = 6;

/// A drafted step of the problem.
#[derive(Clone, Copy, Debug)]
struct Draft {
    is_wrong: bool,
    /// On a first step: whether the problem is hopeless.
    is_hopeless: bool,
}

impl Draft {
    /// The step at a position. An outlier shows hopelessness; the other tokens make up for it, so that the mean shows what is wrong.
    fn step(self, position: usize) -> Step {
        let mean = if self.is_wrong { -2.0 } else { -1.0 };
        let outlier = if self.is_hopeless { -4.0 } else { mean };
        let rest = (mean * TOKENS as f32 - outlier) / (TOKENS - 1) as f32;
        let mut logprobs = vec![rest; TOKENS];
        logprobs[2] = outlier;
        written(position, logprobs)
    }
}

/// A step of [`TOKENS`] words.
fn written(position: usize, logprobs: Vec<f32>) -> Step {
    Step::new(format!("{position} b c d e f "), Finish::Boundary).with_logprobs(logprobs)
}

/// The drafts of a problem.
fn drafts(draw: &mut Draw) -> Vec<Draft> {
    let is_hopeless = draw.uniform() < 0.4;
    let draft = |at: usize| Draft { is_wrong: at > 0 && draw.uniform() < 0.5, is_hopeless: at == 0 && is_hopeless };
    (0..STEPS).map(draft).collect()
}

/// The solution if the steps at which `escalated` is true are escalated.
fn solution(id: usize, drafts: &[Draft], escalated: &[bool]) -> SolutionOutcome {
    let trace =
        super::support::trace_of(
            &format!("p{id}"),
            drafts.iter().zip(escalated).enumerate().map(|(at, (draft, is_escalated))| {
                (draft.step(at), is_escalated.then(|| written(at, vec![-1.0; TOKENS])))
            }),
        );
    let is_kept = |(draft, is_escalated): (&Draft, &bool)| draft.is_wrong && !is_escalated;
    let is_solved = !drafts[0].is_hopeless && !drafts.iter().zip(escalated).any(is_kept);
    outcomes(&trace, |_| Some(is_solved)).pop().unwrap()
}

/// Solutions under a policy that escalates wrong steps and often does the opposite.
fn explored(count: usize, seed: u64) -> Vec<SolutionOutcome> {
    let mut draw = Draw::new(Draw::new(seed).next_u64());
    let one = |id: usize| {
        let drafts = drafts(&mut draw);
        let escalated: Vec<bool> = drafts.iter().map(|draft| draft.is_wrong != (draw.uniform() < 0.25)).collect();
        solution(id, &drafts, &escalated)
    };
    (0..count).map(one).collect()
}

fn recipe(seed: u64) -> SequentialRecipe {
    let fit = Trainer::new(400, 0.02).with_batch(64).with_seed(seed);
    SequentialRecipe::new(ProbeFeatures::Scalars, fit).with_hidden_width(12)
}

fn seconds() -> TokenWork {
    TokenWork { draft_decoded: 0.125, draft_read: 0.0, target_decoded: 1.0, target_read: 0.0 }
}

fn train_on(
    training: &[SolutionOutcome],
    recipe: &SequentialRecipe,
    progress: &mut dyn TrainProgress,
) -> Result<Sequential, RouterError> {
    let validation = explored(150, 1_000);
    let outcomes = TrainingSplit { training, validation: &validation[..] };
    let data = TrainingData::default();
    let training = SequentialTraining { outcomes, recipe, probe: None, seconds: seconds(), pair: pair(), data };
    Sequential::train(&training, &cpu(), progress)
}

fn train(seed: u64) -> Sequential {
    train_on(&explored(1_500, seed), &recipe(seed), &mut ()).unwrap()
}

/// The estimates along a solution.
fn along(router: &mut Sequential, solution: &SolutionOutcome) -> Vec<f32> {
    let problem = solution.as_problem();
    let candidates = solution.decisions().filter_map(|position| solution.candidate(&problem, position));
    let estimates = candidates.map(|candidate| router.route(&candidate).unwrap().estimate.unwrap()).collect();
    router.release(arbitrage_core::SequenceId(0));
    estimates
}

/// For each step, the estimate and whether it should be escalated.
fn judged(router: &mut Sequential, seed: u64) -> Vec<(f32, bool)> {
    let mut draw = Draw::new(Draw::new(seed).next_u64());
    let mut all = Vec::new();
    for id in 0..200 {
        let drafts = drafts(&mut draw);
        let escalated: Vec<bool> = drafts.iter().map(|draft| draft.is_wrong && draw.uniform() < 0.7).collect();
        let estimates = along(router, &solution(id, &drafts, &escalated));
        let mut is_lost = drafts[0].is_hopeless;
        for (at, draft) in drafts.iter().enumerate() {
            all.push((estimates[at], draft.is_wrong && !is_lost));
            is_lost |= draft.is_wrong && !escalated[at];
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]

    /// Steps alike to a probe are told apart by what came before them.
    #[test]
    fn the_optimal_rule_is_found_where_the_myopic_one_is_wrong(seed in 0u64..1_000) {
        let mut router = train(seed);
        prop_assert!(router.card().metrics["validation AUC"] > 0.8, "{:?}", router.card().metrics);
        let judged = judged(&mut router, seed + 1);
        let mistakes = judged.iter().filter(|(estimate, should)| (*estimate > 0.25) != *should).count();
        prop_assert!(mistakes * 20 < judged.len(), "{mistakes} of {}", judged.len());
        // What the myopic rule does, which escalates every wrong step: a third of them in vain.
        let in_vain = judged.iter().filter(|(_, should)| !should).count();
        prop_assert!(in_vain > judged.len() / 2);
    }
}

#[test]
fn a_training_that_is_resumed_ends_in_the_same_bits() {
    /// Stops after so many steps of one network.
    struct StopAfter(usize);
    impl TrainProgress for StopAfter {
        fn on_step(&mut self, _: usize, _: usize, _: f64) {
            self.0 = self.0.saturating_sub(1);
        }
        fn on_score(&mut self, _: usize, _: f64) {}
        fn should_stop(&self) -> bool {
            self.0 == 0
        }
    }
    let solutions = explored(200, 5);
    let folder = tempfile::tempdir().unwrap();
    let mut short = recipe(3);
    short.fit = Trainer::new(40, 0.02).with_batch(16).with_eval_interval(10);
    let whole = train_on(&solutions, &short, &mut ()).unwrap();
    let mut resumable = short.clone();
    resumable.fit = resumable.fit.with_checkpoint(folder.path().join("checkpoint"));
    // In the first network, in the second one, and at the end.
    for steps in [13, 27 + 17] {
        let error = train_on(&solutions, &resumable, &mut StopAfter(steps)).unwrap_err();
        assert!(matches!(error, RouterError::Models(Error::CutOff { .. })), "{error}");
    }
    let resumed = train_on(&solutions, &resumable, &mut ()).unwrap();
    let files = |router: &Sequential| {
        let folder = tempfile::tempdir().unwrap();
        router.save(folder.path()).unwrap();
        ["model.safetensors", "step-scores/model.safetensors"]
            .map(|file| std::fs::read(folder.path().join(file)).unwrap())
    };
    assert!(files(&resumed) == files(&whole));
    assert_eq!(resumed.card(), whole.card());
    let other = train_on(&explored(200, 6), &resumable, &mut ()).unwrap_err();
    assert!(other.to_string().contains("checkpoint"), "other runs do not continue the training: {other}");
}

#[test]
fn trained_routers_are_read_back_and_priced_anew() {
    let mut router = train(7);
    let folder = tempfile::tempdir().unwrap();
    router.save(folder.path()).unwrap();
    let mut opened = Sequential::open(folder.path()).unwrap();
    let solutions = explored(20, 8);
    for solution in &solutions {
        assert_eq!(along(&mut opened, solution), along(&mut router, solution));
    }
    // The work that was expected is about right: a step more of the target's, and at most three drafts.
    let RouterInput::Sequential { costs, .. } = router.card().input else { panic!() };
    assert_eq!(costs.target_step.target_decoded, TOKENS as f64);
    let problem = solutions[0].as_problem();
    let first = solutions[0].candidate(&problem, 0).unwrap();
    let expected = router.prospects(&first).unwrap();
    let more = expected.escalate_work.target_decoded - expected.accept_work.target_decoded;
    assert!((more - TOKENS as f64).abs() < 3.0, "{expected:?}");
    assert!((expected.accept_work.draft_decoded - 3.0 * TOKENS as f64).abs() < 3.0, "{expected:?}");
}

#[test]
fn runs_that_teach_nothing_are_refused() {
    let all = |is_escalated: bool| -> Vec<SolutionOutcome> {
        let mut draw = Draw::new(1);
        (0..20).map(|id| solution(id, &drafts(&mut draw), &[is_escalated; STEPS])).collect()
    };
    for (solutions, counts) in [(all(true), (0, 80)), (all(false), (80, 0)), (Vec::new(), (0, 0))] {
        let error = train_on(&solutions, &recipe(0), &mut ()).unwrap_err();
        let RouterError::Decisions { accepted, escalated } = error else { panic!("{error}") };
        assert_eq!((accepted, escalated), counts);
    }
    let mut silent = explored(40, 1);
    silent[3].drafts[1].as_mut().unwrap().logprobs.clear();
    let error = train_on(&silent, &recipe(0), &mut ()).unwrap_err();
    assert!(matches!(error, RouterError::Signal(_)), "{error}");
    let mut broken = explored(40, 1);
    broken[3].drafts[1].as_mut().unwrap().logprobs[0] = f32::NAN;
    let error = train_on(&broken, &recipe(0), &mut ()).unwrap_err().to_string();
    assert!(error.contains("example 13"), "{error}");
}

/// A step that was decided without a draft is part of the path and of the work, and no example.
#[test]
fn steps_without_a_draft_are_passed_over() {
    let mut solutions = explored(60, 2);
    for solution in &mut solutions {
        (solution.drafts[2], solution.steps[2].author) = (None, Author::Target);
    }
    assert_eq!((solutions[0].steps.len(), solutions[0].decisions().count()), (STEPS, STEPS - 1));
    let mut recipe = recipe(0);
    recipe.fit = Trainer::new(5, 0.01);
    let mut router = train_on(&solutions, &recipe, &mut ()).unwrap();
    assert_eq!(along(&mut router, &solutions[0]).len(), STEPS - 1);
}
