//! Changes of a cell's events, by a separate mapping on the table's stream.

use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use cellstack_core::event::EventKey;
use cellstack_core::{CellId, EventId, EventStatus};
use cellstack_emulator::{Aws, MappingHandle, StartingPosition, StreamMapping, function_fn};
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::names::CellNames;

/// Filter for events alone.
const FILTER: &str = r#"{"dynamodb":{"Keys":{"sk":{"S":[{"prefix":"event#"}]}}}}"#;

/// A new event in a table, or a new status of one.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) cell: CellId,
    pub(super) tenant: String,
    pub(super) event: EventId,
    pub(super) event_type: String,
    /// The status before; `None` for a new event.
    pub(super) before: Option<EventStatus>,
    pub(super) status: EventStatus,
    pub(super) accepted_at: Option<u64>,
    pub(super) processed_at: Option<u64>,
    pub(super) error: Option<String>,
}

/// Sends each change of a cell's events. Changes are lost where the receiver is behind: a watcher holds up nothing.
pub(super) fn watch(
    aws: &Aws,
    cell: &CellId,
    from: StartingPosition,
    changes: mpsc::Sender<Change>,
) -> Result<MappingHandle> {
    let mut mapping = StreamMapping::new(&CellNames::of(cell).table, &format!("watcher-of-{cell}"));
    mapping.filters = vec![FILTER.to_owned()];
    mapping.starting_position = from;
    mapping.max_retries = Some(0);
    let cell = cell.clone();
    let function = move |payload: Bytes| {
        let records = serde_json::from_slice::<Batch>(&payload).map_or_else(|_| Vec::new(), |batch| batch.records);
        for record in records {
            if let Some(change) = change(&cell, &record) {
                let _ = changes.try_send(change);
            }
        }
        std::future::ready(Ok(Bytes::from_static(b"{}")))
    };
    Ok(aws.map_stream(mapping, Arc::clone(&function_fn(function)))?)
}

#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    records: Vec<serde_json::Value>,
}

fn change(cell: &CellId, record: &serde_json::Value) -> Option<Change> {
    let record = &record["dynamodb"];
    let (old, new) = (&record["OldImage"], &record["NewImage"]);
    let text = |image: &serde_json::Value, name: &str| image[name]["S"].as_str().map(ToOwned::to_owned);
    let number = |name: &str| new[name]["N"].as_str().and_then(|number| number.parse().ok());
    let status = |image| text(image, "status").and_then(|status| serde_json::from_value(status.into()).ok());
    let (before, now) = (status(old), status(new)?);
    if before == Some(now) {
        return None;
    }
    Some(Change {
        cell: cell.clone(),
        tenant: text(new, "tenant_id")?,
        event: text(new, "sk")?.strip_prefix(EventKey::PREFIX)?.parse().ok()?,
        event_type: text(new, "type").unwrap_or_default(),
        before,
        status: now,
        accepted_at: number("accepted_at"),
        processed_at: number("processed_at"),
        error: text(new, "error"),
    })
}
