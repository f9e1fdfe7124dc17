//! Files with a line per tenant: CSV with a header, or JSON lines.

use anyhow::{Context as _, Result, anyhow, bail};
use cellstack_core::text::excerpt;
use serde::de::DeserializeOwned;

/// The form of a file of tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A header, then a line per tenant.
    Csv,
    /// An object per line.
    Json,
}

/// Reads a file whose first column, which must be there, is the first of `columns`. Returns what `make` makes of the good
/// lines, and a message for each bad one: its number, and the reason.
///
/// # Errors
/// When the header is not one of these columns.
pub(crate) fn read<L: DeserializeOwned, T>(
    text: &str,
    format: Option<Format>,
    columns: &[&str],
    make: impl Fn(L) -> Result<T>,
) -> Result<(Vec<T>, Vec<String>)> {
    let guessed = || if text.trim_start().starts_with('{') { Format::Json } else { Format::Csv };
    let lines = match format.unwrap_or_else(guessed) {
        Format::Csv => csv(text, columns)?,
        Format::Json => json(text),
    };
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (number, line) in lines {
        match line.and_then(&make) {
            Ok(line) => good.push(line),
            Err(error) => bad.push(format!("line {number}: {error:#}")),
        }
    }
    Ok((good, bad))
}

type Lines<T> = Vec<(u64, Result<T>)>;

fn json<T: DeserializeOwned>(text: &str) -> Lines<T> {
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(number, line)| (number, serde_json::from_str(line).map_err(anyhow::Error::from))).collect()
}

fn csv<T: DeserializeOwned>(text: &str, columns: &[&str]) -> Result<Lines<T>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let expected = || format!("expected a header with {}", columns.join(", "));
    let header = reader.headers().with_context(expected)?;
    if !header.iter().any(|name| name == columns[0]) {
        let found: Vec<&str> = header.iter().collect();
        bail!("{}; found {:?}", expected(), found.join(","));
    }
    let header = header.clone();
    let line = |record: csv::Result<csv::StringRecord>| match record {
        Ok(record) => {
            let number = record.position().map_or(0, csv::Position::line);
            (number, record.deserialize(Some(&header)).map_err(|error| explained(error, &header, &record)))
        }
        Err(error) => {
            let number = error.position().map_or(0, csv::Position::line);
            (number, Err(explained(error, &header, &csv::StringRecord::new())))
        }
    };
    Ok(reader.records().map(line).collect())
}

/// Returns the expected and the found form of a line's field, by the name of its column.
fn explained(error: csv::Error, header: &csv::StringRecord, record: &csv::StringRecord) -> anyhow::Error {
    use csv::{DeserializeErrorKind as Kind, ErrorKind};
    let err = match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            return anyhow!("expected {expected_len} fields, as in the header; found {len}");
        }
        ErrorKind::Deserialize { err, .. } => err,
        _ => return error.into(),
    };
    let column = err.field().and_then(|at| usize::try_from(at).ok());
    let expected = match err.kind() {
        Kind::ParseInt(_) => "a whole number",
        Kind::ParseBool(_) => "true or false",
        other => return anyhow!("{other}"),
    };
    let of = |record: &csv::StringRecord| column.and_then(|at| record.get(at)).unwrap_or_default().to_owned();
    anyhow!("{} must be {expected}; found '{}'", of(header), excerpt(&of(record)))
}
