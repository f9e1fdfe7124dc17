//! The registry's record of a cell: its table and its status.

use serde::{Deserialize, Serialize};

use crate::CellId;
use crate::cell_table::Item;
use crate::lease::Versioned;

/// The status of a cell. It decides which requests the cell gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CellStatus {
    /// The cell takes new tenants.
    #[default]
    Active,
    /// The cell serves, and takes no new tenants.
    Full,
    /// The cell serves, and is being emptied.
    Draining,
    /// The cell gets no requests.
    Down,
    /// The cell is up again, while the events that standbys hold are carried home: it is read, and new events still go
    /// to the standbys.
    Recovering,
    /// The cell is gone.
    Retired,
}

impl CellStatus {
    /// Returns the stored form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Full => "full",
            Self::Draining => "draining",
            Self::Down => "down",
            Self::Recovering => "recovering",
            Self::Retired => "retired",
        }
    }

    /// Returns whether the cell takes its tenants' new events.
    #[must_use]
    pub const fn serves(self) -> bool {
        matches!(self, Self::Active | Self::Full | Self::Draining)
    }

    /// Returns whether the cell may be read.
    #[must_use]
    pub const fn is_read(self) -> bool {
        self.serves() || matches!(self, Self::Recovering)
    }
}

/// A cell's entry in the registry, as the router needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellRecord {
    /// The cell's table: a name, or an ARN where the cell is in another account.
    pub table: String,
    /// The cell's status.
    pub status: CellStatus,
    /// The time when the cell was last marked down, in milliseconds since the Unix epoch. It stays when the status
    /// changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down_at: Option<u64>,
    /// The `down_at` of the mark-down since which all held events are home. Another one than `down_at` says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried_down_at: Option<u64>,
    /// The time after which callers may try again while the cell is down, in seconds, if an operator has set one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

impl CellRecord {
    /// Returns whether the cell is or was marked down, so that standbys may have got events of its tenants.
    #[must_use]
    pub const fn was_down(&self) -> bool {
        self.down_at.is_some() || matches!(self.status, CellStatus::Down | CellStatus::Recovering)
    }

    /// Returns whether standbys may still hold events of the cell's tenants.
    #[must_use]
    pub fn may_be_held_for(&self) -> bool {
        self.was_down() && !is_carried(self.status, self.down_at, self.carried_down_at)
    }
}

/// Returns whether all events that standbys held for a cell's tenants are home, by its last mark-down and the one since which
/// they were carried. The two are compared for equality only: they come from the clocks of two operators.
fn is_carried(status: CellStatus, down_at: Option<u64>, carried_down_at: Option<u64>) -> bool {
    status.serves() && down_at.is_some() && down_at == carried_down_at
}

impl Versioned for CellRecord {
    /// Returns the same version always, so that any later read counts: a status goes back and forth.
    fn version(&self) -> u64 {
        0
    }
}

/// The partition key of the registry.
pub const PARTITION_KEY: &str = "pk";
/// The index of the registry that has the items of cells by [`CELL_ID`], and no others.
pub const CELLS: &str = "cells";
/// The attribute by which an item is in the index [`CELLS`]. A cell is listed if one of its items has it: `config`, `state` or `retired`.
pub const CELL_ID: &str = "cell_id";

/// Returns the partition of a cell in the registry.
#[must_use]
pub fn partition(cell: &CellId) -> String {
    format!("{CELL_PREFIX}{cell}")
}

/// Sort key of the item that configures a cell: Terraform's.
pub const CONFIG: &str = "config";
/// Sort key of the item that holds a cell's state: the operators'.
pub const STATE: &str = "state";

/// Sort key of the item that outlasts a cell: Terraform's.
pub const RETIRED: &str = "retired";

/// Sort key of the item that keeps the results of probes: the operators'.
pub const HEALTH: &str = "health";

/// Partition of the state of automation.
pub const AUTOMATION_PARTITION: &str = "automation";
/// Sort key of the item that has the lease of automation, and counts how often it was taken.
pub const LEASE: &str = "lease";

/// The prefix of the partitions of cells.
pub const CELL_PREFIX: &str = "cell#";
/// The prefix of the partitions of pairs: `pair#<home>` counts, under each standby's id, the tenants that share the two.
pub const PAIR_PREFIX: &str = "pair#";

/// Returns the partition of the pairs of a home cell in the registry.
#[must_use]
pub fn pairs(home: &CellId) -> String {
    format!("{PAIR_PREFIX}{home}")
}

/// The state of a cell, as operators set it. A cell without one serves, and takes no tenants yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CellState {
    /// The status.
    pub status: CellStatus,
    /// The number of tenants whose home the cell is.
    #[serde(deserialize_with = "count")]
    pub tenants: u64,
    /// The sum of their weights.
    #[serde(deserialize_with = "count")]
    pub placed: u64,
    /// The time of the last mark-down, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down_at: Option<u64>,
    /// The `down_at` of the mark-down since which all held events are home.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carried_down_at: Option<u64>,
    /// The time after which callers may try again while the cell is down, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// The reason for the status, in the words of the operator who set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The operator who set the status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_by: Option<String>,
    /// The time at which the status was set, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<u64>,
    /// Grows with each change of the item.
    pub rev: u64,
}

impl CellState {
    /// Returns whether standbys may hold events of the cell's tenants.
    #[must_use]
    pub fn may_be_held_for(&self) -> bool {
        let Self { status, down_at, carried_down_at, .. } = *self;
        (down_at.is_some() || !status.serves()) && !is_carried(status, down_at, carried_down_at)
    }
}

/// The results of a cell's probes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CellHealth {
    /// Probes in a row that failed, up to the last one.
    pub failures: u32,
    /// Probes in a row that passed, up to the last one.
    pub successes: u32,
    /// The time of the last probe, in milliseconds since the Unix epoch.
    pub at: u64,
    /// The time from its write until it was processed, in milliseconds; `None` if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// The reason why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The time of the cell's mark under which these are counted. A later mark begins the count anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<u64>,
}

/// Reads a count. Counts grow and shrink by additions that nothing bounds: one that is wrong may be below zero, and is
/// repaired by a recount.
fn count<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    i64::deserialize(deserializer).map(|count| u64::try_from(count).unwrap_or_default())
}

/// Returns the record that the items of a cell's partition make; `None` where none of them is a configuration. The
/// configuration (Terraform's) and the state (the operators') are two items.
///
/// # Errors
/// When an item is not of the shape that its writer writes.
pub fn record(items: Vec<Item>) -> Result<Option<CellRecord>, serde_dynamo::Error> {
    #[derive(Deserialize)]
    struct Config {
        table: String,
    }
    // No more than routing needs: a count that can't be read must not keep a cell from being served.
    #[derive(Default, Deserialize)]
    struct State {
        #[serde(default)]
        status: CellStatus,
        down_at: Option<u64>,
        carried_down_at: Option<u64>,
        retry_after: Option<u32>,
    }
    let (mut table, mut state) = (None, State::default());
    for item in items {
        match item.get("sk").and_then(|sk| sk.as_s().ok()).map(String::as_str) {
            Some(CONFIG) => table = Some(serde_dynamo::from_item::<_, Config>(item)?.table),
            Some(STATE) => state = serde_dynamo::from_item(item)?,
            _ => {}
        }
    }
    let State { status, down_at, carried_down_at, retry_after } = state;
    Ok(table.map(|table| CellRecord { table, status, down_at, carried_down_at, retry_after }))
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;

    use super::*;

    fn item(pairs: &[(&str, &str)]) -> Item {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), AttributeValue::S((*v).to_owned()))).collect()
    }

    #[test]
    fn a_cell_without_state_is_active_and_one_without_config_is_none() {
        let config = item(&[("sk", "config"), ("table", "t")]);
        let found = record(vec![config.clone()]).unwrap().unwrap();
        assert_eq!(
            found,
            CellRecord {
                table: "t".into(),
                status: CellStatus::Active,
                down_at: None,
                carried_down_at: None,
                retry_after: None
            }
        );
        let down = item(&[("sk", "state"), ("status", "down")]);
        assert!(!record(vec![config, down.clone()]).unwrap().unwrap().status.serves());
        assert_eq!(record(vec![down]).unwrap(), None);
        let recovering = item(&[("sk", "state"), ("status", "recovering")]);
        let recovering = record(vec![item(&[("sk", "config"), ("table", "t")]), recovering]).unwrap().unwrap();
        assert!(recovering.status.is_read() && !recovering.status.serves() && recovering.was_down());
        assert!(record(vec![item(&[("sk", "state"), ("status", "sideways")])]).is_err());
    }
}
