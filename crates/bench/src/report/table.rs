//! The table.

use comfy_table::{CellAlignment, Table, presets};

use crate::figures::{Bound, Figure, Verdict};

/// The most characters of a reason why a figure was not measured. The JSON has all of it.
const LONGEST_REASON: usize = 60;

/// Makes the table: figure, measured, required, aim, verdict, and the other subjects' values where they are of
/// interest.
pub(crate) fn table(figures: &[Figure]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["figure", "measured", "required", "aim", "", "others"]);
    for figure in figures {
        let measured = match &figure.measured {
            Ok(value) => number(*value, figure.unit),
            Err(why) => format!("not measured: {}", why.chars().take(LONGEST_REASON).collect::<String>()),
        };
        let bound = |bound: Option<Bound>| bound.map(|bound| bound_text(bound, figure.unit)).unwrap_or_default();
        table.add_row([
            figure.name.clone(),
            measured,
            bound(figure.required),
            bound(figure.aim),
            verdict(figure.verdict()).to_owned(),
            figure
                .beside
                .iter()
                .map(|(name, value)| format!("{name} {}", number(*value, figure.unit)))
                .collect::<Vec<_>>()
                .join(", "),
        ]);
    }
    for column in 1..=3 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Aim => "ok, aim",
        Verdict::Met => "ok",
        Verdict::Missed => "MISSED",
        Verdict::NotMeasured | Verdict::Noted => "",
    }
}

fn bound_text(bound: Bound, unit: &str) -> String {
    match bound {
        Bound::AtMost(most) => format!("<= {}", number(most, unit)),
        Bound::AtLeast(least) => format!(">= {}", number(least, unit)),
    }
}

/// Writes a number with as many digits as are meaningful.
pub(super) fn number(value: f64, unit: &str) -> String {
    let digits = match (unit, value.abs()) {
        ("", large) if large >= 1000.0 => 0,
        ("x", _) | (_, 10.0..100.0) => 1,
        (_, large) if large >= 100.0 => 0,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    match unit {
        "" => text.to_owned(),
        "x" => format!("{text}x"),
        unit => format!("{text} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_say_something() {
        assert_eq!(number(2.449, "x"), "2.4x");
        assert_eq!(number(12.04, "x"), "12x");
        assert_eq!(number(1.153, "ms"), "1.15 ms");
        assert_eq!(number(171.4, "ms"), "171 ms");
        assert_eq!(number(66.66, "us"), "66.7 us");
        assert_eq!(number(100.0, "us"), "100 us");
        assert_eq!(number(1.0, ""), "1");
        assert_eq!(number(213_456.7, ""), "213457");
    }
}
