//! Cancelled transactions, and the reasons for each of their actions
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::CancellationReason;

/// Returns a cancelled transaction's reasons, one per action in the order of the actions; `None` where the transaction
/// failed in another way.
#[must_use]
pub fn cancellation(error: &SdkError<TransactWriteItemsError>) -> Option<&[CancellationReason]> {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            Some(cancelled.cancellation_reasons())
        }
        _ => None,
    }
}

/// Returns whether the action's condition did not hold.
#[must_use]
pub fn is_refused(reason: &CancellationReason) -> bool {
    reason.code() == Some("ConditionalCheckFailed")
}

/// Returns whether the reason allows a retry: a conflict with another transaction, a throttle, or no reason at all.
#[must_use]
pub fn is_transient(reason: &CancellationReason) -> bool {
    matches!(
        reason.code(),
        None | Some("None" | "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded")
    )
}

/// Returns whether a throttle came from the limits of one partition, even if the table could take more. Only DynamoDB's
/// text says so
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/throttling-key-range-limit-exceeded-mitigation.html>).
#[must_use]
pub fn is_hot_partition(error: &SdkError<TransactWriteItemsError>) -> bool {
    const KEY_RANGE: &[u8] = b"KeyRangeThroughputExceeded";
    let body = error.raw_response().and_then(|response| response.body().bytes()).unwrap_or_default();
    body.windows(KEY_RANGE.len()).any(|window| window == KEY_RANGE)
}

/// Returns the reasons as one line, without empty ones.
#[must_use]
pub fn describe(reasons: &[CancellationReason]) -> String {
    let named = reasons.iter().filter(|reason| reason.code().is_some_and(|code| code != "None"));
    let texts: Vec<String> = named
        .map(|reason| format!("{}: {}", reason.code().unwrap_or_default(), reason.message().unwrap_or_default()))
        .collect();
    format!("transaction cancelled: {}", texts.join("; "))
}
