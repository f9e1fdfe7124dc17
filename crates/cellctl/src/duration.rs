//! A time on the command line: `500ms`, `30s`, `5m`, `1h`, `7d`.

use std::time::Duration;

/// Reads a time of a command line.
///
/// # Errors
/// The message says which forms are expected.
pub fn parse(text: &str) -> Result<Duration, String> {
    let expected = || "expected a number and its unit, for example 500ms, 30s, 5m, 1h or 7d".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(expected)?;
    let (number, unit) = text.split_at(digits);
    let ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(expected()),
    };
    let number: u64 = number.parse().map_err(|_| expected())?;
    number.checked_mul(ms).map(Duration::from_millis).ok_or_else(expected)
}

/// Formats a time in the largest unit that leaves no rest.
#[must_use]
pub fn show(ms: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let whole = units.into_iter().find(|(unit, _)| ms >= *unit && ms.is_multiple_of(*unit));
    whole.map_or_else(|| format!("{ms}ms"), |(unit, name)| format!("{}{name}", ms / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_and_is_shown_as_it_was_given() {
        for text in ["500ms", "30s", "5m", "1h", "90s", "7d"] {
            let ms = u64::try_from(parse(text).unwrap().as_millis()).unwrap();
            assert_eq!(show(ms), text);
        }
        for text in ["30", "s", "1.5s", "-1s", "30 s", "99999999999999999999s", "9999999999999999999h", ""] {
            assert!(parse(text).unwrap_err().contains("30s"), "{text}");
        }
    }
}
