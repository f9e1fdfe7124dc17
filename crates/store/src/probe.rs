//! The event by which a cell is probed: written as the router writes one, and read until it is processed.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_aws::AwsFailure;
use cellstack_core::cell_table::{Item, key, number};
use cellstack_core::event::EventKey;
use cellstack_core::ids::{PROBE_TENANT, PROBE_TYPE};
use cellstack_core::limits::PROBE_RETENTION;
use cellstack_core::{Epoch, EventId, EventRecord, EventStatus, NewEvent};

/// Writes a probe's event into a cell. It expires by itself.
///
/// # Errors
/// When the table can't be written.
pub async fn write(client: &Client, table: &str, id: EventId, now_ms: u64) -> Result<(), AwsFailure> {
    const WHAT: &str = "write the probe";
    let unbuilt = |error: &dyn std::fmt::Display| AwsFailure::unreadable(WHAT, error.to_string());
    let tenant = PROBE_TENANT.parse().map_err(|error| unbuilt(&error))?;
    let event_type = PROBE_TYPE.parse().map_err(|error| unbuilt(&error))?;
    let event = NewEvent { id, event_type, data: None, context: None };
    let record = EventRecord::accepted(tenant, event, Epoch::FIRST, now_ms);
    let mut item: Item = serde_dynamo::to_item(record).map_err(|error| unbuilt(&error))?;
    item.insert("expires_at".to_owned(), number(now_ms / 1_000 + PROBE_RETENTION.as_secs()));
    let put = client.put_item().table_name(table).set_item(Some(item));
    put.send().await.map(drop).map_err(|error| AwsFailure::of(WHAT, error))
}

/// Reads how far a probe's event has come, strongly consistent. Returns the reason along with `Failed`.
///
/// # Errors
/// When the table can't be read, or the event is not there any more.
pub async fn read(client: &Client, table: &str, id: EventId) -> Result<(EventStatus, Option<String>), AwsFailure> {
    const WHAT: &str = "read the probe";
    let unreadable = |detail: String| AwsFailure::unreadable(WHAT, detail);
    let tenant = PROBE_TENANT.parse().map_err(|error: cellstack_core::InvalidId| unreadable(error.to_string()))?;
    let key: HashMap<String, AttributeValue> = key(&tenant, EventKey(id).to_string());
    let got = client.get_item().table_name(table).set_key(Some(key)).consistent_read(true).send().await;
    let item = got.map_err(|error| AwsFailure::of(WHAT, error))?.item;
    let item = item.ok_or_else(|| unreadable(format!("event {id} is not in {table} any more")))?;
    let record: EventRecord = serde_dynamo::from_item(item).map_err(|error| unreadable(error.to_string()))?;
    Ok((record.status, record.error))
}
