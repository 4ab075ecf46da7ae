//! What paired runs show, as tables.

use arbitrage_eval::loss::{LossCalibration, LossPoint, SplitCheck, SplitPlan, TargetShare};
use arbitrage_router::calibrate::LossTest;

use crate::figures::{or_dash, percent};

/// A row for each threshold, from the safest on.
pub(super) fn print(calibration: &LossCalibration) {
    let graded = calibration.solved_by_target + calibration.unsolved_by_target;
    println!("the target solves {} of {graded} problems", calibration.solved_by_target);
    let bound = percent(Some(calibration.confidence));
    println!(
        "| τ | lost | share | at most, with {bound} | p | won | left out | steps by the target | tokens | loss:{} |",
        calibration.loss
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let tested = calibration.tested();
    for (at, point) in calibration.points.iter().enumerate() {
        let LossPoint { tested: threshold, left_out, won, target_share: TargetShare { steps, tokens }, .. } = *point;
        let verdict = match threshold.p_value <= 1.0 - calibration.confidence {
            _ if at >= tested => "not tested",
            true => "shown",
            false => "not shown",
        };
        println!(
            "| {} | {} of {} | {} | {:.2}% | {:.4} | {won} | {left_out} | {} | {} | {verdict} |",
            threshold.tau,
            threshold.counts.lost,
            threshold.counts.problems,
            or_dash(threshold.counts.share(), |share| format!("{:.2}%", 100.0 * share)),
            100.0 * threshold.upper_bound,
            threshold.p_value,
            percent(steps),
            percent(tokens),
        );
    }
    let left_out = calibration.chosen().map_or(0, |point| point.left_out);
    if left_out > 0 {
        println!("{left_out} problems are left out, since a run failed on them");
    }
}

/// How often promises were broken over random splits, and how much cheaper the chosen threshold is.
pub(super) fn print_splits(check: &SplitCheck, test: LossTest, plan: &SplitPlan) {
    println!(
        "{} random splits, {} of the problems calibrate and the others test: loss:{} with {} confidence",
        check.splits,
        percent(Some(plan.calibration_share)),
        test.loss(),
        percent(Some(test.confidence())),
    );
    let of_all = |count: usize| percent(Some(count as f64 / check.splits as f64));
    println!("something was promised in {} ({})", check.promised, of_all(check.promised));
    println!("more test problems were lost than promised in {} ({})", check.broken, of_all(check.broken));
    println!(
        "more of all problems were lost than promised in {} ({})",
        check.broken_on_all,
        of_all(check.broken_on_all)
    );
    let lost = or_dash(check.mean_loss, |loss| format!("{:.2}%", 100.0 * loss));
    println!("mean of the test problems lost: {lost}, of τ: {}", or_dash(check.mean_tau, |tau| format!("{tau:.4}")));
    for (name, pick) in
        [("steps", (|share| share.steps) as fn(TargetShare) -> Option<f64>), ("tokens", |share| share.tokens)]
    {
        let (chosen, safest) = (pick(check.chosen), pick(check.safest));
        let ratio = chosen.zip(safest).map(|(chosen, safest)| chosen / safest);
        println!(
            "{name} by the target: {} at the chosen τ, {} at the safest ({}×)",
            percent(chosen),
            percent(safest),
            or_dash(ratio, |ratio| format!("{ratio:.2}")),
        );
    }
}
