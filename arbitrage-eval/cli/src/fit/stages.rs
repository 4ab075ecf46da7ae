//! The later stages: the plan, the collection, the training, and the test.

use std::path::PathBuf;

use arbitrage_router::Policy;
use arbitrage_router::calibrate::Goal;
use arbitrage_router::learned::Card;
use serde_json::json;

use super::calibration_stages::ROUTER;
use super::collection::{REFERENCE, StepLabelling};
use super::decision::{Alternative, SampleDecision};
use super::folder::Stage;
use super::parts::part_options;
use super::plan::{Plan, PlannedStage, ProblemSeconds, mean_seconds};
use super::runs::{PairRunner, RunFolder, RunPlan, results};
use super::sample::{SAMPLE_STEPS, Sample};
use super::training::{RouterTrainer, StepLabels};
use super::verdict::{Answer, FitVerdict, TestFigures, TestRuns};
use super::{EVALUATION, Fit};
use crate::Failure;
use crate::problem_set::ProblemSet;

/// Stages before the plan, whose time it has to do without.
const BEFORE_PLAN: [&str; 5] = ["timing", "sample-size", "sample", "sample-collection", "decision"];
/// Collected steps of the other problems for training.
const TRAINING_STEPS: &str = "training-steps.jsonl";
/// Hidden states of the collected steps.
const STATES: &str = "training-states.safetensors";
/// The router as it was trained.
pub(super) const TRAINED: &str = "trained";
/// Number of runs of the target that the runs for a promise take as long as: its own, and those at several thresholds, which copy the
/// problems that do not change from one to the next.
const CALIBRATION_RUNS: f64 = 6.0;

impl Fit<'_> {
    /// How many problems each later stage gets.
    pub(super) fn plan(&self, sample: &Sample) -> Result<Plan, Failure> {
        let after = &["problems", "sample", "sample-collection"];
        let stage = Stage::new("plan", &["plan.json"], after);
        let plan: Plan = self.folder.value(&stage, || {
            let evaluation = self.folder.join(EVALUATION);
            let folder = RunFolder { evaluation: &evaluation, benchmark: "sample" };
            let mean = |plan: RunPlan<'_>| Ok::<_, Failure>(mean_seconds(&results(&folder, plan.label, &sample.set)?));
            let speculation = sample.timing.can_speculate.then(|| mean(RunPlan::SPECULATION)).transpose()?;
            let target = mean(RunPlan::TARGET)?;
            let reference = if self.labelling == StepLabelling::TargetRun { target } else { 0.0 };
            let collection = reference + self.sample_steps(sample)?.seconds;
            let seconds = ProblemSeconds { target, speculation, collection };
            let left = (60.0 * self.options.minutes - self.folder.spent_seconds(&BEFORE_PLAN)?).max(0.0);
            let [training, calibration, test] = self.parts.sizes();
            let available = [training - sample.set.problems.len(), calibration, test];
            Ok(Plan::new(left, seconds, self.calibration_seconds(&seconds), available, self.options.sizes))
        })?;
        println!(
            "plan: {} problems for training, {} for calibration, {} for the test",
            plan.training, plan.calibration, plan.test
        );
        Ok(plan)
    }

    /// Collects the steps that the router is trained on.
    pub(super) fn collection(&self, sample: &Sample, plan: &Plan) -> Result<(), Failure> {
        let run = format!("{REFERENCE}/training");
        let scratch = [run.as_str()];
        let stage = Stage::new("collection", &[TRAINING_STEPS], &["problems", "plan"]).with_scratch(&scratch);
        let (path, out) = (self.folder.join("problems/training.jsonl"), self.folder.join(TRAINING_STEPS));
        self.folder.complete(&stage, || {
            self.announce(
                "collection",
                &format!("{} problems", plan.training),
                Some(self.left(plan, PlannedStage::Collection)),
            );
            self.parts.write_training(sample.set.problems.len(), plan.training, &path)?;
            self.collect_part("training", &path, &out)
        })
    }

    fn collections(&self) -> Vec<PathBuf> {
        [SAMPLE_STEPS, TRAINING_STEPS].map(|name| self.folder.join(name)).to_vec()
    }

    /// Why no router can be trained on the collected steps; `None` where one can.
    pub(super) fn label_refusal(&self, decision: &SampleDecision) -> Result<Option<String>, Failure> {
        let reason = StepLabels::read(&self.collections())?.refusal();
        let advice = Alternative::of(decision.speculation_share).advice();
        Ok(reason.map(|reason| format!("don't route this pair here: {reason}; {advice}")))
    }

    /// Trains the router.
    pub(super) fn training(&self, plan: &Plan) -> Result<(), Failure> {
        let trainer =
            RouterTrainer { options: self.options, traces: self.collections(), states: self.folder.join(STATES) };
        let after = &["plan", "sample-collection", "collection"];
        let stage = Stage::new("updates", &["updates.json"], after).with_scratch(&["trial", STATES]);
        let updates: usize = self.folder.value(&stage, || {
            self.announce("training", "timing an optimizer step", Some(self.left(plan, PlannedStage::Training)));
            trainer.affordable_updates(plan, &self.folder.join("trial"))
        })?;
        let files = [format!("{TRAINED}/router.json"), format!("{TRAINED}/model.safetensors")];
        let files = files.each_ref().map(String::as_str);
        let after = &["updates", "sample-collection", "collection"];
        let stage = Stage::new("training", &files, after).with_scratch(&[TRAINED]);
        self.folder.complete(&stage, || {
            self.announce(
                "training",
                &format!("at most {updates} optimizer steps"),
                Some(self.left(plan, PlannedStage::Training)),
            );
            trainer.train(updates, &self.folder.join(TRAINED))
        })
    }

    /// Compares the pair with the target alone on problems that nothing was chosen by.
    pub(super) fn test(&self, plan: &Plan) -> Result<FitVerdict, Failure> {
        let router = self.folder.join(ROUTER);
        let card = Card::open(&router)?;
        let tau = card.tau;
        let path = self.folder.join("problems/test.jsonl");
        self.parts.write_test(plan.test, &path)?;
        let set = ProblemSet::load(&part_options(&path, &self.options.problems))?;
        let routed = RunPlan {
            label: "routed",
            policy: Policy::Learned(Some(tau)),
            speculation: self.options.models.speculation,
            router: Some(&router),
        };
        let speculates = plan.seconds.speculation.is_some();
        let speculation = speculates.then_some(RunPlan::SPECULATION);
        let plans: Vec<RunPlan<'_>> = [RunPlan::TARGET, routed].into_iter().chain(speculation).collect();
        let files: Vec<String> = plans.iter().map(|plan| format!("{EVALUATION}/test/{}.jsonl", plan.label)).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let after = &["problems", "plan", "router"];
        let evaluation = self.folder.join(EVALUATION);
        let folder = RunFolder { evaluation: &evaluation, benchmark: "test" };
        let stage = Stage::new("test", &files, after);
        self.folder.complete(&stage, || {
            self.announce(
                "test",
                &format!("{} problems by pair and target in turns", set.problems.len()),
                Some(self.left(plan, PlannedStage::Test)),
            );
            PairRunner::load(self.options)?.run_in_turns(&set, &plans, &folder)
        })?;
        let promise = card.shown.map(|promise| promised(promise.loss, promise.confidence));
        let stage = Stage::new("verdict", &["verdict.json"], &["test"]);
        self.folder.value(&stage, || {
            let speculation = speculates.then(|| results(&folder, RunPlan::SPECULATION.label, &set)).transpose()?;
            let (routed, target) = (results(&folder, "routed", &set)?, results(&folder, RunPlan::TARGET.label, &set)?);
            let runs = TestRuns { routed: &routed, target: &target, speculation: speculation.as_ref() };
            Ok(FitVerdict::of_test(TestFigures::new(tau, &runs)?, promise.as_deref()))
        })
    }

    /// A no before the test, after the stage that says it.
    pub(super) fn refused(&self, after: &str, answer: Answer, sentence: String) -> Result<FitVerdict, Failure> {
        let settings = json!({ "sentence": sentence });
        let after = [after];
        let stage = Stage::new("verdict", &["verdict.json"], &after).with_settings(settings);
        self.folder.value(&stage, || Ok(FitVerdict { answer, sentence, test: None }))
    }

    /// The share of the target's solutions that the goal allows to be lost; `None` where it does not limit it.
    pub(super) fn allowed_loss(&self) -> Option<f64> {
        match self.options.goal {
            Goal::Loss(share) => Some(share),
            _ => None,
        }
    }

    /// Number of runs of the target that the calibration takes as long as; `None` where it collects steps.
    fn calibration_runs(&self) -> Option<f64> {
        self.allowed_loss().map(|_| CALIBRATION_RUNS)
    }

    fn calibration_seconds(&self, seconds: &ProblemSeconds) -> f64 {
        self.calibration_runs().map_or(seconds.collection, |runs| runs * seconds.target)
    }

    /// The seconds that the stages from one on are expected to take.
    pub(super) fn left(&self, plan: &Plan, from: PlannedStage) -> f64 {
        plan.seconds_from(from, self.calibration_seconds(&plan.seconds))
    }

    /// Says what begins, and how much time is left.
    pub(super) fn announce(&self, stage: &str, what: &str, left: Option<f64>) {
        let left = left.map_or_else(String::new, |seconds| format!("; about {:.1} min left", seconds / 60.0));
        anstream::eprintln!("{stage}: {what}{left}");
    }
}

/// A promise in a few words; the router's card has its counts.
fn promised(loss: f64, confidence: f64) -> String {
    format!("at most {}% lost with {}% confidence", percent(loss), percent(confidence))
}

/// A share in percent, without digits that only rounding put there.
fn percent(share: f64) -> f64 {
    (1e8 * share).round() / 1e6
}
