//! Time per problem by role.

use super::{Figure, heading};
use crate::metrics::Roles;
use crate::report::BenchmarkRuns;
use crate::report::chart::{Axis, StackedBar, StackedBars};
use crate::report::number::{NumberFormat, counted};
use crate::report::stats::RunStats;

const TITLE: &str = "Where the time goes";
const PARTS: [&str; 5] = ["draft decode", "draft prefill", "target decode", "target prefill", "router and scorer"];

/// Mean seconds per problem by role, one bar per run.
pub(crate) fn figure(id: String, benchmark: &BenchmarkRuns, stats: &[RunStats<'_>]) -> Option<Figure> {
    let bar = |stats: &RunStats<'_>| {
        Some(StackedBar { name: stats.run.label.clone(), parts: parts(stats.summary.roles.as_ref()?) })
    };
    let bars: Vec<StackedBar> = stats.iter().filter_map(bar).collect();
    let timed = stats.iter().filter_map(|stats| stats.summary.latency).map(|latency| latency.problems).max()?;
    if bars.iter().all(|bar| bar.parts.iter().all(|part| *part <= 0.0)) {
        return None;
    }
    let caption = format!(
        "Mean seconds per problem by role, over the timed problems, up to {}. A model prefills the prompt and the steps that the \
         other model wrote. The dashed line is the target alone; runs whose bars cross it are slower.",
        counted(timed, "problem")
    );
    let x = Axis::new("seconds per problem", NumberFormat::Seconds);
    let target = stats.iter().find(|stats| benchmark.target().is_some_and(|target| std::ptr::eq(target, stats.run)));
    let level = target.and_then(|stats| Some(parts(stats.summary.roles.as_ref()?).iter().sum()));
    let bars_chart = StackedBars { heading: heading(id, TITLE, &caption), x, parts: PARTS.to_vec(), bars, level };
    Some(Figure { title: TITLE.to_owned(), caption, svg: bars_chart.svg() })
}

fn parts(roles: &Roles) -> Vec<f64> {
    let (draft, target) = (&roles.draft, &roles.target);
    let decode = |seconds: f64, prefill: f64| (seconds - prefill).max(0.0);
    vec![
        decode(draft.seconds, draft.reading_seconds),
        draft.reading_seconds,
        decode(target.seconds, target.reading_seconds),
        target.reading_seconds,
        roles.router_seconds,
    ]
}
