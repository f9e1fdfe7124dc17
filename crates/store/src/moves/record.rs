//! The record of a move in the registry.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_aws::AwsFailure;
use cellstack_core::cell_table::Item;
use cellstack_core::registry::PARTITION_KEY;
use cellstack_core::{CellId, Epoch, EventId, TenantId};
use serde::{Deserialize, Serialize};

use crate::tenant_map::TenantMap;

/// The id of a move: a UUIDv7, so that ids sort by time.
pub type MoveId = EventId;

/// The partition of all moves in the registry.
pub(super) const MOVES: &str = "moves";

/// The phase of a move. Later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The map says that the tenant moves. Its source takes its events.
    Moving,
    /// The fences close, and the source drains.
    Fenced,
    /// Events that the source could not process are frozen. The move can only go forward.
    Carrying,
    /// The source has nothing left to process. The rest is copied.
    Drained,
    /// Source and destination are equal.
    Verified,
    /// The destination has the tenant.
    Flipped,
    /// The source's copy is deleted.
    Purged,
    /// The source has the tenant again.
    Aborted,
}

impl Phase {
    /// Returns the stored form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Moving => "moving",
            Self::Fenced => "fenced",
            Self::Carrying => "carrying",
            Self::Drained => "drained",
            Self::Verified => "verified",
            Self::Flipped => "flipped",
            Self::Purged => "purged",
            Self::Aborted => "aborted",
        }
    }

    /// Returns whether the move has not ended: the map says `moving` or `fenced`.
    #[must_use]
    pub const fn is_under_way(self) -> bool {
        matches!(self, Self::Moving | Self::Fenced | Self::Carrying | Self::Drained | Self::Verified)
    }
}

/// The record of a move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveRecord {
    /// The id.
    #[serde(rename = "sk")]
    pub id: MoveId,
    /// The tenant.
    pub tenant: TenantId,
    /// The cell that it leaves.
    pub from: CellId,
    /// The cell that it goes to.
    pub to: CellId,
    /// The epoch under which the source has it.
    pub epoch: Epoch,
    /// Its standby before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby_before: Option<CellId>,
    /// Its standby after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby_after: Option<CellId>,
    /// The part of a cell's capacity that it takes.
    pub weight: u64,
    /// The phase.
    pub phase: Phase,
    /// True if events were frozen in the source. They are to be handed over.
    #[serde(default)]
    pub carries: bool,
    /// The run that may take steps. A run that takes over writes its own here.
    pub run: EventId,
    /// Grows while that run lives.
    #[serde(default)]
    pub beat: u64,
    /// The operator of that run.
    pub by: String,
    /// The time of the last step, in milliseconds since the Unix epoch.
    pub at: u64,
    /// The operator who began the move.
    pub started_by: String,
    /// The operator's reason.
    pub reason: String,
    /// The time at which each phase was recorded, in milliseconds since the Unix epoch.
    #[serde(default)]
    pub times: BTreeMap<Phase, u64>,
    /// Counts of what was done: `copied`, `compared`, `carried`, `pause_ms` and others.
    #[serde(default)]
    pub counts: BTreeMap<String, u64>,
    /// The time from which on the source's copy may be purged, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_until: Option<u64>,
}

pub(super) const WHAT: &str = "write a move's record";

pub(super) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// Returns the key of a move's record.
pub(super) fn key(id: MoveId) -> HashMap<String, AttributeValue> {
    HashMap::from([(PARTITION_KEY.to_owned(), text(MOVES)), ("sk".to_owned(), text(&id.to_string()))])
}

impl MoveRecord {
    /// Returns whether the tenant has moved: a copy that is purged may be that of a move that was aborted.
    #[must_use]
    pub fn has_flipped(&self) -> bool {
        self.times.contains_key(&Phase::Flipped)
    }

    /// Returns the item that stores the record.
    pub(super) fn to_item(&self) -> Result<Item, AwsFailure> {
        let mut item: Item = serde_dynamo::to_item(self)
            .map_err(|error| AwsFailure::unreadable(WHAT, format!("move {}: {error}", self.id)))?;
        item.insert(PARTITION_KEY.to_owned(), text(MOVES));
        Ok(item)
    }

    fn from_item(item: Item) -> Result<Self, AwsFailure> {
        serde_dynamo::from_item(item).map_err(|error| AwsFailure::unreadable("read a move's record", error.to_string()))
    }
}

/// Reads a move.
///
/// # Errors
/// When the registry can't be read, or the record is not of the shape that is written here.
pub async fn one(client: &Client, registry: &str, id: MoveId) -> Result<Option<MoveRecord>, AwsFailure> {
    let get = client.get_item().table_name(registry).set_key(Some(key(id))).consistent_read(true);
    let got = get.send().await.map_err(|error| AwsFailure::of("read a move's record", error))?;
    got.item.map(MoveRecord::from_item).transpose()
}

/// Reads moves, the latest first, until `enough` returns `true`.
///
/// # Errors
/// Like [`one`].
pub async fn all(
    client: &Client,
    registry: &str,
    mut enough: impl FnMut(&[MoveRecord]) -> bool,
) -> Result<Vec<MoveRecord>, AwsFailure> {
    let mut items = client
        .query()
        .table_name(registry)
        .key_condition_expression("pk = :moves")
        .expression_attribute_values(":moves", text(MOVES))
        .scan_index_forward(false)
        .consistent_read(true)
        .into_paginator()
        .items()
        .send();
    let mut found = Vec::new();
    while !enough(&found)
        && let Some(item) = items.next().await
    {
        let item = item.map_err(|error| AwsFailure::of("list the moves", error))?;
        // An operator's switch for all moves is in the same partition.
        if item.contains_key("phase") {
            found.push(MoveRecord::from_item(item)?);
        }
    }
    Ok(found)
}

/// Reads the move that a tenant is in; `None` if it is in none.
///
/// # Errors
/// Like [`one`].
pub async fn of_tenant(map: &TenantMap, registry: &str, tenant: &TenantId) -> Result<Option<MoveRecord>, AwsFailure> {
    match map.entry(tenant).await?.and_then(|entry| entry.migration_id) {
        Some(id) => one(map.client(), registry, id).await,
        None => Ok(None),
    }
}
