//! What there is to gain, step by step.

use super::{Figure, heading};
use crate::report::Benchmark;
use crate::report::chart::{Axis, Tower, Towers};
use crate::report::number::{Unit, counted};

const TITLE: &str = "Advantage of the target’s step";
/// Intervals between −1 and 1.
const BINS: usize = 20;

/// The histogram of `Δ` over a collection's places.
pub fn figure(id: String, benchmark: &Benchmark) -> Option<Figure> {
    let (run, dump) = benchmark.collection()?;
    let advantages: Vec<f32> = dump.places().map(|(_, place)| place.advantage()).collect();
    let gains = advantages.iter().filter(|advantage| **advantage > 0.0).count();
    let share = 100.0 * gains as f64 / advantages.len().max(1) as f64;
    let (steps, problems) = (counted(advantages.len(), "step"), counted(dump.problems.len(), "problem"));
    let caption = format!(
        "Steps by Δ = s_t − s_d, the target’s score less the draft’s from the same prefix, in {}: {steps} of {problems}, of which the \
         target’s is better (filled) in {share:.1}%.",
        run.label
    );
    let towers = Towers {
        heading: heading(id, TITLE, &caption),
        x: Axis::new("advantage Δ", Unit::Score).reaching([-1.0, 1.0]),
        y: Axis::new("steps", Unit::Count),
        towers: counts(&advantages).into_iter().enumerate().map(tower).collect(),
    };
    Some(Figure { title: TITLE.to_owned(), caption, svg: towers.svg() })
}

/// Steps in each interval. An interval holds its upper end, so that no step without a gain is among those with one.
fn counts(advantages: &[f32]) -> Vec<usize> {
    let mut counts = vec![0; BINS];
    for advantage in advantages {
        let place = ((f64::from(*advantage) + 1.0) * BINS as f64 / 2.0).ceil() as usize;
        counts[place.clamp(1, BINS) - 1] += 1;
    }
    counts
}

fn tower((bin, count): (usize, usize)) -> Tower {
    let end = |bin: usize| -1.0 + 2.0 * bin as f64 / BINS as f64;
    let over = (end(bin), end(bin + 1));
    let title = format!("{} above {:.1}, up to {:.1}", counted(count, "step"), over.0, over.1);
    Tower { over, height: count as f64, stands_out: bin >= BINS / 2, title }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_gain_is_among_those_without() {
        let counts = counts(&[-1.0, 0.0, 1e-6, 0.05, 1.0, -0.05]);
        assert_eq!((counts[0], counts[9], counts[10], counts[19]), (1, 2, 2, 1));
        assert_eq!(counts.iter().sum::<usize>(), 6);
    }
}
