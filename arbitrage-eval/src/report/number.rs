//! Formats numbers for tables and axes.

/// Shown where a figure does not exist.
pub(crate) const MISSING: &str = "–";

/// How a number is written, by what it measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberFormat {
    /// A share in [0, 1], as `61.2%`.
    Share,
    /// A difference of shares, in percentage points: `+3.1`.
    Points,
    /// Seconds, with three significant digits.
    Seconds,
    /// A mean count, such as tokens per problem: `512` or `12.5`.
    Count,
    /// A ratio, as `1.62×`.
    Ratio,
    /// A score, an estimate or a captured share: `0.42`.
    Score,
    /// A p-value: `0.031` or `<0.001`.
    PValue,
}

impl NumberFormat {
    /// The number as text; [`MISSING`] for NaN and infinities.
    pub(crate) fn show(self, value: f64) -> String {
        if !value.is_finite() {
            return MISSING.to_owned();
        }
        let text = match self {
            Self::Share => format!("{:.1}%", 100.0 * value),
            Self::Points => signed(100.0 * value),
            Self::Seconds => significant(value),
            Self::Count if value.abs() >= 100.0 => format!("{value:.0}"),
            Self::Count => format!("{value:.1}"),
            Self::Ratio => format!("{value:.2}×"),
            Self::Score => format!("{value:.2}"),
            Self::PValue if value < 0.001 => "<0.001".to_owned(),
            Self::PValue => format!("{value:.3}"),
        };
        text.replace('-', "−")
    }

    /// The number at a tick of an axis, whose ticks are `step` apart.
    pub(crate) fn tick(self, value: f64, step: f64) -> String {
        let scale = if matches!(self, Self::Share | Self::Points) { 100.0 } else { 1.0 };
        let decimals = (-(step * scale).log10().floor()).clamp(0.0, 9.0) as usize;
        // The step 2.5 and its multiples by powers of ten need one decimal more than their logarithm gives.
        let decimals = if fits(step * scale, decimals) { decimals } else { decimals + 1 };
        let value = if value.abs() < step / 1e6 { 0.0 } else { value * scale };
        let end = if self == Self::Share { "%" } else { "" };
        format!("{value:.decimals$}{end}").replace('-', "−")
    }
}

fn fits(step: f64, decimals: usize) -> bool {
    let shifted = step * 10f64.powi(decimals as i32);
    (shifted - shifted.round()).abs() < 1e-6
}

fn signed(value: f64) -> String {
    let text = format!("{value:+.1}");
    if text == "-0.0" { "+0.0".to_owned() } else { text }
}

/// Three significant digits, or more if the integer part has more.
fn significant(value: f64) -> String {
    let digits = value.abs().log10().floor();
    let decimals = if value == 0.0 { 0.0 } else { (2.0 - digits).clamp(0.0, 9.0) };
    format!("{value:.0$}", decimals as usize)
}

/// `1 problem`, `2 problems`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_by_format() {
        for (unit, value, expected) in [
            (NumberFormat::Share, 0.6128, "61.3%"),
            (NumberFormat::Share, f64::NAN, MISSING),
            (NumberFormat::Points, 0.031, "+3.1"),
            (NumberFormat::Points, -0.0001, "+0.0"),
            (NumberFormat::Points, -0.2, "−20.0"),
            (NumberFormat::Seconds, 0.012_345, "0.0123"),
            (NumberFormat::Seconds, 1.2, "1.20"),
            (NumberFormat::Seconds, 123.4, "123"),
            (NumberFormat::Seconds, 0.0, "0"),
            (NumberFormat::Count, 12.34, "12.3"),
            (NumberFormat::Count, 1234.5, "1234"),
            (NumberFormat::Ratio, 1.618, "1.62×"),
            (NumberFormat::PValue, 0.0004, "<0.001"),
            (NumberFormat::PValue, 0.05, "0.050"),
        ] {
            assert_eq!(unit.show(value), expected, "{unit:?} {value}");
        }
    }

    #[test]
    fn ticks_have_as_many_decimals_as_their_step() {
        for (unit, value, step, expected) in [
            (NumberFormat::Share, 0.5, 0.1, "50%"),
            (NumberFormat::Share, 0.025, 0.025, "2.5%"),
            (NumberFormat::Seconds, 20.0, 10.0, "20"),
            (NumberFormat::Seconds, 0.02, 0.01, "0.02"),
            (NumberFormat::Score, -0.5, 0.5, "−0.5"),
            (NumberFormat::Score, 1e-17, 0.5, "0.0"),
        ] {
            assert_eq!(unit.tick(value, step), expected);
        }
    }
}
