//! The first stages: what a token costs, both models on a sample, and whether the rest is worth its time.

use serde_json::json;

use super::collection::Collected;
use super::decision::{SampleDecision, SampleRuns};
use super::folder::Stage;
use super::parts::part_options;
use super::plan::{mean_seconds, sample_size};
use super::runs::{PairRunner, RunFolder, RunPlan, results};
use super::timing::Timing;
use super::{EVALUATION, Fit};
use crate::Failure;
use crate::files::create_folder;
use crate::problem_set::ProblemSet;

/// Collected steps of the sample's problems.
pub(super) const SAMPLE_STEPS: &str = "sample-steps.jsonl";

/// The sample's problems, and what a token costs.
pub(super) struct Sample {
    /// The problems.
    pub set: ProblemSet,
    /// What a token costs.
    pub timing: Timing,
}

impl Fit<'_> {
    /// Runs both models on the sample, and collects their steps on it.
    pub(super) fn sample(&self) -> Result<Sample, Failure> {
        create_folder(&self.folder.join("problems"))?;
        let seed = self.options.problems.seed;
        let problems = Stage::new("problems", &["problems.json"], &[]).with_settings(json!({ "seed": seed }));
        self.folder.value(&problems, || Ok(self.parts.ids()))?;
        let timing = self.timing()?;
        let size = self.sample_size()?;
        let path = self.folder.join("problems/sample.jsonl");
        self.parts.write_sample(size, &path)?;
        let set = ProblemSet::load(&part_options(&path, &self.options.problems))?;
        self.sample_runs(&set, &timing)?;
        self.announce("sample", &format!("collecting steps of {size} problems"), None);
        let after = &["problems", "sample-size"];
        let stage = Stage::new("sample-collection", &[SAMPLE_STEPS], after);
        let out = self.folder.join(SAMPLE_STEPS);
        self.folder.complete(&stage, || {
            let evaluation = self.folder.join(EVALUATION);
            let runs = RunFolder { evaluation: &evaluation, benchmark: "sample" };
            self.collect(&path, &runs.trace(RunPlan::TARGET.label), &out)
        })?;
        Ok(Sample { set, timing })
    }

    fn timing(&self) -> Result<Timing, Failure> {
        let in_flight = self.options.problems.in_flight;
        let settings = json!({ "in_flight": in_flight });
        let stage = Stage::new("timing", &["timing.json"], &["problems"]).with_settings(settings);
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
        let stage = Stage::new("sample-size", &["sample-size.json"], &["problems"]);
        self.folder.value(&stage, || {
            // The other half is for the collection.
            let available = parts.sizes()[0].div_ceil(2);
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
        let stage = Stage::new("sample", &files, &["problems", "sample-size"]);
        self.folder.complete(&stage, || {
            self.announce("sample", &format!("{} problems by each model", set.problems.len()), None);
            let evaluation = self.folder.join(EVALUATION);
            let folder = RunFolder { evaluation: &evaluation, benchmark: "sample" };
            PairRunner::load(self.options)?.run_in_turns(set, &plans, &folder)
        })
    }

    /// Whether routing can pay at all.
    pub(super) fn decision(&self, sample: &Sample) -> Result<SampleDecision, Failure> {
        let allowed = self.allowed_loss();
        let after = &["timing", "sample", "sample-collection"];
        let stage = Stage::new("decision", &["decision.json"], after).with_settings(json!({ "allowed_loss": allowed }));
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
            SampleDecision::new(&runs, &sample.timing.seconds, allowed)
        })
    }

    pub(super) fn sample_steps(&self, sample: &Sample) -> Result<Collected, Failure> {
        Collected::read(&self.folder.join(SAMPLE_STEPS), &sample.set)
    }
}
