//! The common part of all batch operations.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::wire::{Batch, ByReceipt};
use crate::error::ApiError;

/// The most entries in a batch.
const MAX_BATCH: usize = 10;

pub(super) fn failed_json(id: &str, error: &ApiError) -> Value {
    json!({
        "Id": id,
        "Code": super::query_code(&error.code),
        "Message": error.message,
        "SenderFault": error.is_sender_fault(),
    })
}

pub(super) fn injected_error() -> ApiError {
    ApiError::new(500, "InternalError", "injected failure of this entry")
}

/// Checks the number and ids of batch entries.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html#API_SendMessageBatch_Errors>
pub(super) fn check_batch<'a>(ids: impl ExactSizeIterator<Item = &'a str>) -> Result<(), ApiError> {
    let count = ids.len();
    if count == 0 {
        return Err(ApiError::sender("EmptyBatchRequest", "There should be at least one entry in the request."));
    }
    if count > MAX_BATCH {
        return Err(ApiError::sender(
            "TooManyEntriesInBatchRequest",
            format!("Maximum number of entries per request are {MAX_BATCH}. You have sent {count}."),
        ));
    }
    let mut seen = HashSet::new();
    for id in ids {
        let well_formed =
            (1..=80).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        if !well_formed {
            return Err(ApiError::sender(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
            ));
        }
        if !seen.insert(id) {
            return Err(ApiError::sender("BatchEntryIdsNotDistinct", format!("Id {id} repeated.")));
        }
    }
    Ok(())
}

/// Runs each entry by itself.
pub(super) fn batch(
    request: Batch<ByReceipt>,
    failing: &[usize],
    mut each: impl FnMut(&str, &ByReceipt) -> Result<(), ApiError>,
) -> Result<String, ApiError> {
    check_batch(request.entries.iter().map(|e| e.id.as_str()))?;
    let (mut ok, mut failed) = (Vec::new(), Vec::new());
    for (i, entry) in request.entries.iter().enumerate() {
        let result = if failing.contains(&i) { Err(injected_error()) } else { each(&request.queue_url, entry) };
        match result {
            Ok(()) => ok.push(json!({ "Id": entry.id })),
            // The queue is missing: the request fails, not its entries.
            Err(error) if error.code == "QueueDoesNotExist" => return Err(error),
            Err(error) => failed.push(failed_json(&entry.id, &error)),
        }
    }
    Ok(json!({ "Successful": ok, "Failed": failed }).to_string())
}
