//! The paper's Fig. 3: how many steps are deferred to the target, and how many of these gain nothing.

use arbitrage_router::Policy;

use super::curve::families;
use super::{Figure, heading};
use crate::metrics::Waste;
use crate::replay::replay;
use crate::report::chart::{Axis, Guide, Mark, ScatterPlot};
use crate::report::number::counted;
use crate::report::replayable::{is_partial, replayable};
use crate::report::stats::RunStats;
use crate::report::{BenchmarkRuns, PolicyRun};

const TITLE: &str = "Waste against deferral";

/// Share of steps regenerated without a gain, against the share deferred. A run that did not score both steps is replaced by a replay of its
/// policy along the collection.
pub(crate) fn figure(id: String, benchmark: &BenchmarkRuns, stats: &[RunStats<'_>]) -> Option<Figure> {
    let mut replayed = Vec::new();
    let wastes: Vec<Option<RunWaste>> = stats.iter().map(|stats| waste(stats, benchmark)).collect();
    for (stats, waste) in stats.iter().zip(&wastes) {
        if waste.is_some_and(|waste| waste.source == WasteSource::Replayed)
            && !replayed.contains(&stats.run.family.as_str())
        {
            replayed.push(&stats.run.family);
        }
    }
    let of = |run: &PolicyRun| stats.iter().position(|stats| std::ptr::eq(stats.run, run)).and_then(|at| wastes[at]);
    let series = families(stats, |stats| of(stats.run).and_then(|waste| mark(stats, waste)));
    if series.is_empty() {
        return None;
    }
    let caption = caption(benchmark, &replayed);
    let plot = ScatterPlot {
        heading: heading(id, TITLE, &caption),
        x: Axis::share("deferral, share of steps (1 − α)").reaching([0.0, 1.0]),
        y: Axis::share("share of steps regenerated without a gain").reaching([0.0]),
        series,
        guides: vec![Guide::Diagonal],
    };
    Some(Figure { title: TITLE.to_owned(), caption, svg: plot.svg() })
}

/// Where the waste of a run is from.
#[derive(Clone, Copy, PartialEq)]
enum WasteSource {
    Measured,
    Replayed,
}

/// The waste of a run.
#[derive(Clone, Copy)]
struct RunWaste {
    waste: Waste,
    source: WasteSource,
}

fn waste(stats: &RunStats<'_>, benchmark: &BenchmarkRuns) -> Option<RunWaste> {
    match stats.summary.waste {
        Some(waste) if waste.of_steps.is_some() => Some(RunWaste { waste, source: WasteSource::Measured }),
        _ => replayed(stats.run, benchmark).map(|waste| RunWaste { waste, source: WasteSource::Replayed }),
    }
}

fn replayed(run: &PolicyRun, benchmark: &BenchmarkRuns) -> Option<Waste> {
    let policy = match run.policy? {
        Policy::Learned(_) => Policy::Learned(run.results.tau),
        policy => policy,
    };
    let trace = replayable(benchmark.family(&run.family), benchmark.collection()?);
    replay(&trace, &policy).ok()?.waste().filter(|waste| waste.of_steps.is_some())
}

fn mark(stats: &RunStats<'_>, found: RunWaste) -> Option<Mark> {
    let RunWaste { waste, source } = found;
    let of_steps = waste.of_steps?;
    let how = if source == WasteSource::Replayed { ", replayed" } else { "" };
    let (label, deferral) = (&stats.run.label, 100.0 * waste.deferral);
    let title = format!("{label}: {:.1}% of steps without a gain at {deferral:.1}% deferral{how}", 100.0 * of_steps);
    Some(Mark { at: (waste.deferral, of_steps), span: None, title })
}

fn caption(benchmark: &BenchmarkRuns, replayed: &[&str]) -> String {
    let mut caption = format!(
        "Share of all steps that the target wrote without scoring higher than the draft, against the share that it wrote. On the \
         dashed line no call gains anything. Over {}.",
        counted(benchmark.problems(), "problem")
    );
    if let Some(collection) = benchmark.collection().filter(|_| !replayed.is_empty()) {
        let along = |family: &str| {
            let runs = benchmark.family(family);
            let steps = counted(replayable(runs, collection).step_pairs().count(), "step");
            if is_partial(runs) { format!("{family} (the {steps} that its runs reached)") } else { family.to_owned() }
        };
        let steps = counted(collection.trace.step_pairs().count(), "step");
        let list = replayed.iter().map(|family| along(family)).collect::<Vec<_>>().join(", ");
        caption.push_str(&format!(" Replayed along the {steps} of {}: {list}.", collection.run.label));
    }
    caption
}
