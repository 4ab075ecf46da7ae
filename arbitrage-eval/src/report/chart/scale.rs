//! Axes and scales.

use crate::report::number::NumberFormat;

/// Approximate number of ticks of an axis.
const TICKS: f64 = 5.0;

/// Label and range of an axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    /// What is measured, with its unit.
    pub label: String,
    /// How numbers are written.
    pub unit: NumberFormat,
    /// Values that the axis includes whatever the data are, such as 0.
    pub reaches: Vec<f64>,
    /// Limits of possible values, which the axis does not exceed.
    pub bounds: (f64, f64),
}

impl Axis {
    /// An axis that spans its data.
    pub(crate) fn new(label: impl Into<String>, unit: NumberFormat) -> Self {
        Self { label: label.into(), unit, reaches: Vec::new(), bounds: (f64::NEG_INFINITY, f64::INFINITY) }
    }

    /// An axis of shares.
    pub(crate) fn share(label: impl Into<String>) -> Self {
        Self { bounds: (0.0, 1.0), ..Self::new(label, NumberFormat::Share) }
    }

    /// Makes the axis include these values.
    pub(crate) fn reaching(mut self, values: impl IntoIterator<Item = f64>) -> Self {
        self.reaches.extend(values);
        self
    }

    /// The scale that maps `values` to positions between two ends.
    pub(super) fn scale(&self, values: impl IntoIterator<Item = f64>, positions: (f64, f64)) -> Scale {
        let all: Vec<f64> = values.into_iter().chain(self.reaches.iter().copied()).filter(|v| v.is_finite()).collect();
        let (low, high) = all.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
        let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
        let (low, high) =
            if high - low > 1e-9 * high.abs().max(1e-9) { (low, high) } else { range_around(low, self.bounds) };
        let step = round_step((high - low) / TICKS);
        let (low, high) = ((low / step + 1e-6).floor() * step, (high / step - 1e-6).ceil() * step);
        let range = (low.max(self.bounds.0), high.min(self.bounds.1));
        Scale { range, step, unit: self.unit, positions }
    }
}

/// A range around a single value.
fn range_around(value: f64, bounds: (f64, f64)) -> (f64, f64) {
    let half = if value == 0.0 { 0.5 } else { 0.1 * value.abs() };
    ((value - half).max(bounds.0), (value + half).min(bounds.1))
}

/// The least of 1, 2, 2.5 and 5 times a power of ten that is not less than `least`.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 2.5, 5.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|step| *step >= least * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

/// A linear scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    /// The numbers at its ends.
    pub range: (f64, f64),
    step: f64,
    unit: NumberFormat,
    positions: (f64, f64),
}

impl Scale {
    /// The position of a number, clamped to the ends.
    pub(crate) fn position(&self, value: f64) -> f64 {
        let ((low, high), (from, to)) = (self.range, self.positions);
        from + (to - from) * ((value - low) / (high - low)).clamp(0.0, 1.0)
    }

    /// Round numbers along the scale, each as position and text.
    pub(crate) fn ticks(&self) -> Vec<(f64, String)> {
        let first = (self.range.0 / self.step - 1e-6).ceil();
        let count = ((self.range.1 / self.step + 1e-6).floor() - first).clamp(0.0, 20.0) as usize;
        let value = |at: usize| (first + at as f64) * self.step;
        (0..=count).map(|at| (self.position(value(at)), self.unit.tick(value(at), self.step))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(axis: &Axis, values: &[f64]) -> Vec<String> {
        axis.scale(values.iter().copied(), (0.0, 100.0)).ticks().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round_and_span_the_data() {
        assert_eq!(ticks(&Axis::share("x"), &[0.0, 1.0]), ["0%", "20%", "40%", "60%", "80%", "100%"]);
        assert_eq!(ticks(&Axis::share("x"), &[0.62, 0.68]), ["62%", "64%", "66%", "68%"]);
        assert_eq!(
            ticks(&Axis::new("x", NumberFormat::Seconds).reaching([0.0]), &[12.3]),
            ["0.0", "2.5", "5.0", "7.5", "10.0", "12.5"]
        );
    }

    #[test]
    fn degenerate_data_have_a_scale() {
        for values in [&[][..], &[0.5], &[0.0], &[1.0], &[f64::NAN, f64::INFINITY], &[1e-12, 1e-12], &[1e300, -1e300]] {
            let scale = Axis::new("x", NumberFormat::Score).scale(values.iter().copied(), (10.0, 90.0));
            assert!(scale.range.0 < scale.range.1, "{values:?}: {scale:?}");
            assert!((2..=21).contains(&scale.ticks().len()), "{values:?}: {:?}", scale.ticks());
            assert!(values.iter().all(|value| value.is_nan() || (10.0..=90.0).contains(&scale.position(*value))));
        }
        assert!(Axis::share("x").scale([1.0], (0.0, 1.0)).range.1 <= 1.0);
    }
}
