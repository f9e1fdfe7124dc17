//! The metadata of discarded records that an on-failure destination gets.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>

use serde_json::json;

use crate::clock::iso8601;
use crate::context::Context;
use crate::dynamodb::{Record, Shard};

/// The reason why records are discarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    RetryAttemptsExhausted,
    RecordAgeExceeded,
}

impl Condition {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RetryAttemptsExhausted => "RetryAttemptsExhausted",
            Self::RecordAgeExceeded => "RecordAgeExceeded",
        }
    }
}

/// Returns the metadata that an SQS destination gets: the place of the records in the stream, not the records.
///
/// `records` are the first of them, the last of them, and their number.
pub(super) fn metadata(
    context: &Context,
    shard: &Shard,
    function: &str,
    condition: Condition,
    invoke_count: u32,
    (first, last, records): (&Record, &Record, usize),
) -> String {
    let function_arn = context.arn("lambda", &format!("function:{function}"));
    let mut body = json!({
        "requestContext": {
            "requestId": context.uuid(),
            "functionArn": function_arn,
            "condition": condition.name(),
            "approximateInvokeCount": invoke_count,
        },
        "version": "1.0",
        "timestamp": iso8601(context.clock.ms()),
        "DDBStreamBatchInfo": {
            "shardId": shard.id(),
            "startSequenceNumber": first.sequence_number(),
            "endSequenceNumber": last.sequence_number(),
            "approximateArrivalOfFirstRecord": iso8601(first.created_ms),
            "approximateArrivalOfLastRecord": iso8601(last.created_ms),
            "batchSize": records,
            "streamArn": shard.stream_arn,
        },
    });
    if invoke_count > 0 {
        body["responseContext"] = json!({
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        });
    }
    body.to_string()
}
