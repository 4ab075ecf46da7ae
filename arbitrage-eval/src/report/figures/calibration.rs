//! Calibration of trained routers.

use super::{Figure, heading};
use crate::metrics::wilson;
use crate::replay::{PairedTrace, StepPair};
use crate::report::chart::{Axis, Guide, Mark, ScatterPlot, Series};
use crate::report::number::counted;
use crate::report::replayable::{is_trained, replayable};
use crate::report::stats::RunStats;
use crate::report::{BenchmarkRuns, PolicyRun};

const TITLE: &str = "Calibration";
/// Maximum number of points of a curve.
const MAX_POINTS: usize = 10;
/// Minimum number of steps of a point.
const MIN_STEPS: usize = 8;

/// The share of steps with a gain against the estimates of trained routers.
pub(crate) fn figure(id: String, benchmark: &BenchmarkRuns, stats: &[RunStats<'_>]) -> Option<Figure> {
    let collection = benchmark.collection()?;
    let families = benchmark.families().into_iter().filter(|family| is_trained(family));
    let slot =
        |family: &[PolicyRun]| stats.iter().find(|stats| stats.run.family == family[0].family).map(|stats| stats.slot);
    let curve = |family| Some(CalibrationCurve::new(family, slot(family)?, &replayable(family, collection)));
    let curves: Vec<CalibrationCurve<'_>> =
        families.filter_map(curve).filter(|curve| curve.steps.len() >= MIN_STEPS).collect();
    if curves.is_empty() {
        return None;
    }
    let counts: Vec<String> = curves.iter().map(|curve| format!("{} ({})", curve.family, curve.steps.len())).collect();
    let caption = format!(
        "Share of steps with Δ above 0 in {}, against the router’s estimate, in groups of equal size. On the dashed line estimates are \
         right on average. Bars are 95% intervals over steps. Routers with their numbers of steps: {}; {}.",
        collection.run.label,
        counts.join(", "),
        counted(collection.trace.problems.len(), "problem")
    );
    let plot = ScatterPlot {
        heading: heading(id, TITLE, &caption),
        x: Axis::share("estimate of P(Δ > 0)").reaching([0.0, 1.0]),
        y: Axis::share("share of steps with Δ > 0").reaching([0.0, 1.0]),
        series: curves.iter().map(CalibrationCurve::series).collect(),
        guides: vec![Guide::Diagonal],
    };
    Some(Figure { title: TITLE.to_owned(), caption, svg: plot.svg() })
}

/// The steps for which a router's estimate and the advantage are known.
struct CalibrationCurve<'r> {
    family: &'r str,
    slot: usize,
    /// By ascending estimate.
    steps: Vec<EstimatedStep>,
}

impl<'r> CalibrationCurve<'r> {
    fn new(family: &'r [PolicyRun], slot: usize, trace: &PairedTrace) -> Self {
        let step = |(_, pair): (&str, &StepPair)| {
            let estimate = pair.estimate.filter(|estimate| (0.0..=1.0).contains(estimate))?;
            Some(EstimatedStep { estimate, gains: pair.advantage() > 0.0 })
        };
        let mut steps: Vec<EstimatedStep> = trace.step_pairs().filter_map(step).collect();
        steps.sort_by(|one, other| one.estimate.total_cmp(&other.estimate).then(one.gains.cmp(&other.gains)));
        Self { family: &family[0].family, slot, steps }
    }

    fn series(&self) -> Series {
        let (count, bins) = (self.steps.len(), (self.steps.len() / MIN_STEPS).clamp(1, MAX_POINTS));
        let edge = |bin: usize| bin * count / bins;
        let points = (0..bins).filter_map(|bin| mark(&self.steps[edge(bin)..edge(bin + 1)])).collect();
        Series { name: self.family.to_owned(), slot: self.slot, points }
    }
}

/// A step's estimate, and whether the target's step was better.
struct EstimatedStep {
    estimate: f32,
    gains: bool,
}

fn mark(steps: &[EstimatedStep]) -> Option<Mark> {
    let share = wilson(steps.iter().filter(|step| step.gains).count(), steps.len())?;
    let estimate = steps.iter().map(|step| f64::from(step.estimate)).sum::<f64>() / steps.len() as f64;
    let title = format!("estimate {estimate:.2}, share {:.2} of {}", share.value, counted(steps.len(), "step"));
    Some(Mark { at: (estimate, share.value), span: Some((share.low, share.high)), title })
}
