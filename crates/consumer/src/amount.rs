//! Amounts as exact decimals. An amount that does not fit is refused, never rounded.

use cellstack_core::limits::{AMOUNT_DECIMALS, AMOUNT_INTEGER_DIGITS};
use rust_decimal::Decimal;

/// Parses a JSON number. Returns `None` where the text is not a number, or has more digits than an amount may have, its
/// exponent expanded. Leading and trailing zeros do not count.
pub(crate) fn parse(text: &str) -> Option<Decimal> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (integer, fraction) = number.split_once('.').unwrap_or((number, ""));
    if integer.is_empty() || !integer.bytes().chain(fraction.bytes()).all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    // The number is 0.DIGITS times ten to the power of `point`.
    let digits: String = [integer, fraction].concat();
    let significant = digits.trim_start_matches('0');
    let leading = digits.len() - significant.len();
    let significant = significant.trim_end_matches('0');
    if significant.is_empty() {
        return Some(Decimal::ZERO);
    }
    // An exponent that does not fit an `i64` moves the point far beyond any limit.
    let point = exponent.parse::<i64>().ok()?.checked_add((integer.len() as i64).checked_sub(leading as i64)?)?;
    let decimals = (significant.len() as i64).checked_sub(point)?.max(0);
    if point > AMOUNT_INTEGER_DIGITS as i64 || decimals > AMOUNT_DECIMALS as i64 {
        return None;
    }
    let zeros = point.saturating_sub(significant.len() as i64).max(0);
    let units = significant.parse::<i128>().ok()?.checked_mul(10_i128.checked_pow(u32::try_from(zeros).ok()?)?)?;
    Decimal::try_from_i128_with_scale(if negative { -units } else { units }, u32::try_from(decimals).ok()?).ok()
}

/// Adds two decimals. Returns `None` where the sum takes more digits than a decimal has. [`Decimal::checked_add`]
/// rounds then, so that a sum would depend on the order of its parts.
pub(crate) fn exact_sum(a: Decimal, b: Decimal) -> Option<Decimal> {
    let (a, b) = (a.normalize(), b.normalize());
    let mut scale = a.scale().max(b.scale());
    let units = |number: Decimal| number.mantissa().checked_mul(10_i128.checked_pow(scale - number.scale())?);
    let mut sum = units(a)?.checked_add(units(b)?)?;
    loop {
        if let Ok(sum) = Decimal::try_from_i128_with_scale(sum, scale) {
            return Some(sum);
        }
        if scale == 0 || sum % 10 != 0 {
            return None;
        }
        (sum, scale) = (sum / 10, scale - 1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        parse(text).map_or_else(|| "refused".to_owned(), |amount| amount.to_string())
    }

    #[test]
    fn an_amount_is_taken_as_it_is_or_not_at_all() {
        for (text, expected) in [
            ("42", "42"),
            ("-0.10", "-0.1"),
            ("-1.5e3", "-1500"),
            ("25E-2", "0.25"),
            ("0", "0"),
            ("-0.000e99999999999999999999", "0"),
            ("999999999999999.999999999", "999999999999999.999999999"),
            ("999999999999999999999999e-9", "999999999999999.999999999"),
            ("0.0000000010000000000000000000000000000000", "0.000000001"),
            ("1e14", "100000000000000"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
        for text in [
            "1e15",
            "1000000000000000",
            "0.0000000001",
            "1e-10",
            "1e-28",
            "12345678901234567890e-11",
            "1e9223372036854775807",
            "1e-9223372036854775808",
            "1e99999999999999999999",
            "\"42\"",
            "true",
            "",
            "-",
            ".5",
            "+1",
        ] {
            assert_eq!(shown(text), "refused", "{text}");
        }
    }

    #[test]
    fn a_sum_that_a_decimal_cannot_hold_is_none() {
        let (large, small) = (Decimal::MAX, Decimal::new(1, 28));
        assert_eq!(exact_sum(large, large), None);
        assert_eq!(exact_sum(large, small), None, "checked_add would round it away: {:?}", large.checked_add(small));
        assert_eq!(exact_sum(large, -large), Some(Decimal::ZERO));
        assert_eq!(exact_sum(Decimal::new(15, 1), Decimal::new(5, 1)), Some(Decimal::TWO));
    }

    proptest! {
        #[test]
        fn a_number_is_its_own_units_or_refused(
            units in -999_999_999_999_999_999_999_999_999_i128..=999_999_999_999_999_999_999_999_999,
            exponent in -40_i32..40,
        ) {
            let text = format!("{units}e{exponent}");
            // The same number in units of 10^-9, if it is a whole number of them.
            let scaled = exponent + 9;
            let exact = if scaled >= 0 {
                10_i128.checked_pow(scaled.unsigned_abs()).and_then(|ten| units.checked_mul(ten))
            } else {
                let ten = 10_i128.checked_pow(scaled.unsigned_abs());
                ten.filter(|ten| units % ten == 0).map(|ten| units / ten).or((units == 0).then_some(0))
            };
            let expected = exact.filter(|units| units.unsigned_abs() < 10_u128.pow(24));
            let found = parse(&text).map(|amount| amount.mantissa() * 10_i128.pow(9 - amount.scale()));
            prop_assert_eq!(found, expected, "{}", text);
        }

        #[test]
        fn no_text_is_worse_than_refused(text in "[-+0-9.eE]{0,60}|\\PC*") {
            parse(&text);
        }
    }
}
