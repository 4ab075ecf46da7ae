//! The current date, for templates that write it.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::DateTime;
use chrono::format::StrftimeItems;
use minijinja::{Error, ErrorKind};

/// `strftime` in UTC and English.
///
/// # Errors
/// For an unknown directive.
pub(super) fn format(format: &str, now: SystemTime) -> Result<String, Error> {
    let invalid = || Error::new(ErrorKind::InvalidOperation, "strftime_now: unknown directive in the format");
    let items = StrftimeItems::new(format).parse().map_err(|_| invalid())?;
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let date = i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0)).unwrap_or_default();
    let mut out = String::new();
    write!(out, "{}", date.format_with_items(items.iter())).map_err(|_| invalid())?;
    Ok(out)
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
        ];
        for (seconds, directives, expected) in cases {
            assert_eq!(format(directives, UNIX_EPOCH + Duration::from_secs(seconds)).unwrap(), expected);
        }
        assert!(format("%Q", UNIX_EPOCH).is_err());
        assert!(format("%", UNIX_EPOCH).is_err());
    }
}
