//! What accuracy costs over a family's thresholds, and how much of the oracle's gain its calls bring.

use arbitrage_router::Policy;
use arbitrage_router::metrics::{Bootstrap, Budget};

use super::{Cell, Facts, Kind, Table};
use crate::metrics::{Curve, Range, area, captured};
use crate::report::number::{Unit, counted};
use crate::report::replayable::{is_partial, replayable};
use crate::report::{Benchmark, Run};
use crate::results::ProblemResult;

/// Parts of the oracle's own number of calls at which captured advantage is told.
const BUDGETS: [f64; 3] = [0.25, 0.5, 1.0];

/// The figures of each family.
pub fn table(benchmark: &Benchmark, facts: &[Facts<'_>], bootstrap: &Bootstrap) -> Table {
    let head = ["Family", "thresholds", "area under curve", "captured, ¼ of the oracle’s calls", "½", "all"];
    let ends = Ends::of(benchmark);
    let row = |family: &&[Run]| {
        let curve = curve(family);
        let mut cells =
            vec![Cell::count(family.len()), Cell::range(Unit::Score, ends.area(family, curve.as_ref(), bootstrap))];
        cells.extend(capture(benchmark, family, bootstrap).map(|range| Cell::range(Unit::Score, range)));
        Facts::family_row(facts, &family[0].family, cells)
    };
    Table {
        title: "Families".to_owned(),
        caption: caption(benchmark),
        head: head.map(str::to_owned).into(),
        rows: benchmark.families().iter().map(row).collect(),
        kind: Kind::Wide,
    }
}

fn caption(benchmark: &Benchmark) -> String {
    let mut text = "The area under accuracy over latency is 0.5 for a coin between the two models alone, and the greater the better."
        .to_owned();
    if let Some((run, dump)) = benchmark.collection() {
        let steps = counted(dump.places().count(), "step");
        text.push_str(&format!(
            " Captured advantage is 0 for calls at random and 1 for the oracle’s choice of as many, over the {steps} of {}",
            run.label
        ));
        let trained = benchmark.families().into_iter().filter(|family| is_partial(family));
        for family in trained {
            let steps = counted(replayable(family, (run, dump)).places().count(), "step");
            text.push_str(&format!("; of {}, over the {steps} that it came by too", family[0].family));
        }
        text.push('.');
    }
    text
}

/// The curve of accuracy over mean latency.
pub fn curve(family: &[Run]) -> Option<Curve> {
    let results: Vec<_> = family.iter().map(|run| &run.results).collect();
    Curve::new(&results, ProblemResult::timed_seconds).ok()
}

/// The two models alone, between which an area is measured.
struct Ends {
    draft: Option<Curve>,
    target: Option<Curve>,
}

impl Ends {
    fn of(benchmark: &Benchmark) -> Self {
        let draft = benchmark.runs.iter().find(|run| run.policy == Some(Policy::Draft));
        let alone = |run: Option<&Run>| run.and_then(|run| curve(std::slice::from_ref(run)));
        Self { draft: alone(draft), target: alone(benchmark.target()) }
    }

    /// Of the two ends alone it would always be ½.
    fn area(&self, family: &[Run], curve: Option<&Curve>, bootstrap: &Bootstrap) -> Option<Range> {
        if matches!(family[0].policy, Some(Policy::Draft | Policy::Target)) {
            return None;
        }
        area(curve?, (self.draft.as_ref()?, self.target.as_ref()?), bootstrap).ok()?
    }
}

/// Captured advantage at each of the [`BUDGETS`]. Thresholds do not matter, so that one policy speaks for its family.
fn capture(benchmark: &Benchmark, family: &[Run], bootstrap: &Bootstrap) -> [Option<Range>; 3] {
    let (Some(collection), Some(policy)) = (benchmark.collection(), family[0].policy) else { return [None; 3] };
    let dump = replayable(family, collection);
    BUDGETS.map(|part| captured(&dump, &policy, Budget::OfOracle(part), bootstrap).ok().flatten())
}
