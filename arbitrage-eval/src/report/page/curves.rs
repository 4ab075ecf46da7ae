//! What accuracy costs over a family's thresholds, and how much of the oracle's gain its calls bring.

use arbitrage_router::Policy;
use arbitrage_router::metrics::{Bootstrap, Budget};

use super::{Cell, Facts, Kind, Row, Table};
use crate::evaluation::ProblemResult;
use crate::metrics::{CompareError, Curve, Range, SpeedUp, area, captured, speed_up};
use crate::report::chart::COLOURS;
use crate::report::number::{Unit, counted};
use crate::report::replayable::{is_trained, replayable};
use crate::report::{Benchmark, Run};

/// Parts of the oracle's own number of calls at which captured advantage is told.
const BUDGETS: [f64; 3] = [0.25, 0.5, 1.0];

/// The figures of each family.
pub fn table(benchmark: &Benchmark, facts: &[Facts<'_>], bootstrap: &Bootstrap, notes: &mut Vec<String>) -> Table {
    let head = [
        "Family",
        "thresholds",
        "speed-up over RSD, mean",
        "greatest",
        "at accuracy",
        "area under curve",
        "captured, ¼ of the oracle’s calls",
        "½",
        "all",
    ];
    let ends = Ends::of(benchmark);
    let row = |family: &&[Run]| {
        let curve = curve(family);
        let speed = ends.over_rsd(family, curve.as_ref(), bootstrap, notes);
        let mut cells = vec![
            Cell::count(family.len()),
            Cell::range(Unit::Ratio, speed.map(|speed| speed.mean)),
            Cell::range(Unit::Ratio, speed.map(|speed| speed.greatest)),
            Cell::figure(Unit::Share, speed.map(|speed| speed.at)),
            Cell::range(Unit::Score, ends.area(family, curve.as_ref(), bootstrap)),
        ];
        cells.extend(capture(benchmark, family, bootstrap).map(|range| Cell::range(Unit::Score, range)));
        let slot = facts.iter().find(|facts| facts.run.family == family[0].family).map(|facts| facts.slot % COLOURS);
        Row { name: family[0].family.clone(), slot, cells }
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
    let mut text = "The speed-up is RSD’s mean latency over the family’s where both reach the same accuracy: its mean over all such \
                    accuracies, and its greatest value, which is rather too great, being the greatest of many noisy ones. The area \
                    under accuracy over latency is 0.5 for a coin between the two models alone, and the greater the better."
        .to_owned();
    if let Some((run, dump)) = benchmark.collection() {
        let steps = counted(dump.places().count(), "step");
        text.push_str(&format!(
            " Captured advantage is 0 for calls at random and 1 for the oracle’s choice of as many, over the {steps} of {}",
            run.label
        ));
        let trained = benchmark.families().into_iter().filter(|family| is_trained(family));
        for family in trained {
            let steps = counted(replayable(family, (run, dump)).places().count(), "step");
            text.push_str(&format!("; of {}, over the {steps} that it came by too", family[0].family));
        }
        text.push('.');
    }
    text
}

/// The curve of accuracy over mean latency.
fn curve(family: &[Run]) -> Option<Curve> {
    let results: Vec<_> = family.iter().map(|run| &run.results).collect();
    Curve::new(&results, ProblemResult::timed_seconds).ok()
}

/// What curves are held against.
struct Ends<'b> {
    draft: Option<Curve>,
    target: Option<Curve>,
    rsd: Option<(&'b str, Curve)>,
}

impl<'b> Ends<'b> {
    fn of(benchmark: &'b Benchmark) -> Self {
        let alone = |policy| benchmark.runs.iter().find(|run| run.policy == Some(policy));
        let families = benchmark.families();
        let rsd = families.iter().find(|family| family[0].is_rsd());
        Self {
            draft: alone(Policy::Draft).and_then(|run| curve(std::slice::from_ref(run))),
            target: alone(Policy::Target).and_then(|run| curve(std::slice::from_ref(run))),
            rsd: rsd.and_then(|family| Some((family[0].family.as_str(), curve(family)?))),
        }
    }

    fn over_rsd(
        &self,
        family: &[Run],
        curve: Option<&Curve>,
        bootstrap: &Bootstrap,
        notes: &mut Vec<String>,
    ) -> Option<SpeedUp> {
        let (name, rsd) = self.rsd.as_ref().filter(|(name, _)| *name != family[0].family)?;
        let tell = |error: &CompareError| notes.push(untold(&family[0].family, name, error));
        speed_up(curve?, rsd, bootstrap).inspect_err(tell).ok()
    }

    /// Of the two ends alone it would always be ½.
    fn area(&self, family: &[Run], curve: Option<&Curve>, bootstrap: &Bootstrap) -> Option<Range> {
        if matches!(family[0].policy, Some(Policy::Draft | Policy::Target)) {
            return None;
        }
        area(curve?, (self.draft.as_ref()?, self.target.as_ref()?), bootstrap).ok()?
    }
}

/// Why a family has no speed-up over another.
fn untold(family: &str, rsd: &str, error: &CompareError) -> String {
    match error {
        CompareError::Apart { first, second } => {
            let [own, other] =
                [first, second].map(|(low, high)| match (Unit::Share.show(*low), Unit::Share.show(*high)) {
                    (low, high) if low == high => low,
                    (low, high) => format!("{low} to {high}"),
                });
            format!("{family} reaches {own} and {rsd} {other}: without a common accuracy there is no speed-up.")
        }
        error => format!("{family} has no speed-up over {rsd}: {error}."),
    }
}

/// Captured advantage at each of the [`BUDGETS`]. Thresholds do not matter, so that one policy speaks for its family.
fn capture(benchmark: &Benchmark, family: &[Run], bootstrap: &Bootstrap) -> [Option<Range>; 3] {
    let (Some(collection), Some(policy)) = (benchmark.collection(), family[0].policy) else { return [None; 3] };
    let dump = replayable(family, collection);
    BUDGETS.map(|part| captured(&dump, &policy, Budget::OfOracle(part), bootstrap).ok().flatten())
}
