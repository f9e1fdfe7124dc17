//! Requests and error codes of the JSON protocol.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;

use super::message::{Attributes, Send};

/// Returns the `x-amzn-query-error` code: SDKs that once spoke the query protocol still go by it.
pub(crate) fn query_code(code: &str) -> String {
    match code {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue".into(),
        "QueueNameExists" => "QueueAlreadyExists".into(),
        "QueueDeletedRecently"
        | "BatchEntryIdsNotDistinct"
        | "BatchRequestTooLong"
        | "EmptyBatchRequest"
        | "InvalidBatchEntryId"
        | "TooManyEntriesInBatchRequest"
        | "MessageNotInflight"
        | "PurgeQueueInProgress"
        | "UnsupportedOperation" => format!("AWS.SimpleQueueService.{code}"),
        other => other.into(),
    }
}

/// Returns the `__type` of an error body.
pub(crate) fn error_response_type(code: &str) -> String {
    format!("com.amazonaws.sqs#{code}")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateQueue {
    pub(super) queue_name: String,
    #[serde(default)]
    pub(super) attributes: HashMap<String, String>,
    #[serde(default, rename = "tags")]
    pub(super) tags: HashMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OfQueue {
    pub(super) queue_url: String,
    #[serde(default)]
    pub(super) attribute_names: Vec<String>,
    #[serde(default)]
    pub(super) tags: HashMap<String, String>,
    #[serde(default)]
    pub(super) tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SetAttributes {
    pub(super) queue_url: String,
    pub(super) attributes: HashMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListQueues {
    pub(super) queue_name_prefix: Option<String>,
    pub(super) max_results: Option<usize>,
    pub(super) next_token: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct SystemAttribute {
    #[serde(rename = "StringValue")]
    string: Option<String>,
}

/// The request of `SendMessage`, and an entry of `SendMessageBatch`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendMessage<'a> {
    #[serde(default)]
    pub(super) queue_url: String,
    #[serde(default)]
    pub(super) id: String,
    #[serde(borrow, default)]
    message_body: Cow<'a, str>,
    delay_seconds: Option<u32>,
    #[serde(default)]
    message_attributes: Option<Attributes>,
    #[serde(default)]
    message_system_attributes: Option<HashMap<String, SystemAttribute>>,
    message_group_id: Option<String>,
    message_deduplication_id: Option<String>,
}

impl SendMessage<'_> {
    pub(super) fn into_send(self) -> Send {
        let trace = self.message_system_attributes.and_then(|mut all| all.remove("AWSTraceHeader"));
        Send {
            kept: None,
            body: self.message_body.into(),
            attributes: self.message_attributes.unwrap_or_default(),
            trace_header: trace.and_then(|t| t.string),
            delay_seconds: self.delay_seconds,
            group: self.message_group_id,
            deduplication: self.message_deduplication_id,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Batch<T> {
    pub(super) queue_url: String,
    #[serde(default = "Vec::new")]
    pub(super) entries: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceiveMessage {
    pub(super) queue_url: String,
    pub(super) max_number_of_messages: Option<i64>,
    pub(super) visibility_timeout: Option<u64>,
    pub(super) wait_time_seconds: Option<u64>,
    #[serde(default)]
    pub(super) attribute_names: Vec<String>,
    #[serde(default)]
    pub(super) message_system_attribute_names: Vec<String>,
    #[serde(default)]
    pub(super) message_attribute_names: Vec<String>,
}

/// The request of `DeleteMessage` and `ChangeMessageVisibility`, and an entry of their batches.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ByReceipt {
    #[serde(default)]
    pub(super) queue_url: String,
    #[serde(default)]
    pub(super) id: String,
    pub(super) receipt_handle: String,
    pub(super) visibility_timeout: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MoveRequest {
    pub(super) source_arn: Option<String>,
    pub(super) destination_arn: Option<String>,
    pub(super) max_number_of_messages_per_second: Option<u64>,
    pub(super) max_results: Option<usize>,
    pub(super) task_handle: Option<String>,
}
