//! Exact sums of amounts in whole numbers. The code under test adds decimals, so this adds them another way.

/// Decimal places that an amount may have.
const PLACES: i32 = 9;
/// Longest amount or sum that is read.
const DIGITS: usize = 38;

/// Returns a JSON or DynamoDB number in exact billionths; `None` if it is not one, or has too many places or digits.
pub(crate) fn billionths(text: &str) -> Option<i128> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?.checked_add(PLACES)?;
    let digits = digits.trim_start_matches('0');
    let digits = match usize::try_from(shift) {
        _ if digits.is_empty() => "0".to_owned(),
        Ok(zeros) if digits.len() + zeros <= DIGITS => format!("{digits}{}", "0".repeat(zeros)),
        Ok(_) => return None,
        Err(_) => {
            let cut = digits.len().checked_sub(shift.unsigned_abs() as usize)?;
            let (kept, rest) = digits.split_at(cut);
            if rest.bytes().any(|digit| digit != b'0') {
                return None;
            }
            kept.to_owned()
        }
    };
    let number: i128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_exactly_or_not_at_all() {
        for (text, expected) in [
            ("0", 0),
            ("-0.0", 0),
            ("42", 42_000_000_000),
            ("0.000000001", 1),
            ("-1.5e3", -1_500_000_000_000),
            ("25E-1", 2_500_000_000),
            ("1200e-11", 12),
            ("999999999999999.999999999", 999_999_999_999_999_999_999_999),
        ] {
            assert_eq!(billionths(text), Some(expected), "{text}");
        }
        for text in ["", "-", ".", "1e", "x", "\"1\"", "1e-10", "0.0000000001", "1e99", "1e-99", "1e999999999999"] {
            assert_eq!(billionths(text), None, "{text}");
        }
    }
}
