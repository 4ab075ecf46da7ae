//! The table of runs with several drafts of each step.

use std::collections::BTreeSet;

use super::rows::run_row;
use crate::report::StepView;
use crate::report::number::NumberFormat;
use crate::report::stats::RunStats;
use crate::report::table::{ReportTable, TableCell, TableLayout};

/// How often another draft than the first was chosen, and how much the drafts differ.
pub(crate) fn table(stats: &[RunStats<'_>]) -> ReportTable {
    let head =
        ["Policy", "drafts", "chosen by", "steps with a choice", "another than the first", "different texts per step"];
    ReportTable {
        title: "Several drafts of a step".to_owned(),
        caption: "The first draft is the one that the draft model writes by itself; the others are sampled. The best of them is chosen \
                  before the target is asked."
            .to_owned(),
        head: head.map(str::to_owned).into(),
        rows: stats.iter().filter_map(|stats| Some(run_row(stats, cells(stats)?))).collect(),
        layout: TableLayout::Numbers,
    }
}

fn cells(stats: &RunStats<'_>) -> Option<Vec<TableCell>> {
    let drafts = stats.run.record.drafts.as_ref()?;
    let all = stats.run.solutions.values().flat_map(|solution| &solution.steps);
    let steps: Vec<&StepView> = all.filter(|step| !step.candidates.is_empty()).collect();
    let mean = |figure: &dyn Fn(&StepView) -> f64| {
        (!steps.is_empty()).then(|| steps.iter().map(|step| figure(step)).sum::<f64>() / steps.len() as f64)
    };
    let is_other = |step: &StepView| f64::from(u8::from(!step.candidates[0].is_chosen));
    let texts =
        |step: &StepView| step.candidates.iter().map(|draft| draft.text.as_str()).collect::<BTreeSet<_>>().len() as f64;
    Some(vec![
        TableCell::count(drafts.count),
        TableCell::text(drafts.chosen_by.clone()),
        TableCell::count(steps.len()),
        TableCell::figure(NumberFormat::Share, mean(&is_other)),
        TableCell::figure(NumberFormat::Count, mean(&texts)),
    ])
}
