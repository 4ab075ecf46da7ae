//! The paper's Fig. 3: how often the target is asked, and how much of that is in vain.

use arbitrage_router::Policy;

use super::curve::families;
use super::{Figure, heading};
use crate::metrics::Waste;
use crate::replay::replay;
use crate::report::chart::{Axis, Guide, Mark, Plane};
use crate::report::number::counted;
use crate::report::page::Facts;
use crate::report::replayable::{is_partial, replayable};
use crate::report::{Benchmark, Run};

const TITLE: &str = "Waste against deferral";

/// Steps regenerated for no gain against steps deferred. Where a run does not know it, being lazy, the collection tells what its policy
/// would have done there.
pub fn figure(id: String, benchmark: &Benchmark, facts: &[Facts<'_>]) -> Option<Figure> {
    let mut replayed = Vec::new();
    let known: Vec<Option<(Waste, bool)>> = facts.iter().map(|facts| waste(facts, benchmark)).collect();
    for (facts, known) in facts.iter().zip(&known) {
        if known.is_some_and(|(_, replayed)| replayed) && !replayed.contains(&facts.run.family.as_str()) {
            replayed.push(&facts.run.family);
        }
    }
    let of = |run: &Run| facts.iter().position(|facts| std::ptr::eq(facts.run, run)).and_then(|at| known[at]);
    let series = families(facts, |facts| of(facts.run).and_then(|(waste, replayed)| mark(facts, &waste, replayed)));
    if series.is_empty() {
        return None;
    }
    let caption = caption(benchmark, &replayed);
    let plane = Plane {
        heading: heading(id, TITLE, &caption),
        x: Axis::share("deferral, share of steps (1 − α)").reaching([0.0, 1.0]),
        y: Axis::share("steps regenerated for no gain").reaching([0.0]),
        series,
        guides: vec![Guide::Diagonal],
    };
    Some(Figure { title: TITLE.to_owned(), caption, svg: plane.svg() })
}

/// A run's waste, and whether it had to be replayed.
fn waste(facts: &Facts<'_>, benchmark: &Benchmark) -> Option<(Waste, bool)> {
    match facts.summary.waste {
        Some(waste) if waste.of_steps.is_some() => Some((waste, false)),
        _ => replayed(facts.run, benchmark).map(|waste| (waste, true)),
    }
}

fn replayed(run: &Run, benchmark: &Benchmark) -> Option<Waste> {
    let policy = match run.policy? {
        Policy::Learned(_) => Policy::Learned(run.results.tau),
        policy => policy,
    };
    let dump = replayable(benchmark.family(&run.family), benchmark.collection()?);
    replay(&dump, &policy).ok()?.waste().filter(|waste| waste.of_steps.is_some())
}

fn mark(facts: &Facts<'_>, waste: &Waste, replayed: bool) -> Option<Mark> {
    let of_steps = waste.of_steps?;
    let how = if replayed { ", replayed" } else { "" };
    let (label, deferral) = (&facts.run.label, 100.0 * waste.deferral);
    let title = format!("{label}: {:.1}% of steps in vain at {deferral:.1}% deferral{how}", 100.0 * of_steps);
    Some(Mark { at: (waste.deferral, of_steps), span: None, title })
}

fn caption(benchmark: &Benchmark, replayed: &[&str]) -> String {
    let mut caption = format!(
        "Share of all steps that the target wrote and that score no higher than the draft’s, against the share that it wrote; on the \
         dashed line every call is in vain. Over {}.",
        counted(benchmark.problems(), "problem")
    );
    if let Some((run, dump)) = benchmark.collection().filter(|_| !replayed.is_empty()) {
        let along = |family: &str| {
            let runs = benchmark.family(family);
            let steps = counted(replayable(runs, (run, dump)).places().count(), "step");
            if is_partial(runs) { format!("{family} (the {steps} that it came by too)") } else { family.to_owned() }
        };
        let (steps, list) = (counted(dump.places().count(), "step"), replayed.iter().map(|family| along(family)));
        let list = list.collect::<Vec<_>>().join(", ");
        caption.push_str(&format!(" Replayed along the {steps} of {}: {list}.", run.label));
    }
    caption
}
