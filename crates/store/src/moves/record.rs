//! The record of a move in the registry, and the steps of the run that has it.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata as _};
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, TransactWriteItem, Update};
use cellstack_aws::AwsFailure;
use cellstack_aws::backoff::Backoff;
use cellstack_core::cell_table::{Item, number};
use cellstack_core::limits::PLACE_TIMEOUT;
use cellstack_core::registry::PARTITION_KEY;
use cellstack_core::{CellId, Epoch, EventId, TenantId};
use serde::{Deserialize, Serialize};

use super::MoveError;
use crate::tenant_map::TenantMap;

/// The id of a move: a UUIDv7, so that ids sort by time.
pub type MoveId = EventId;

/// The partition of all moves in the registry.
pub(super) const MOVES: &str = "moves";

/// The phase of a move.
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
    /// True if events were frozen in the source, to be handed over.
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
    pub times: BTreeMap<String, u64>,
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
fn key(id: MoveId) -> HashMap<String, AttributeValue> {
    HashMap::from([(PARTITION_KEY.to_owned(), text(MOVES)), ("sk".to_owned(), text(&id.to_string()))])
}

impl MoveRecord {
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

/// Reads moves, the latest first, until `enough` says so.
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

/// The steps of one run of a move. A step that another run has made impossible is refused.
#[derive(Debug, Clone)]
pub struct Steps<'a> {
    /// The client that reaches the registry.
    pub client: &'a Client,
    /// The registry's table.
    pub registry: &'a str,
    /// The move.
    pub id: MoveId,
    /// The run.
    pub run: EventId,
}

/// A condition on the record.
struct Condition {
    expression: String,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Steps<'_> {
    /// Begins an update of the record that holds while this run has it, in one of these phases.
    fn update(&self, expected: &[Phase]) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        let Condition { expression, names, values } = self.condition(expected);
        Update::builder()
            .table_name(self.registry)
            .set_key(Some(key(self.id)))
            .condition_expression(expression)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
    }

    fn condition(&self, expected: &[Phase]) -> Condition {
        let phases: Vec<String> = (0..expected.len()).map(|at| format!(":phase{at}")).collect();
        let expression = format!("#run = :run AND #phase IN ({})", phases.join(", "));
        let names = [("#run", "run"), ("#phase", "phase")];
        let mut values = HashMap::from([(":run".to_owned(), text(&self.run.to_string()))]);
        values.extend(phases.into_iter().zip(expected.iter().map(|phase| text(phase.as_str()))));
        let names = names.into_iter().map(|(name, attribute)| (name.to_owned(), attribute.to_owned())).collect();
        Condition { expression, names, values }
    }

    /// Returns the action that records the next phase.
    pub(super) fn action(
        &self,
        expected: &[Phase],
        next: Phase,
        now_ms: u64,
        facts: &[(&str, AttributeValue)],
    ) -> Result<TransactWriteItem, BuildError> {
        let mut set = "SET #phase = :next, #at = :now, #times.#next = :now".to_owned();
        let mut update = self
            .update(expected)
            .expression_attribute_names("#at", "at")
            .expression_attribute_names("#times", "times")
            .expression_attribute_names("#next", next.as_str())
            .expression_attribute_values(":next", text(next.as_str()))
            .expression_attribute_values(":now", number(now_ms));
        for (at, (name, value)) in facts.iter().enumerate() {
            set.push_str(&format!(", #fact{at} = :fact{at}"));
            update = update.expression_attribute_names(format!("#fact{at}"), *name);
            update = update.expression_attribute_values(format!(":fact{at}"), value.clone());
        }
        Ok(TransactWriteItem::builder().update(update.update_expression(set).build()?).build())
    }

    /// Returns the check that this run has the move, in one of these phases.
    pub(super) fn check(&self, expected: &[Phase]) -> Result<TransactWriteItem, BuildError> {
        let Condition { expression, names, values } = self.condition(expected);
        let check = ConditionCheck::builder()
            .table_name(self.registry)
            .set_key(Some(key(self.id)))
            .condition_expression(expression)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .build()?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    /// Records the next phase. Safe to run again.
    ///
    /// # Errors
    /// [`MoveError::TakenOver`] when another run has the move, or it is in another phase.
    pub async fn record(
        &self,
        expected: &[Phase],
        next: Phase,
        now_ms: u64,
        facts: &[(&str, AttributeValue)],
    ) -> Result<(), MoveError> {
        let mut again = expected.to_vec();
        again.push(next);
        let action = self.action(&again, next, now_ms, facts)?;
        let Some(update) = action.update else { return Ok(()) };
        self.send(update).await
    }

    /// Says that this run lives.
    ///
    /// # Errors
    /// Like [`Steps::record`].
    pub async fn beat(&self) -> Result<(), MoveError> {
        let alive = [Phase::Moving, Phase::Fenced, Phase::Carrying, Phase::Drained, Phase::Verified];
        let update = self.update(&alive).update_expression("ADD beat :one");
        self.send(update.expression_attribute_values(":one", number(1)).build()?).await
    }

    /// Adds counts to the record.
    ///
    /// # Errors
    /// When the registry can't be written.
    pub async fn count(&self, counts: &BTreeMap<String, u64>) -> Result<(), MoveError> {
        let all = [Phase::Moving, Phase::Fenced, Phase::Carrying, Phase::Drained, Phase::Verified, Phase::Flipped];
        let counts = counts.iter().map(|(name, count)| (name.clone(), number(*count))).collect();
        let update = self.update(&all).update_expression("SET #counts = :counts");
        let update = update.expression_attribute_names("#counts", "counts");
        self.send(update.expression_attribute_values(":counts", AttributeValue::M(counts)).build()?).await
    }

    /// Takes a move over from a run that no longer lives. It holds if the record is as it was seen.
    ///
    /// # Errors
    /// [`MoveError::TakenOver`] when the other run lives, or somebody else was first.
    pub async fn take_over(&self, seen: &MoveRecord, operator: &str, now_ms: u64) -> Result<(), MoveError> {
        let before = Self { run: seen.run, ..self.clone() };
        let update = before
            .update(&[seen.phase])
            .update_expression("SET #run = :mine, #by = :by, #at = :now ADD beat :one")
            .expression_attribute_names("#by", "by")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":mine", text(&self.run.to_string()))
            .expression_attribute_values(":by", text(operator))
            .expression_attribute_values(":now", number(now_ms))
            .expression_attribute_values(":one", number(1))
            .build()?;
        match self.send(update).await {
            // An earlier try of the SDK wrote it, and its response was lost.
            Err(MoveError::TakenOver { .. }) if self.is_mine(seen.phase).await? => Ok(()),
            written => written,
        }
    }

    /// Returns whether the record is in a phase that this run has recorded.
    pub(super) async fn is_mine(&self, phase: Phase) -> Result<bool, AwsFailure> {
        let record = one(self.client, self.registry, self.id).await?;
        Ok(record.is_some_and(|record| record.run == self.run && record.phase == phase))
    }

    async fn send(&self, update: Update) -> Result<(), MoveError> {
        let mut backoff = Backoff::within(PLACE_TIMEOUT);
        loop {
            let sent = self
                .client
                .update_item()
                .table_name(&update.table_name)
                .set_key(Some(update.key.clone()))
                .update_expression(&update.update_expression)
                .set_condition_expression(update.condition_expression.clone())
                .set_expression_attribute_names(update.expression_attribute_names.clone())
                .set_expression_attribute_values(update.expression_attribute_values.clone())
                .send()
                .await;
            let Err(error) = sent else { return Ok(()) };
            match error.code() {
                Some("ConditionalCheckFailedException") => return Err(self.taken_over().await?),
                Some("TransactionConflictException") if backoff.pause().await => {}
                _ => return Err(AwsFailure::of(WHAT, error).into()),
            }
        }
    }

    /// Explains a refused step by the record as it is now.
    pub(super) async fn taken_over(&self) -> Result<MoveError, AwsFailure> {
        let record = one(self.client, self.registry, self.id).await?;
        Ok(MoveError::TakenOver { id: self.id, record: record.map(Box::new) })
    }
}
