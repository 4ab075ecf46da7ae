//! The stages of a fit, in their order.

use std::path::PathBuf;

use arbitrage_router::Policy;
use arbitrage_router::calibrate::{Goal, LossTest};
use arbitrage_router::learned::Card;
use serde_json::json;

use super::collection::{self, Collected};
use super::decision::{Alternative, Decision, SampleRuns};
use super::folder::Stage;
use super::parts::part_options;
use super::plan::{Plan, ProblemSeconds, mean_seconds, sample_size};
use super::runs::{PairRunner, RunFolder, RunPlan, results};
use super::timing::Timing;
use super::training::{RouterTrainer, StepLabels};
use super::verdict::{Answer, TestFigures, TestRuns, Verdict};
use super::calibration::{Calibration, CalibrationOutcome, copy_router};
use super::{EVALUATION, Fit};
use crate::Failure;
use crate::cli::FitOptions;
use crate::files::create_folder;
use crate::problem_set::ProblemSet;

/// Stages before the plan, whose time it has to do without.
const BEFORE_PLAN: [&str; 5] = ["timing", "sample-size", "sample", "sample-collection", "decision"];
/// Collected steps of the sample's problems.
const SAMPLE_STEPS: &str = "sample-steps.jsonl";
/// Collected steps of the other problems for training.
const TRAINING_STEPS: &str = "training-steps.jsonl";
/// Collected steps of the problems for calibration.
const CALIBRATION_STEPS: &str = "calibration-steps.jsonl";
/// The router as it was trained.
const TRAINED: &str = "trained";
/// The router with its threshold.
const ROUTER: &str = "router";
/// Number of runs of the target that the runs for a promise take as long as: its own, and those at several thresholds, which copy the
/// problems that do not change from one to the next.
const CALIBRATION_RUNS: f64 = 6.0;
/// Share of the problems that are counted for a promise; the others find the thresholds.
const COUNTED_SHARE: f64 = 0.9;

/// The sample's problems, and what a token costs.
pub(super) struct Sample {
    /// The problems.
    set: ProblemSet,
    /// What a token costs.
    timing: Timing,
}

impl Fit<'_> {
    /// Runs both models on the sample, and collects their steps on it.
    pub(super) fn sample(&self) -> Result<Sample, Failure> {
        create_folder(&self.folder.join("problems"))?;
        let seed = self.options.problems.seed;
        let problems = Stage { name: "problems", files: &["problems.json"], after: &[], settings: json!({ "seed": seed }) };
        self.folder.value(&problems, || Ok(self.parts.ids()))?;
        let timing = self.timing()?;
        let size = self.sample_size()?;
        let path = self.folder.join("problems/sample.jsonl");
        self.parts.write_sample(size, &path)?;
        let set = ProblemSet::load(&part_options(&path, &self.options.problems))?;
        self.sample_runs(&set, &timing)?;
        self.announce("sample", &format!("collecting steps of {size} problems"), None);
        let after = &["problems", "sample-size"];
        let stage = Stage { name: "sample-collection", files: &[SAMPLE_STEPS], after, settings: json!({}) };
        let out = self.folder.join(SAMPLE_STEPS);
        self.folder.complete(&stage, || collection::collect(self.options, &self.scorer, &path, &out))?;
        Ok(Sample { set, timing })
    }

    fn timing(&self) -> Result<Timing, Failure> {
        let in_flight = self.options.problems.in_flight;
        let settings = json!({ "in_flight": in_flight });
        let stage = Stage { name: "timing", files: &["timing.json"], after: &["problems"], settings };
        let timing: Timing = self.folder.value(&stage, || {
            self.announce("timing", "a decoded, read and verified token of each model", None);
            let path = self.folder.join("problems/timing.jsonl");
            self.parts.write_sample(in_flight, &path)?;
            let problems = ProblemSet::load(&part_options(&path, &self.options.problems))?.problems;
            Timing::measure(PairRunner::load(self.options)?, &problems, in_flight)
        })?;
        timing.lines().iter().for_each(|line| println!("{line}"));
        Ok(timing)
    }

    /// The sample's size, from the time that the target takes for a few problems.
    fn sample_size(&self) -> Result<usize, Failure> {
        let Fit { options, parts, .. } = self;
        let stage = Stage { name: "sample-size", files: &["sample-size.json"], after: &["problems"], settings: json!({}) };
        self.folder.value(&stage, || {
            let available = parts.sizes()[0];
            if options.sizes.sample.is_some() {
                return Ok(sample_size(options.minutes, 0.0, available, options.sizes));
            }
            let path = self.folder.join("problems/pilot.jsonl");
            parts.write_sample(options.problems.in_flight.max(4), &path)?;
            let set = ProblemSet::load(&part_options(&path, &options.problems))?;
            let evaluation = self.folder.join("pilot");
            let folder = RunFolder { evaluation: &evaluation, benchmark: "pilot" };
            PairRunner::load(options)?.run_in_turns(&set, &[RunPlan::TARGET], &folder)?;
            let seconds = mean_seconds(&results(&folder, RunPlan::TARGET.label, &set)?);
            Ok(sample_size(options.minutes, seconds, available, options.sizes))
        })
    }

    fn sample_runs(&self, set: &ProblemSet, timing: &Timing) -> Result<(), Failure> {
        let speculation = timing.can_speculate.then_some(RunPlan::SPECULATION);
        let plans: Vec<RunPlan<'_>> = [RunPlan::TARGET, RunPlan::DRAFT].into_iter().chain(speculation).collect();
        let files: Vec<String> = plans.iter().map(|plan| format!("{EVALUATION}/sample/{}.jsonl", plan.label)).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let stage =
            Stage { name: "sample", files: &files, after: &["problems", "sample-size"], settings: json!({}) };
        self.folder.complete(&stage, || {
            self.announce("sample", &format!("{} problems by each model", set.problems.len()), None);
            let evaluation = self.folder.join(EVALUATION);
            let folder = RunFolder { evaluation: &evaluation, benchmark: "sample" };
            PairRunner::load(self.options)?.run_in_turns(set, &plans, &folder)
        })
    }

    /// Whether routing can pay at all.
    pub(super) fn decision(&self, sample: &Sample) -> Result<Decision, Failure> {
        let allowed = self.allowed_loss();
        let after = &["timing", "sample", "sample-collection"];
        let stage = Stage { name: "decision", files: &["decision.json"], after, settings: json!({ "allowed_loss": allowed }) };
        self.folder.value(&stage, || {
            let evaluation = self.folder.join(EVALUATION);
            let folder = RunFolder { evaluation: &evaluation, benchmark: "sample" };
            let run = |plan: RunPlan<'_>| results(&folder, plan.label, &sample.set);
            let speculation = sample.timing.can_speculate.then(|| run(RunPlan::SPECULATION)).transpose()?;
            let collected = self.sample_steps(sample)?;
            let (draft, target) = (run(RunPlan::DRAFT)?, run(RunPlan::TARGET)?);
            let runs = SampleRuns {
                draft: &draft,
                target: &target,
                speculation: speculation.as_ref(),
                collected: &collected.steps,
            };
            Decision::new(&runs, &sample.timing.seconds, allowed)
        })
    }

    fn sample_steps(&self, sample: &Sample) -> Result<Collected, Failure> {
        Collected::read(&self.folder.join(SAMPLE_STEPS), &sample.set)
    }

    /// How many problems each later stage gets.
    pub(super) fn plan(&self, sample: &Sample) -> Result<Plan, Failure> {
        let after = &["problems", "sample", "sample-collection"];
        let stage = Stage { name: "plan", files: &["plan.json"], after, settings: json!({}) };
        let plan: Plan = self.folder.value(&stage, || {
            let evaluation = self.folder.join(EVALUATION);
            let folder = RunFolder { evaluation: &evaluation, benchmark: "sample" };
            let mean = |plan: RunPlan<'_>| Ok::<_, Failure>(mean_seconds(&results(&folder, plan.label, &sample.set)?));
            let speculation = sample.timing.can_speculate.then(|| mean(RunPlan::SPECULATION)).transpose()?;
            let seconds = ProblemSeconds {
                target: mean(RunPlan::TARGET)?,
                speculation,
                collection: self.sample_steps(sample)?.seconds,
            };
            let left = (60.0 * self.options.minutes - self.folder.spent_seconds(&BEFORE_PLAN)?).max(0.0);
            let [training, calibration, test] = self.parts.sizes();
            let available = [training - sample.set.problems.len(), calibration, test];
            Ok(Plan::new(left, seconds, self.calibration_seconds(&seconds), available, self.options.sizes))
        })?;
        println!("plan: {} problems for training, {} for calibration, {} for the test", plan.training, plan.calibration, plan.test);
        Ok(plan)
    }

    /// Collects the steps that the router is trained on.
    pub(super) fn collection(&self, sample: &Sample, plan: &Plan) -> Result<(), Failure> {
        let stage = Stage { name: "collection", files: &[TRAINING_STEPS], after: &["problems", "plan"], settings: json!({}) };
        let (path, out) = (self.folder.join("problems/training.jsonl"), self.folder.join(TRAINING_STEPS));
        self.folder.complete(&stage, || {
            self.announce("collection", &format!("{} problems", plan.training), Some(self.left(plan, 0)));
            self.parts.write_training(sample.set.problems.len(), plan.training, &path)?;
            collection::collect(self.options, &self.scorer, &path, &out)
        })
    }

    fn collections(&self) -> Vec<PathBuf> {
        [SAMPLE_STEPS, TRAINING_STEPS].map(|name| self.folder.join(name)).to_vec()
    }

    /// Why no router can be trained on the collected steps; `None` where one can.
    pub(super) fn label_refusal(&self, decision: &Decision) -> Result<Option<String>, Failure> {
        let reason = StepLabels::read(&self.collections())?.refusal();
        let advice = Alternative::of(decision.speculation_share).advice();
        Ok(reason.map(|reason| format!("don't route this pair here: {reason}; {advice}")))
    }

    /// Trains the router.
    pub(super) fn training(&self, plan: &Plan) -> Result<(), Failure> {
        let trainer = RouterTrainer {
            options: self.options,
            traces: self.collections(),
            states: self.folder.join("training-states.safetensors"),
        };
        let after = &["plan", "sample-collection", "collection"];
        let stage = Stage { name: "updates", files: &["updates.json"], after, settings: json!({}) };
        let updates: usize = self.folder.value(&stage, || {
            self.announce("training", "timing an optimizer step", Some(self.left(plan, 1)));
            trainer.affordable_updates(plan, &self.folder.join("trial"))
        })?;
        let files = [format!("{TRAINED}/router.json"), format!("{TRAINED}/model.safetensors")];
        let files = files.each_ref().map(String::as_str);
        let after = &["updates", "sample-collection", "collection"];
        let stage = Stage { name: "training", files: &files, after, settings: json!({}) };
        self.folder.complete(&stage, || {
            self.announce("training", &format!("at most {updates} optimizer steps"), Some(self.left(plan, 1)));
            trainer.train(updates, &self.folder.join(TRAINED))
        })
    }

    /// Why the goal cannot be shown with so few problems; `None` where it can.
    pub(super) fn goal_refusal(&self, plan: &Plan, decision: &Decision) -> Result<Option<String>, Failure> {
        let Some(loss) = self.allowed_loss() else { return Ok(None) };
        let needed = LossTest::new(loss, self.options.confidence)?.needed_problems();
        let counted = COUNTED_SHARE * plan.calibration as f64;
        if counted * decision.target_accuracy.high >= needed as f64 {
            return Ok(None);
        }
        let least = (needed as f64 / (COUNTED_SHARE * decision.target_accuracy.value.max(f64::MIN_POSITIVE))).ceil();
        let advice = Alternative::of(decision.speculation_share).advice();
        Ok(Some(format!(
            "don't route this pair here yet: {} problems for calibration cannot show loss:{loss}, which needs at least {least}; give it more \
             --minutes or problems, or another --goal, or {advice}",
            plan.calibration
        )))
    }

    /// Sets the router's threshold. Returns why none is known to meet the goal; `None` where one is.
    pub(super) fn calibration(&self, plan: &Plan, decision: &Decision) -> Result<Option<String>, Failure> {
        self.calibration_steps(plan)?;
        let [problems, steps, trained, runs, figures, out] =
            ["problems/calibration.jsonl", CALIBRATION_STEPS, TRAINED, "calibration-runs", "calibration-figures.json", "calibrated"]
                .map(|name| self.folder.join(name));
        let calibration = Calibration { options: self.options, trained, problems, steps, runs, figures, out };
        let after: &[&str] =
            if self.allowed_loss().is_some() { &["training", "plan"] } else { &["training", "plan", "calibration-collection"] };
        let FitOptions { goal, confidence, .. } = self.options;
        let settings = json!({ "goal": goal, "confidence": self.allowed_loss().map(|_| confidence) });
        let stage = Stage { name: "calibration", files: &["calibration.json"], after, settings };
        let outcome: CalibrationOutcome = self.folder.value(&stage, || {
            self.announce("calibration", &format!("a threshold for {goal} on {} problems", plan.calibration), Some(self.left(plan, 2)));
            calibration.run()
        })?;
        if let Some(reason) = outcome.refusal {
            let advice = Alternative::of(decision.speculation_share).advice();
            return Ok(Some(format!("don't route this pair here: {reason}; {advice}")));
        }
        let files = [format!("{ROUTER}/router.json"), format!("{ROUTER}/model.safetensors")];
        let files = files.each_ref().map(String::as_str);
        let stage = Stage { name: "router", files: &files, after: &["training", "calibration"], settings: json!({}) };
        self.folder.complete(&stage, || copy_router(&calibration.out, &self.folder.join(ROUTER)))?;
        Ok(None)
    }

    /// Writes the problems of the calibration, and collects their steps if the goal is about steps.
    fn calibration_steps(&self, plan: &Plan) -> Result<(), Failure> {
        let (path, steps) = (self.folder.join("problems/calibration.jsonl"), self.folder.join(CALIBRATION_STEPS));
        self.parts.write_calibration(plan.calibration, &path)?;
        if self.allowed_loss().is_some() {
            return Ok(());
        }
        let after = &["problems", "plan"];
        let stage = Stage { name: "calibration-collection", files: &[CALIBRATION_STEPS], after, settings: json!({}) };
        self.folder.complete(&stage, || {
            self.announce("calibration", &format!("collecting steps of {} problems", plan.calibration), Some(self.left(plan, 2)));
            collection::collect(self.options, &self.scorer, &path, &steps)
        })
    }

    /// Compares the pair with the target alone on problems that nothing was chosen by.
    pub(super) fn test(&self, plan: &Plan) -> Result<Verdict, Failure> {
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
        let after = &["problems", "plan", "calibration"];
        let evaluation = self.folder.join(EVALUATION);
        let folder = RunFolder { evaluation: &evaluation, benchmark: "test" };
        let stage = Stage { name: "test", files: &files, after, settings: json!({}) };
        self.folder.complete(&stage, || {
            self.announce("test", &format!("{} problems by pair and target in turns", set.problems.len()), Some(self.left(plan, 3)));
            PairRunner::load(self.options)?.run_in_turns(&set, &plans, &folder)
        })?;
        let promise = card.shown.map(|promise| promised(promise.loss, promise.confidence));
        let stage = Stage { name: "verdict", files: &["verdict.json"], after: &["test"], settings: json!({}) };
        self.folder.value(&stage, || {
            let speculation = speculates.then(|| results(&folder, RunPlan::SPECULATION.label, &set)).transpose()?;
            let (routed, target) = (results(&folder, "routed", &set)?, results(&folder, RunPlan::TARGET.label, &set)?);
            let runs = TestRuns { routed: &routed, target: &target, speculation: speculation.as_ref() };
            Ok(Verdict::of_test(TestFigures::new(tau, &runs)?, promise.as_deref()))
        })
    }

    /// A no before the test, after the stage that says it.
    pub(super) fn refused(&self, after: &str, answer: Answer, sentence: String) -> Result<Verdict, Failure> {
        let settings = json!({ "sentence": sentence });
        let stage = Stage { name: "verdict", files: &["verdict.json"], after: &[after], settings };
        self.folder.value(&stage, || Ok(Verdict { answer, sentence, test: None }))
    }

    /// The share of the target's solutions that the goal allows to be lost; `None` where it does not limit it.
    fn allowed_loss(&self) -> Option<f64> {
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

    /// The seconds that the stages from one on are expected to take: 0 the collection, 1 the training, 2 the calibration, 3 the test.
    fn left(&self, plan: &Plan, from: usize) -> f64 {
        plan.expected_seconds(self.calibration_seconds(&plan.seconds)).iter().skip(from).sum()
    }

    fn announce(&self, stage: &str, what: &str, left: Option<f64>) {
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
