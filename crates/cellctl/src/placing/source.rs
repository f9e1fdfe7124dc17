//! Tenants to be placed, from a file.

use anyhow::{Result, bail};
use cellstack_placement::StandbyRequest;
use cellstack_store::tenant_map::DEFAULT_WEIGHT;
use serde::Deserialize;

use super::Wanted;
use crate::files::lines::{self, Format};

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

/// The columns of a file.
const COLUMNS: [&str; 5] = ["tenant", "cell", "standby", "weight", "pinned"];

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
    lines::read(text, format, &COLUMNS, Line::wanted)
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
