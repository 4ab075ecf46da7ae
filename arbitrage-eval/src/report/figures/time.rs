//! Where the time goes.

use super::{Figure, heading};
use crate::metrics::Roles;
use crate::report::Benchmark;
use crate::report::chart::{Axis, Bar, Stack};
use crate::report::number::{Unit, counted};
use crate::report::page::Facts;

const TITLE: &str = "Where the time goes";
const PARTS: [&str; 5] = ["draft decodes", "draft catches up", "target decodes", "target catches up", "router, scorer"];

/// Mean seconds a problem by role, a bar a run.
pub fn figure(id: String, benchmark: &Benchmark, facts: &[Facts<'_>]) -> Option<Figure> {
    let bar =
        |facts: &Facts<'_>| Some(Bar { name: facts.run.label.clone(), parts: parts(facts.summary.roles.as_ref()?) });
    let bars: Vec<Bar> = facts.iter().filter_map(bar).collect();
    let timed = facts.iter().filter_map(|facts| facts.summary.latency).map(|latency| latency.problems).max()?;
    if bars.iter().all(|bar| bar.parts.iter().all(|part| *part <= 0.0)) {
        return None;
    }
    let caption = format!(
        "Mean seconds a problem by role, over the problems that are timed, up to {}. A model catches up with the prompt and with \
         steps that it did not write. The dashed line is the target alone: what crosses it is slower, by the parts on it and beyond.",
        counted(timed, "problem")
    );
    let x = Axis::new("seconds a problem", Unit::Seconds);
    let target = facts.iter().find(|facts| benchmark.target().is_some_and(|target| std::ptr::eq(target, facts.run)));
    let level = target.and_then(|facts| Some(parts(facts.summary.roles.as_ref()?).iter().sum()));
    let stack = Stack { heading: heading(id, TITLE, &caption), x, parts: PARTS.to_vec(), bars, level };
    Some(Figure { title: TITLE.to_owned(), caption, svg: stack.svg() })
}

fn parts(roles: &Roles) -> Vec<f64> {
    let (draft, target) = (&roles.draft, &roles.target);
    let decoding = |seconds: f64, reading: f64| (seconds - reading).max(0.0);
    vec![
        decoding(draft.seconds, draft.reading_seconds),
        draft.reading_seconds,
        decoding(target.seconds, target.reading_seconds),
        target.reading_seconds,
        roles.router_seconds,
    ]
}
