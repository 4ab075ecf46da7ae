//! Units of measurement, and short words that are not products of single-letter variables.

use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;

/// Units by name: their dimension, and their size in the dimension's first unit as a numerator and a denominator.
const UNITS: &[(&str, &str, u32, u32)] = &[
    ("m", "length", 1, 1),
    ("meter", "length", 1, 1),
    ("metre", "length", 1, 1),
    ("mm", "length", 1, 1000),
    ("millimeter", "length", 1, 1000),
    ("cm", "length", 1, 100),
    ("centimeter", "length", 1, 100),
    ("centimetre", "length", 1, 100),
    ("dm", "length", 1, 10),
    ("km", "length", 1000, 1),
    ("kilometer", "length", 1000, 1),
    ("kilometre", "length", 1000, 1),
    ("in", "length", 127, 5000),
    ("inch", "length", 127, 5000),
    ("inche", "length", 127, 5000),
    ("ft", "length", 381, 1250),
    ("foot", "length", 381, 1250),
    ("feet", "length", 381, 1250),
    ("yd", "length", 1143, 1250),
    ("yard", "length", 1143, 1250),
    ("mi", "length", 201_168, 125),
    ("mile", "length", 201_168, 125),
    ("s", "time", 1, 1),
    ("sec", "time", 1, 1),
    ("second", "time", 1, 1),
    ("min", "time", 60, 1),
    ("minute", "time", 60, 1),
    ("h", "time", 3600, 1),
    ("hr", "time", 3600, 1),
    ("hour", "time", 3600, 1),
    ("day", "time", 86_400, 1),
    ("week", "time", 604_800, 1),
    ("month", "months", 1, 1),
    ("year", "months", 12, 1),
    ("g", "mass", 1, 1),
    ("gram", "mass", 1, 1),
    ("kg", "mass", 1000, 1),
    ("kilogram", "mass", 1000, 1),
    ("mg", "mass", 1, 1000),
    ("lb", "pounds", 1, 1),
    ("oz", "pounds", 1, 16),
    ("ounce", "pounds", 1, 16),
    ("l", "volume", 1, 1),
    ("liter", "volume", 1, 1),
    ("litre", "volume", 1, 1),
    ("ml", "volume", 1, 1000),
    ("gallon", "gallons", 1, 1),
    ("quart", "gallons", 1, 4),
    ("dollar", "dollars", 1, 1),
    ("usd", "dollars", 1, 1),
    ("buck", "dollars", 1, 1),
    ("cent", "dollars", 1, 100),
    ("euro", "euros", 1, 1),
    ("yuan", "yuan", 1, 1),
    ("rupee", "rupees", 1, 1),
    ("degree", "angle", 1, 1),
    ("deg", "angle", 1, 1),
    ("radian", "radians", 1, 1),
    ("rad", "radians", 1, 1),
    ("am", "forenoon", 1, 1),
    ("pm", "afternoon", 1, 1),
    ("mph", "speed", 1, 1),
];

const PERCENT_WORDS: &[&str] = &["percent", "percentage", "pct", "percents"];

/// Words of up to three letters that are read as words, not as products of variables.
const SHORT_WORDS: &[&str] = &[
    "and", "or", "cm", "km", "mm", "dm", "kg", "mg", "ml", "ft", "yd", "mi", "lb", "lbs", "oz", "hr", "hrs", "min",
    "sec", "pct", "mph", "per", "deg", "rad", "usd", "the", "is", "of", "no", "yes", "not", "odd", "all", "if", "for",
    "are", "sq", "day", "its", "was", "has", "had", "one", "two", "six", "ten", "any", "but", "mod", "div", "gcd",
    "lcm", "may", "can",
];

/// The unit of a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum MeasurementUnit {
    Percent,
    /// A unit of the table, to a power, with its size in the dimension's first unit.
    Known {
        dimension: &'static str,
        power: i64,
        size: RBig,
    },
    /// A unit that is not in the table.
    Other,
}

/// Whether a run of up to three letters is a word and not a product of variables.
pub(super) fn is_word(word: &str) -> bool {
    SHORT_WORDS.contains(&word)
}

/// The unit that `words` name, with the exponent that follows them.
pub(super) fn unit_named(words: &[String], power: Option<u32>) -> MeasurementUnit {
    let lower: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    if let [one] = lower.as_slice()
        && PERCENT_WORDS.contains(&one.as_str())
    {
        return MeasurementUnit::Percent;
    }
    if lower == ["per", "cent"] {
        return MeasurementUnit::Percent;
    }
    if lower == ["a", "m"] || lower == ["p", "m"] {
        return unit_named(&[lower.concat()], None);
    }
    let (prefix, name) = match lower.as_slice() {
        [one] => (1, one),
        [square, one] if square == "square" || square == "sq" => (2, one),
        [cubic, one] if cubic == "cubic" || cubic == "cu" => (3, one),
        _ => return MeasurementUnit::Other,
    };
    table_unit(name, i64::from(power.unwrap_or(1)) * prefix).unwrap_or(MeasurementUnit::Other)
}

fn table_unit(name: &str, power: i64) -> Option<MeasurementUnit> {
    let entry = |name: &str| UNITS.iter().find(|(key, ..)| *key == name);
    let (_, dimension, numerator, denominator) = entry(name).or_else(|| entry(name.strip_suffix('s')?))?;
    let size = RBig::from_parts(IBig::from(*numerator), UBig::from(*denominator));
    (1..=3).contains(&power).then(|| MeasurementUnit::Known { dimension, power, size: size.pow(power as usize) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &str, power: Option<u32>) -> MeasurementUnit {
        unit_named(&words.split(' ').map(str::to_owned).collect::<Vec<_>>(), power)
    }

    #[test]
    fn spellings_of_a_unit_are_one() {
        assert_eq!(of("square inches", None), of("inch", Some(2)));
        assert_eq!(of("Dollars", None), of("dollar", None));
        assert_eq!(of("per cent", None), MeasurementUnit::Percent);
        assert_eq!(of("widgets", None), MeasurementUnit::Other);
        assert_ne!(of("cm", None), of("m", None));
    }
}
