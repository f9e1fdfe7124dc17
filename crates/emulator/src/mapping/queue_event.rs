//! The event a function gets from a queue.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event>

use bytes::Bytes;
use serde::{Serialize, Serializer};

use crate::context::Context;
use crate::sqs::{Attributes, Received};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    message_id: &'a str,
    receipt_handle: &'a str,
    body: &'a str,
    #[serde(serialize_with = "as_map")]
    attributes: Vec<(&'static str, String)>,
    #[serde(serialize_with = "message_attributes")]
    message_attributes: &'a Attributes,
    md5_of_body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    md5_of_message_attributes: Option<&'a str>,
    event_source: &'static str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
    aws_region: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attribute<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<&'a str>,
    string_list_values: [&'a str; 0],
    binary_list_values: [&'a str; 0],
    data_type: &'a str,
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "Records")]
    records: Vec<Record<'a>>,
}

fn as_map<S: Serializer>(pairs: &[(&'static str, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(k, v)| (k, v)))
}

fn message_attributes<S: Serializer>(all: &Attributes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(all.iter().map(|(name, a)| {
        let attribute = Attribute {
            string_value: a.string.as_deref(),
            binary_value: a.binary.as_deref(),
            string_list_values: [],
            binary_list_values: [],
            data_type: &a.data_type,
        };
        (name, attribute)
    }))
}

pub(super) fn event(context: &Context, queue_arn: &str, batch: &[Received]) -> Bytes {
    let record = |received: &'_ Received| -> Vec<(&'static str, String)> {
        received.message.system_attributes(&context.account)
    };
    let records = batch
        .iter()
        .map(|received| Record {
            message_id: &received.message.id,
            receipt_handle: &received.receipt_handle,
            body: &received.message.body,
            attributes: record(received),
            message_attributes: &received.message.attributes,
            md5_of_body: &received.message.md5_of_body,
            md5_of_message_attributes: received.message.md5_of_attributes.as_deref(),
            event_source: "aws:sqs",
            event_source_arn: queue_arn,
            aws_region: &context.region,
        })
        .collect();
    // Serialising strings and maps with string keys cannot fail.
    serde_json::to_vec(&Event { records }).unwrap_or_default().into()
}
