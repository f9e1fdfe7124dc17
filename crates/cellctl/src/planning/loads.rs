//! The loads of tenants, by which a rebalance weighs them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, Result, bail};
use cellstack_core::limits::USAGE_DAYS;
use cellstack_core::usage::Usage;
use cellstack_core::{CellId, Clock as _, TenantId};
use cellstack_placement::plan::Tenant;
use cellstack_store::cells::{Cell, Listing};
use cellstack_store::usage;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Deserialize;

use crate::console::Console;
use crate::deployment::Deployment;
use crate::files::lines;

/// Cells that are read at once.
const CELLS_AT_ONCE: usize = 16;

/// Bad lines of a file that are shown.
const BAD_SHOWN: usize = 10;

/// The columns of a file.
const COLUMNS: [&str; 2] = ["tenant", "load"];

/// A source of loads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The declared weights.
    Weight,
    /// The events that the cells have counted.
    Usage,
    /// A file.
    File(PathBuf),
}

impl FromStr for Source {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "weight" => Self::Weight,
            "usage" => Self::Usage,
            path => Self::File(path.into()),
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weight => f.write_str("weight"),
            Self::Usage => f.write_str("usage"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Source {
    /// Reads the loads; `None` for the weights, which the tenants have. Says whose are missing.
    ///
    /// # Errors
    /// When a cell or the file can't be read: a plan must not take a busy tenant for an idle one.
    pub(crate) async fn read(
        &self,
        deployment: &Deployment,
        listing: &Listing,
        days: Option<u8>,
        tenants: &[Tenant],
        console: &mut Console,
    ) -> Result<Option<Usage>> {
        if days.is_some() && *self != Self::Usage {
            bail!("--days goes with --load usage; found --load {self}");
        }
        let loads = match self {
            Self::Weight => return Ok(None),
            Self::Usage => {
                let by_cell = count(deployment, &listing.cells, days.unwrap_or(USAGE_DAYS)).await;
                sum(by_cell.context("a rebalance by usage needs all cells; --load weight needs none")?.values())
            }
            Self::File(path) => file(path)?,
        };
        let missing = tenants.iter().filter(|tenant| loads.get(&tenant.id).is_none_or(|load| *load == 0)).count();
        console.say(format_args!(
            "{} of {} tenants have a load; the others stay",
            tenants.len() - missing,
            tenants.len()
        ));
        Ok(Some(loads))
    }
}

/// Reads what cells have counted on the last days.
///
/// # Errors
/// When a cell's table can't be read.
pub(crate) async fn count(deployment: &Deployment, cells: &[Cell], days: u8) -> Result<BTreeMap<CellId, Usage>> {
    let now_ms = deployment.clock.wall_ms();
    let read = |cell: &Cell| {
        let (id, table) = (cell.id.clone(), cell.config.table.clone());
        async move {
            let mut counted = Usage::new();
            usage::add(&deployment.dynamodb, &table, now_ms, days, &mut counted)
                .await
                .with_context(|| format!("the usage of cell {id} could not be read"))?;
            anyhow::Ok((id, counted))
        }
    };
    stream::iter(cells.iter().map(read)).buffer_unordered(CELLS_AT_ONCE).try_collect().await
}

/// Adds up cells: a tenant that was moved has events in several.
pub(crate) fn sum<'a>(cells: impl IntoIterator<Item = &'a Usage>) -> Usage {
    let mut all = Usage::new();
    for (tenant, events) in cells.into_iter().flatten() {
        *all.entry(tenant.clone()).or_default() += events;
    }
    all
}

/// A line of a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    tenant: String,
    load: u64,
}

fn file(path: &Path) -> Result<Usage> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("could not read loads from {}; expected weight, usage or a file", path.display()))?;
    read(&text).with_context(|| format!("{} is not a file of loads", path.display()))
}

fn read(text: &str) -> Result<Usage> {
    let line = |Line { tenant, load }| anyhow::Ok((tenant.parse::<TenantId>()?, load));
    let (lines, mut bad) = lines::read(text, None, &COLUMNS, line)?;
    let mut loads = Usage::new();
    for (tenant, load) in lines {
        if loads.insert(tenant.clone(), load).is_some() {
            bad.push(format!("tenant {tenant} has two lines"));
        }
    }
    if !bad.is_empty() {
        let more = bad.len().saturating_sub(BAD_SHOWN);
        bad.truncate(BAD_SHOWN);
        if more > 0 {
            bad.push(format!("and {more} more"));
        }
        bail!("{}", bad.join("\n"));
    }
    Ok(loads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_and_json_lines_say_the_same_and_a_bad_line_is_named() {
        let loads = read("tenant,load\nacme,7\nglobex,0\n").unwrap();
        assert_eq!(loads, read("{\"tenant\":\"acme\",\"load\":7}\n{\"load\":0,\"tenant\":\"globex\"}\n").unwrap());
        assert_eq!(loads.values().sum::<u64>(), 7);
        let bad = read("tenant,load\nacme,7\nacme,8\nglo bex,1\nhooli,-1\n").unwrap_err().to_string();
        let bad: Vec<&str> = bad.lines().collect();
        assert!(bad[0].starts_with("line 4: a tenant id must be"), "{bad:?}");
        assert_eq!(bad[1..], ["line 5: load must be a whole number; found '-1'", "tenant acme has two lines"]);
        let header = read("name,load\nacme,7\n").unwrap_err().to_string();
        assert_eq!(header, "expected a header with tenant, load; found \"name,load\"");
        let many = (0..30).map(|_| "x y,1\n").collect::<String>();
        assert!(read(&format!("tenant,load\n{many}")).unwrap_err().to_string().ends_with("and 20 more"));
    }

    #[test]
    fn a_source_is_a_word_or_a_file() {
        for (text, expected) in
            [("weight", Source::Weight), ("usage", Source::Usage), ("./usage", Source::File("./usage".into()))]
        {
            let source: Source = text.parse().unwrap();
            assert_eq!((source.to_string().as_str(), &source), (text, &expected));
        }
    }
}
