//! Tenants to be placed, from a file: CSV with a header, or JSON lines.

use anyhow::{Context as _, Result, anyhow, bail};
use cellstack_core::text::excerpt;
use cellstack_placement::StandbyRequest;
use cellstack_store::tenant_map::DEFAULT_WEIGHT;
use serde::Deserialize;

use super::Wanted;

/// The form of a file of tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A header, then a line per tenant.
    Csv,
    /// An object per line.
    Json,
}

/// A line of a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    tenant: String,
    cell: Option<String>,
    /// A cell's id, or `none`.
    standby: Option<String>,
    weight: Option<u64>,
    pinned: Option<bool>,
}

/// The standby of a line that wants none.
const NONE: &str = "none";

impl Line {
    fn wanted(self) -> Result<Wanted> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let standby = match given(self.standby) {
            None => StandbyRequest::Any,
            Some(none) if none == NONE => StandbyRequest::None,
            Some(cell) => StandbyRequest::Cell(cell.parse()?),
        };
        let weight = self.weight.unwrap_or(DEFAULT_WEIGHT);
        if weight == 0 {
            bail!("weight must be 1 or more; found 0");
        }
        Ok(Wanted {
            tenant: self.tenant.parse()?,
            cell: given(self.cell).map(|cell| cell.parse()).transpose()?,
            standby,
            weight,
            pinned: self.pinned.unwrap_or_default(),
        })
    }
}

/// Reads tenants. Returns those of the good lines, and a message for each bad one: its number, and the reason.
pub(crate) fn read(text: &str, format: Option<Format>) -> Result<(Vec<Wanted>, Vec<String>)> {
    let guessed = || if text.trim_start().starts_with('{') { Format::Json } else { Format::Csv };
    let lines = match format.unwrap_or_else(guessed) {
        Format::Csv => csv(text)?,
        Format::Json => json(text),
    };
    let (mut wanted, mut bad) = (Vec::new(), Vec::new());
    for (number, line) in lines {
        match line.and_then(Line::wanted) {
            Ok(line) => wanted.push(line),
            Err(error) => bad.push(format!("line {number}: {error:#}")),
        }
    }
    Ok((wanted, bad))
}

type Lines = Vec<(u64, Result<Line>)>;

fn json(text: &str) -> Lines {
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(number, line)| (number, serde_json::from_str(line).map_err(anyhow::Error::from))).collect()
}

fn csv(text: &str) -> Result<Lines> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header =
        reader.headers().context("expected a header with tenant, and cell, standby, weight, pinned as needed")?;
    if !header.iter().any(|name| name == "tenant") {
        let found: Vec<&str> = header.iter().collect();
        let found = found.join(",");
        return Err(anyhow!("expected a header with tenant, cell, standby, weight, pinned; found {found:?}"));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_and_json_lines_say_the_same() {
        let csv = "tenant,cell,standby,weight,pinned\nacme,alpha,beta,3,true\nglobex,,none,,\ninitech,,,,\n";
        let json = r#"{"tenant":"acme","cell":"alpha","standby":"beta","weight":3,"pinned":true}
            {"tenant":"globex","standby":"none"}

            {"tenant":"initech"}"#;
        let read = |text| read(text, None).unwrap();
        assert_eq!(read(csv), read(json));
        let (wanted, bad) = read(csv);
        assert_eq!((wanted.len(), bad.len()), (3, 0));
        assert_eq!((wanted[0].weight, wanted[0].pinned), (3, true));
        assert_eq!((&wanted[1].standby, &wanted[2].standby), (&StandbyRequest::None, &StandbyRequest::Any));
    }

    #[test]
    fn a_bad_line_is_named_with_what_was_expected() {
        let lines = "tenant,weight,pinned\nacme,1,true\nglo bex,1,\ninitech,many,\numbrella,\nhooli,1,maybe\n";
        let (wanted, bad) = read(lines, None).unwrap();
        assert_eq!(wanted.len(), 1);
        assert!(bad[0].starts_with("line 3: a tenant id must be") && bad[0].ends_with("found 'glo bex'"), "{bad:?}");
        assert_eq!(
            bad[1..],
            [
                "line 4: weight must be a whole number; found 'many'",
                "line 5: expected 3 fields, as in the header; found 2",
                "line 6: pinned must be true or false; found 'maybe'",
            ]
        );
        let (_, bad) = read("tenant,weight\nacme,0\n", None).unwrap();
        assert_eq!(bad, ["line 2: weight must be 1 or more; found 0"]);
        let (_, bad) = read("{\"tenant\":\"acme\",\"cel\":\"alpha\"}", None).unwrap();
        assert!(bad[0].contains("unknown field `cel`"), "{bad:?}");
        let error = read("name\nacme\n", None).unwrap_err().to_string();
        assert!(error.contains("found \"name\""), "{error}");
    }
}
