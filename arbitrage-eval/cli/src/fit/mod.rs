//! `arbitrage fit`: from a pair and problems to a router that is ready, or to an honest no.
//!
//! Each stage is a file or a few in the fit's folder, with a record of what they were made from. A stage whose files are there is passed over,
//! so that the same command goes on after it was interrupted.

mod calibration;
mod calibration_stages;
mod collection;
mod decision;
mod folder;
mod parts;
mod plan;
mod runs;
mod sample;
mod stages;
mod timing;
mod training;
mod verdict;

use arbitrage_core::Drafter;
use arbitrage_core::trace::ModelRecord;
use arbitrage_eval::report::ReportSettings;
use arbitrage_mini::Stream;
use arbitrage_router::calibrate::{Goal, LossTest};
use serde_json::{Value, json};

use crate::Failure;
use crate::cli::{FitOptions, MiniRange};
use crate::interrupt;
use crate::pair::{LoadedPair, MINI, NeededRoles};
use crate::problem_set::ProblemSet;
use crate::report;
use crate::run_notes::{option_value, run_notes};
use collection::StepLabelling;
use folder::FitFolder;
use parts::Parts;
use verdict::{Answer, FitVerdict};

/// Problems of the mini family that its models were not trained on, and that are no test problems either.
const MINI_PROBLEMS: MiniRange = MiniRange { stream: Stream::Train, from: 260_000, to: 290_000 };

/// Makes the router, and prints the sentence that says whether to use it.
pub(crate) fn run(mut options: FitOptions) -> Result<(), Failure> {
    interrupt::listen()?;
    let is_mini = options.models.pair.as_deref() == Some(MINI);
    if is_mini && options.problems.problems.is_empty() && options.problems.mini.is_none() {
        options.problems.mini = Some(MINI_PROBLEMS);
    }
    check(&options)?;
    let set = ProblemSet::load(&options.problems)?;
    let parts = Parts::new(&set, options.problems.seed)?;
    if parts.sizes().into_iter().any(|size| size < LEAST_IN_PART) {
        let count = set.problems.len();
        return Err(format!(
            "expected some dozen problems at least, for training, calibration and the test, found {count}"
        )
        .into());
    }
    let labelling = StepLabelling::new(&options, &set);
    let folder = FitFolder::open(&options.out, &settings(&options, &set, &labelling)?)?;
    let fit = Fit { options: &options, folder, parts, labelling };
    let verdict = fit.verdict()?;
    report::write(&fit.folder.join(EVALUATION), &ReportSettings::default().with_title(verdict.sentence.as_str()))?;
    println!("{}", verdict.sentence);
    Ok(())
}

/// The least number of problems in a part.
const LEAST_IN_PART: usize = 4;

/// Folder of the runs that are reported.
const EVALUATION: &str = "evaluation";

/// A fit whose folder is open.
struct Fit<'a> {
    options: &'a FitOptions,
    folder: FitFolder,
    parts: Parts,
    labelling: StepLabelling,
}

fn check(options: &FitOptions) -> Result<(), Failure> {
    training::check(options)?;
    if let Goal::Loss(share) = options.goal {
        LossTest::new(share, options.confidence)?;
    }
    match options.minutes {
        minutes if minutes.is_finite() && minutes > 0.0 => Ok(()),
        minutes => Err(format!("--minutes: expected a number above 0, found {minutes}").into()),
    }
}

/// What all stages depend on. The goal is no part of it: with another one, only the calibration and what follows are done again.
fn settings(options: &FitOptions, set: &ProblemSet, labelling: &StepLabelling) -> Result<Value, Failure> {
    let LoadedPair { draft, target } = LoadedPair::load(&options.models, NeededRoles { draft: false, target: false })?;
    let record = |model: &dyn Drafter| ModelRecord { name: model.name().to_owned(), digest: model.digest() };
    Ok(json!({
        "draft": record(&draft),
        "target": record(&target),
        "limits": options.limits.limits().with_in_flight(options.problems.in_flight),
        "notes": run_notes(&options.models, &options.limits, target.name(), &set.problems),
        "speculation": option_value(options.models.speculation),
        "scorer": labelling.note(options)?,
        "base": options.base,
        "seed": options.problems.seed,
        "minutes": options.minutes,
        "sizes": options.sizes,
    }))
}

impl Fit<'_> {
    /// All stages, up to the first that says no.
    fn verdict(&self) -> Result<FitVerdict, Failure> {
        let sample = self.sample()?;
        let decision = self.decision(&sample)?;
        decision.lines().iter().for_each(|line| println!("{line}"));
        if let Some(refusal) = &decision.refusal {
            return self.refused("decision", Answer::DontRoute, refusal.clone());
        }
        let plan = self.plan(&sample)?;
        if let Some(refusal) = self.goal_refusal(&plan, &decision)? {
            return self.refused("plan", Answer::Undecided, refusal);
        }
        self.collection(&sample, &plan)?;
        if let Some(refusal) = self.label_refusal(&decision)? {
            return self.refused("collection", Answer::DontRoute, refusal);
        }
        self.training(&plan)?;
        if let Some(refusal) = self.calibration(&plan, &decision)? {
            return self.refused("calibration", Answer::DontRoute, refusal);
        }
        self.test(&plan)
    }
}
