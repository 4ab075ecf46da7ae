//! Whether a trained router's estimates are shares of gains.

use super::{Figure, heading};
use crate::metrics::wilson;
use crate::replay::{Dump, Place};
use crate::report::chart::{Axis, Guide, Mark, Plane, Series};
use crate::report::number::counted;
use crate::report::page::Facts;
use crate::report::replayable::{is_trained, replayable};
use crate::report::{Benchmark, Run};

const TITLE: &str = "Calibration";
/// Most points a curve.
const BINS: usize = 10;
/// Fewest steps a point.
const STEPS: usize = 8;

/// The share of steps that gain from the target against what trained routers said of them.
pub fn figure(id: String, benchmark: &Benchmark, facts: &[Facts<'_>]) -> Option<Figure> {
    let collection = benchmark.collection()?;
    let families = benchmark.families().into_iter().filter(|family| is_trained(family));
    let slot = |family: &[Run]| facts.iter().find(|facts| facts.run.family == family[0].family).map(|facts| facts.slot);
    let judged = |family| Some(Judged::new(family, slot(family)?, &replayable(family, collection)));
    let judged: Vec<Judged<'_>> = families.filter_map(judged).filter(|judged| judged.steps.len() >= STEPS).collect();
    if judged.is_empty() {
        return None;
    }
    let counts: Vec<String> =
        judged.iter().map(|judged| format!("{} ({})", judged.family, judged.steps.len())).collect();
    let caption = format!(
        "Share of steps whose Δ is above 0, as {} tells, against the router’s estimate of it, in groups of equally many steps; on the \
         dashed line estimates are right on the average. Bars are 95% intervals over steps. By router, with its steps: {}; {}.",
        collection.0.label,
        counts.join(", "),
        counted(collection.1.problems.len(), "problem")
    );
    let plane = Plane {
        heading: heading(id, TITLE, &caption),
        x: Axis::share("estimate of P(Δ > 0)").reaching([0.0, 1.0]),
        y: Axis::share("share of steps with Δ > 0").reaching([0.0, 1.0]),
        series: judged.iter().map(Judged::series).collect(),
        guides: vec![Guide::Diagonal],
    };
    Some(Figure { title: TITLE.to_owned(), caption, svg: plane.svg() })
}

/// Steps that a router judged and whose advantage is known.
struct Judged<'r> {
    family: &'r str,
    slot: usize,
    /// Estimates, ascending, each with whether there was a gain.
    steps: Vec<(f32, bool)>,
}

impl<'r> Judged<'r> {
    fn new(family: &'r [Run], slot: usize, dump: &Dump) -> Self {
        let step = |(_, place): (&str, &Place)| {
            let estimate = place.estimate.filter(|estimate| (0.0..=1.0).contains(estimate))?;
            Some((estimate, place.advantage() > 0.0))
        };
        let mut steps: Vec<(f32, bool)> = dump.places().filter_map(step).collect();
        steps.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        Self { family: &family[0].family, slot, steps }
    }

    fn series(&self) -> Series {
        let (count, bins) = (self.steps.len(), (self.steps.len() / STEPS).clamp(1, BINS));
        let edge = |bin: usize| bin * count / bins;
        let points = (0..bins).filter_map(|bin| mark(&self.steps[edge(bin)..edge(bin + 1)])).collect();
        Series { name: self.family.to_owned(), slot: self.slot, points }
    }
}

fn mark(steps: &[(f32, bool)]) -> Option<Mark> {
    let share = wilson(steps.iter().filter(|step| step.1).count(), steps.len())?;
    let estimate = steps.iter().map(|step| f64::from(step.0)).sum::<f64>() / steps.len() as f64;
    let title = format!("estimate {estimate:.2}, share {:.2} of {}", share.value, counted(steps.len(), "step"));
    Some(Mark { at: (estimate, share.value), span: Some((share.low, share.high)), title })
}
