//! By how much a family is faster where it is as accurate as another.

use arbitrage_router::metrics::Bootstrap;

use super::curves::curve;
use super::{Cell, Facts, Kind, Table};
use crate::metrics::{CompareError, Curve, SpeedUp, speed_up};
use crate::report::number::{NONE, Unit};
use crate::report::{Benchmark, Run};

/// The speed-up of each family over RSD, token-level speculation and the target alone, as far as these were run. What has none is told
/// in `notes`.
pub fn table(benchmark: &Benchmark, facts: &[Facts<'_>], bootstrap: &Bootstrap, notes: &mut Vec<String>) -> Table {
    let references = references(benchmark);
    let mut untold = vec![Vec::new(); references.len()];
    let mut rows = Vec::new();
    for family in benchmark.families().into_iter().filter(|_| !references.is_empty()) {
        let (name, curve) = (&family[0].family, curve(family));
        let mut cells = Vec::new();
        for (reference, untold) in references.iter().zip(&mut untold) {
            let found = curve.as_ref().filter(|_| reference.name != name);
            let found = found.and_then(|curve| {
                let tell = |error: &CompareError| untold.push(why(name, error));
                speed_up(curve, &reference.curve, bootstrap).inspect_err(tell).ok()
            });
            cells.extend(reference.cells(found));
        }
        rows.push(Facts::family_row(facts, name, cells));
    }
    notes.extend(references.iter().zip(&untold).filter_map(|(reference, untold)| reference.note(untold)));
    Table {
        title: "Speed-up at matched accuracy".to_owned(),
        caption: "Mean latency of the other over the family’s where both reach the same accuracy, between neighbouring thresholds too, \
                  with bootstrap intervals over problems. Over a curve it is the mean over all accuracies that both reach, and the \
                  greatest value, which is rather too great, being the greatest of many noisy ones."
            .to_owned(),
        head: std::iter::once("Family".to_owned()).chain(references.iter().flat_map(Reference::head)).collect(),
        rows,
        kind: Kind::Wide,
    }
}

/// What families are held against.
struct Reference<'b> {
    name: &'b str,
    what: &'static str,
    curve: Curve,
    /// Least and greatest accuracy.
    reach: (f64, f64),
}

fn references(benchmark: &Benchmark) -> Vec<Reference<'_>> {
    let families = benchmark.families();
    let all = [
        ("RSD", families.iter().find(|family| family[0].is_rsd()).copied()),
        ("token-level speculation", alone(benchmark.speculative())),
        ("the target alone", alone(benchmark.target())),
    ];
    all.into_iter().filter_map(|(what, family)| Reference::new(what, family?)).collect()
}

fn alone(run: Option<&Run>) -> Option<&[Run]> {
    run.map(std::slice::from_ref)
}

impl<'b> Reference<'b> {
    fn new(what: &'static str, family: &'b [Run]) -> Option<Self> {
        let curve = curve(family)?;
        let reached = || curve.points().into_iter().map(|point| point.accuracy);
        let reach = (reached().reduce(f64::min)?, reached().reduce(f64::max)?);
        Some(Self { name: &family[0].family, what, curve, reach })
    }

    fn is_one_point(&self) -> bool {
        self.reach.0 == self.reach.1
    }

    fn head(&self) -> Vec<String> {
        let what = self.what;
        if self.is_one_point() {
            return vec![format!("over {what}, at its {}", Unit::Share.show(self.reach.0))];
        }
        vec![format!("over {what}, mean"), "at accuracies".to_owned(), "greatest".to_owned(), "at accuracy".to_owned()]
    }

    fn cells(&self, found: Option<SpeedUp>) -> Vec<Cell> {
        let mean = Cell::range(Unit::Ratio, found.map(|found| found.mean));
        if self.is_one_point() {
            return vec![mean];
        }
        vec![
            mean,
            Cell::text(found.map_or_else(|| NONE.to_owned(), |found| shares((found.from, found.to)))),
            Cell::range(Unit::Ratio, found.map(|found| found.greatest)),
            Cell::figure(Unit::Share, found.map(|found| found.at)),
        ]
    }

    /// Which families have no speed-up over it.
    fn note(&self, untold: &[String]) -> Option<String> {
        let (what, reach) = (self.what, shares(self.reach));
        (!untold.is_empty()).then(|| format!("No speed-up over {what}, which reaches {reach}: {}.", untold.join("; ")))
    }
}

fn why(family: &str, error: &CompareError) -> String {
    match error {
        CompareError::Apart { first, .. } => format!("{family} reaches {}", shares(*first)),
        error => format!("{family}: {error}"),
    }
}

fn shares((low, high): (f64, f64)) -> String {
    let (low, high) = (Unit::Share.show(low), Unit::Share.show(high));
    if low == high { low } else { format!("{low} to {high}") }
}
