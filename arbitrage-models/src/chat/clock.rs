//! The current date, for templates that write it.

use super::fault::{Evaluated, Fault};
use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use std::time::{SystemTime, UNIX_EPOCH};

/// Longest format, in bytes.
const MAX_FORMAT_BYTES: usize = 1000;
/// Most characters that a width may pad a field to.
const MAX_WIDTH: usize = 100;

/// `strftime` of Python on Linux, in UTC and English.
///
/// # Errors
/// For an unknown directive, and for a format of more than 1000 bytes.
pub(super) fn format(format: &str, now: SystemTime) -> Evaluated<String> {
    if format.len() > MAX_FORMAT_BYTES {
        return Err(Fault::invalid(format!("strftime_now: the format is longer than {MAX_FORMAT_BYTES} bytes")));
    }
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(0);
    let date = DateTime::from_timestamp(seconds, since.subsec_nanos()).unwrap_or_default();
    written(format, &date)
}

fn written(format: &str, date: &DateTime<Utc>) -> Evaluated<String> {
    let mut out = String::new();
    let mut rest = format.chars();
    while let Some(character) = rest.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        let mut flags = String::new();
        let mut width = String::new();
        let directive = loop {
            match rest.next() {
                Some(flag @ ('-' | '_' | '^' | '#')) if width.is_empty() => flags.push(flag),
                Some('0') if width.is_empty() => flags.push('0'),
                Some(digit @ '0'..='9') => width.push(digit),
                directive => break directive,
            }
        };
        let unknown = || Fault::invalid(format!("strftime_now: unknown directive in the format `{format}`"));
        let field = directive.and_then(|directive| field(directive, date)).ok_or_else(unknown)?;
        let width = if width.is_empty() { None } else { Some(width.parse().ok().filter(|w| *w <= MAX_WIDTH)) };
        out.push_str(&match field {
            DateField::Text(text) => {
                text_field(text, &flags, width.map(|width| width.ok_or_else(unknown)).transpose()?)
            }
            DateField::Number(number, natural, pad) => {
                let width = width.map(|width| width.ok_or_else(unknown)).transpose()?.unwrap_or(natural);
                number_field(number, width, pad, &flags)
            }
            DateField::Composed(format) => text_field(written(format, date)?, &flags, None),
        });
    }
    Ok(out)
}

/// What a directive stands for.
enum DateField {
    Text(String),
    /// A number, its usual width, and what it is padded with.
    Number(i64, usize, char),
    /// Other directives.
    Composed(&'static str),
}

fn field(directive: char, date: &DateTime<Utc>) -> Option<DateField> {
    use DateField::{Composed, Number, Text};
    let named = |format: &str| Text(date.format(format).to_string());
    let (hour, year) = (i64::from(date.hour()), i64::from(date.year()));
    let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
    let (sunday, monday) =
        (i64::from(date.weekday().num_days_from_sunday()), i64::from(date.weekday().num_days_from_monday()));
    let day_of_year = i64::from(date.ordinal0());
    let week = date.iso_week();
    Some(match directive {
        'a' => named("%a"),
        'A' => named("%A"),
        'b' | 'h' => named("%b"),
        'B' => named("%B"),
        'c' => Composed("%a %b %e %H:%M:%S %Y"),
        'C' => Number(year.div_euclid(100), 2, '0'),
        'd' => Number(i64::from(date.day()), 2, '0'),
        'D' | 'x' => Composed("%m/%d/%y"),
        'e' => Number(i64::from(date.day()), 2, ' '),
        'f' => Number(i64::from(date.timestamp_subsec_micros()), 6, '0'),
        'F' => Composed("%Y-%m-%d"),
        'g' => Number(i64::from(week.year()).rem_euclid(100), 2, '0'),
        'G' => Number(i64::from(week.year()), 4, '0'),
        'H' => Number(hour, 2, '0'),
        'I' => Number(twelve, 2, '0'),
        'j' => Number(day_of_year + 1, 3, '0'),
        'k' => Number(hour, 2, ' '),
        'l' => Number(twelve, 2, ' '),
        'm' => Number(i64::from(date.month()), 2, '0'),
        'M' => Number(i64::from(date.minute()), 2, '0'),
        'n' => Text("\n".to_owned()),
        'p' => Text(if hour < 12 { "AM" } else { "PM" }.to_owned()),
        'P' => Text(if hour < 12 { "am" } else { "pm" }.to_owned()),
        'r' => Composed("%I:%M:%S %p"),
        'R' => Composed("%H:%M"),
        's' => Number(date.timestamp(), 1, '0'),
        'S' => Number(i64::from(date.second()), 2, '0'),
        't' => Text("\t".to_owned()),
        'T' | 'X' => Composed("%H:%M:%S"),
        'u' => Number(monday + 1, 1, '0'),
        'U' => Number((day_of_year + 7 - sunday) / 7, 2, '0'),
        'V' => Number(i64::from(week.week()), 2, '0'),
        'w' => Number(sunday, 1, '0'),
        'W' => Number((day_of_year + 7 - monday) / 7, 2, '0'),
        'y' => Number(year.rem_euclid(100), 2, '0'),
        'Y' => Number(year, 1, '0'),
        // A date without a time zone, as `datetime.now()` gives, has no text for it.
        'z' | 'Z' => Text(String::new()),
        '%' => Text("%".to_owned()),
        _ => return None,
    })
}

fn text_field(text: String, flags: &str, width: Option<usize>) -> String {
    let text = if flags.contains('^') || flags.contains('#') { text.to_uppercase() } else { text };
    let pad = if flags.contains('0') { '0' } else { ' ' };
    let missing = width.unwrap_or(0).saturating_sub(text.chars().count());
    std::iter::repeat_n(pad, missing).chain(text.chars()).collect()
}

fn number_field(number: i64, width: usize, pad: char, flags: &str) -> String {
    let digits = number.to_string();
    let pad = match flags.chars().rev().find(|flag| "-_0".contains(*flag)) {
        Some('-') => return digits,
        Some('_') => ' ',
        Some('0') => '0',
        _ => pad,
    };
    let missing = width.saturating_sub(digits.len());
    std::iter::repeat_n(pad, missing).chain(digits.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn dates() {
        let cases = [
            (0, "%d %b %Y", "01 Jan 1970"),
            (951_782_400, "%A, %d %B %Y", "Tuesday, 29 February 2000"),
            (1_721_952_000, "%d %b %Y", "26 Jul 2024"),
            (1_735_689_599, "%Y-%m-%dT%H:%M:%S %a %y %%", "2024-12-31T23:59:59 Tue 24 %"),
            (1_720_080_303, "%-d|%e|%_m|%F|%j|%I|%p|%l|%P|%-I", "4| 4| 7|2024-07-04|186|08|AM| 8|am|8"),
            (1_720_080_303, "%U|%W|%V|%G|%g|%u|%w|%C|%D|%R|%T", "26|27|27|2024|24|4|4|20|07/04/24|08:05|08:05:03"),
            (
                1_720_080_303,
                "%c|%x|%X|%r|%s|%f|%z%Z|%^a|%h",
                "Thu Jul  4 08:05:03 2024|07/04/24|08:05:03|08:05:03 AM|1720080303|000000||THU|Jul",
            ),
        ];
        for (seconds, directives, expected) in cases {
            assert_eq!(format(directives, UNIX_EPOCH + Duration::from_secs(seconds)).unwrap(), expected);
        }
        assert!(format("%Q", UNIX_EPOCH).is_err());
        assert!(format("%", UNIX_EPOCH).is_err());
    }
}
