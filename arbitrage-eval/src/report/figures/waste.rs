//! The paper's Fig. 3: how often the target is asked, and how much of that is in vain.

use arbitrage_router::Policy;

use super::curve::families;
use super::{Figure, heading};
use crate::metrics::Waste;
use crate::replay::{Dump, replay};
use crate::report::chart::{Axis, Guide, Mark, Plane};
use crate::report::estimates::{estimated, estimates};
use crate::report::number::counted;
use crate::report::page::Facts;
use crate::report::{Benchmark, Run};

const TITLE: &str = "Waste against deferral";

/// Steps regenerated for no gain against steps deferred. Where a run does not know it, being lazy, the collection tells what its policy
/// would have done there.
pub fn figure(id: String, benchmark: &Benchmark, facts: &[Facts<'_>]) -> Option<Figure> {
    let collection = benchmark.collection();
    let mut replayed = Vec::new();
    let known: Vec<Option<(Waste, bool)>> = facts.iter().map(|facts| waste(facts, collection)).collect();
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
    let caption = caption(benchmark, collection, &replayed);
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
fn waste(facts: &Facts<'_>, collection: Option<(&Run, &Dump)>) -> Option<(Waste, bool)> {
    match facts.summary.waste {
        Some(waste) if waste.of_steps.is_some() => Some((waste, false)),
        _ => replayed(facts.run, collection?).map(|waste| (waste, true)),
    }
}

fn replayed(run: &Run, (collection, dump): (&Run, &Dump)) -> Option<Waste> {
    let policy = run.policy?;
    let waste = match policy {
        Policy::Learned(_) => {
            let dump = estimated(dump, &estimates(run, collection));
            replay(&dump, &Policy::Learned(run.results.tau)).ok()?.waste()
        }
        policy => replay(dump, &policy).ok()?.waste(),
    };
    waste.filter(|waste| waste.of_steps.is_some())
}

fn mark(facts: &Facts<'_>, waste: &Waste, replayed: bool) -> Option<Mark> {
    let of_steps = waste.of_steps?;
    let how = if replayed { ", replayed" } else { "" };
    let (label, deferral) = (&facts.run.label, 100.0 * waste.deferral);
    let title = format!("{label}: {:.1}% of steps in vain at {deferral:.1}% deferral{how}", 100.0 * of_steps);
    Some(Mark { at: (waste.deferral, of_steps), span: None, title })
}

fn caption(benchmark: &Benchmark, collection: Option<(&Run, &Dump)>, replayed: &[&str]) -> String {
    let mut caption = format!(
        "Share of all steps that the target wrote and that score no higher than the draft’s, against the share that it wrote; on the \
         dashed line every call is in vain. Over {}.",
        counted(benchmark.problems(), "problem")
    );
    if let Some((run, dump)) = collection.filter(|_| !replayed.is_empty()) {
        let (list, problems) = (replayed.join(", "), counted(dump.problems.len(), "problem"));
        let steps = counted(dump.places().count(), "step");
        caption.push_str(&format!(" Replayed along the {steps} and {problems} of {}: {list}.", run.label));
    }
    caption
}
