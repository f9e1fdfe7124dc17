//! Refusals of requests that touch an item of a transaction in flight.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling>

use dynoxide::errors::CancellationReason;
use dynoxide::{DynoxideError, Result};
use serde_json::{Value, json};

use super::fault::split_batch;
use super::keys::{ItemKey, item_of, items_of_transaction, keyed};
use super::store::State;

const ONGOING: &str = "Transaction is ongoing for the item";

/// The outcome of comparing a request with the transactions in flight.
pub(super) enum Meeting {
    /// The request meets none of them.
    Clear,
    /// The request is refused, with this status and body.
    Refused(u16, String),
    /// Part of a batch continues. The rest is returned as unprocessed, under this name.
    InPart(Value, &'static str, Value),
}

/// Compares a request with the locked items. Reads outside of transactions meet no lock: they are serializable with
/// each item's own write.
pub(super) fn meet(state: &mut State, operation: &str, body: &str) -> Meeting {
    match operation {
        "PutItem" | "UpdateItem" | "DeleteItem" => {
            let request: Value = serde_json::from_str(body).unwrap_or_default();
            match item_of(state, &request) {
                Some(item) if state.locks.holds(&item) => Meeting::Refused(400, conflict_exception()),
                _ => Meeting::Clear,
            }
        }
        "TransactGetItems" => match items_of_transaction(state, body).map(|items| check(state, &items)) {
            Some(Err(error)) => Meeting::Refused(error.status_code(), error.to_json()),
            _ => Meeting::Clear,
        },
        "BatchWriteItem" => meet_batch(state, body),
        _ => Meeting::Clear,
    }
}

/// Compares each write of a batch by itself. A write that conflicts comes back as unprocessed, since the operation has
/// no error that names a conflict.
///
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>
fn meet_batch(state: &mut State, body: &str) -> Meeting {
    let request: Value = serde_json::from_str(body).unwrap_or_default();
    let mut locked = Vec::new();
    let mut index = 0;
    for (table, writes) in request["RequestItems"].as_object().into_iter().flatten() {
        for write in writes.as_array().into_iter().flatten() {
            let attributes = write["PutRequest"].get("Item").or_else(|| write["DeleteRequest"].get("Key"));
            if attributes.and_then(|a| keyed(state, table, a)).is_some_and(|item| state.locks.holds(&item)) {
                locked.push(index);
            }
            index += 1;
        }
    }
    if locked.is_empty() {
        return Meeting::Clear;
    }
    match split_batch("BatchWriteItem", body, &locked) {
        Some((request, name, unprocessed)) => Meeting::InPart(request, name, unprocessed),
        None => Meeting::Clear,
    }
}

/// Refuses a transaction that touches an item of another.
pub(super) fn check(state: &State, items: &[ItemKey]) -> Result<()> {
    if items.iter().all(|item| !state.locks.holds(item)) {
        return Ok(());
    }
    let reason = |item| {
        if state.locks.holds(item) {
            CancellationReason { code: "TransactionConflict".into(), message: Some(ONGOING.into()), item: None }
        } else {
            CancellationReason { code: "None".into(), ..CancellationReason::default() }
        }
    };
    let reasons: Vec<_> = items.iter().map(reason).collect();
    let codes: Vec<_> = reasons.iter().map(|reason| reason.code.as_str()).collect();
    let message =
        format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{}]", codes.join(", "));
    Err(DynoxideError::TransactionCanceledException(message, reasons))
}

/// Returns the body of the refusal of a write outside of transactions.
pub(super) fn conflict_exception() -> String {
    named("TransactionConflictException", ONGOING)
}

/// Returns the body of the refusal of a transaction whose token is that of one in flight.
pub(super) fn in_progress_exception() -> String {
    named("TransactionInProgressException", "The transaction with the given request token is already in progress.")
}

fn named(kind: &str, message: &str) -> String {
    json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"), "message": message }).to_string()
}
