//! The table of families: the area under the accuracy–latency curve, and captured advantage.

use arbitrage_router::Policy;
use arbitrage_router::metrics::{Bootstrap, CallBudget, Interval};

use super::rows::family_row;
use crate::metrics::{AreaEnds, Curve, area};
use crate::replay::captured;
use crate::report::number::{NumberFormat, counted};
use crate::report::replayable::{is_partial, replayable};
use crate::report::stats::RunStats;
use crate::report::table::{ReportTable, TableCell, TableLayout};
use crate::report::{BenchmarkRuns, PolicyRun};
use crate::results::ProblemResult;

/// Budgets of calls, as shares of the oracle's calls, at which captured advantage is shown.
const BUDGETS: [f64; 3] = [0.25, 0.5, 1.0];

/// The figures of each family.
pub(crate) fn table(benchmark: &BenchmarkRuns, stats: &[RunStats<'_>], bootstrap: &Bootstrap) -> ReportTable {
    let head = ["Family", "thresholds", "area under curve", "captured at ¼ of the oracle’s calls", "at ½", "at all"];
    let baselines = BaselineCurves::of(benchmark);
    let row = |family: &&[PolicyRun]| {
        let curve = curve(family);
        let mut cells = vec![
            TableCell::count(family.len()),
            TableCell::range(NumberFormat::Score, baselines.area(family, curve.as_ref(), bootstrap)),
        ];
        cells.extend(capture(benchmark, family, bootstrap).map(|range| TableCell::range(NumberFormat::Score, range)));
        family_row(stats, &family[0].family, cells)
    };
    ReportTable {
        title: "Families".to_owned(),
        caption: caption(benchmark),
        head: head.map(str::to_owned).into(),
        rows: benchmark.families().iter().map(row).collect(),
        layout: TableLayout::Wide,
    }
}

fn caption(benchmark: &BenchmarkRuns) -> String {
    let mut text = "The area under the accuracy–latency curve is 0.5 for choosing one of the two models at random per problem; greater is \
                    better."
        .to_owned();
    if let Some(collection) = benchmark.collection() {
        let steps = counted(collection.trace.step_pairs().count(), "step");
        text.push_str(&format!(
            " Captured advantage is 0 for random calls and 1 for the oracle’s choice of the same number, over the {steps} of {}",
            collection.run.label
        ));
        let partial = benchmark.families().into_iter().filter(|family| is_partial(family));
        for family in partial {
            let steps = counted(replayable(family, collection).step_pairs().count(), "step");
            text.push_str(&format!("; for {}, over the {steps} that its runs reached too", family[0].family));
        }
        text.push('.');
    }
    text
}

/// The curve of accuracy against mean latency.
pub(crate) fn curve(family: &[PolicyRun]) -> Option<Curve> {
    let results: Vec<_> = family.iter().map(|run| &run.results).collect();
    Curve::new(&results, ProblemResult::timed_seconds).ok()
}

/// The curves of the two models alone, which are the ends of an area.
struct BaselineCurves {
    draft: Option<Curve>,
    target: Option<Curve>,
}

impl BaselineCurves {
    fn of(benchmark: &BenchmarkRuns) -> Self {
        let draft = benchmark.runs.iter().find(|run| run.policy == Some(Policy::Draft));
        let alone = |run: Option<&PolicyRun>| run.and_then(|run| curve(std::slice::from_ref(run)));
        Self { draft: alone(draft), target: alone(benchmark.target()) }
    }

    /// `None` for the two ends themselves, whose area is always ½.
    fn area(&self, family: &[PolicyRun], curve: Option<&Curve>, bootstrap: &Bootstrap) -> Option<Interval> {
        if matches!(family[0].policy, Some(Policy::Draft | Policy::Target)) {
            return None;
        }
        let ends = AreaEnds { draft: self.draft.as_ref()?, target: self.target.as_ref()? };
        area(curve?, ends, bootstrap).ok()?
    }
}

/// Captured advantage at each of the [`BUDGETS`]. It does not depend on the threshold, so that any policy of the family will do.
fn capture(benchmark: &BenchmarkRuns, family: &[PolicyRun], bootstrap: &Bootstrap) -> [Option<Interval>; 3] {
    let (Some(collection), Some(policy)) = (benchmark.collection(), family[0].policy) else { return [None; 3] };
    let trace = replayable(family, collection);
    BUDGETS.map(|part| captured(&trace, &policy, CallBudget::OfOracle(part), bootstrap).ok().flatten())
}
