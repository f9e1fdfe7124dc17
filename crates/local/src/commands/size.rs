//! An amount of data on the command line: `64M`, `2G`.

/// Reads a number of bytes, in units of 1,024.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let expected = || "expected a number and its unit, K, M or G, for example 512M or 2G".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(expected)?;
    let shift = match unit {
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return Err(expected()),
    };
    let number: u64 = number.parse().map_err(|_| expected())?;
    number.checked_mul(1 << shift).ok_or_else(expected)
}

/// Formats an amount in the largest unit that leaves no rest.
pub(crate) fn show(bytes: u64) -> String {
    let units = [(30, "G"), (20, "M"), (10, "K")];
    let whole = units.into_iter().find(|(shift, _)| bytes > 0 && bytes.is_multiple_of(1 << shift));
    whole.map_or_else(|| bytes.to_string(), |(shift, unit)| format!("{}{unit}", bytes >> shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_a_unit_and_is_shown_as_it_was_given() {
        for text in ["64M", "2G", "1500K", "1G"] {
            assert_eq!(show(parse(text).unwrap()), text);
        }
        for text in ["", "M", "64", "64MB", "-1M", "1.5G", "99999999999999999999G", "18446744073709551615G", "é"] {
            assert!(parse(text).unwrap_err().contains("512M"), "{text}");
        }
    }
}
