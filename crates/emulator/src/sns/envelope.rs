//! The JSON around a message where raw delivery is off.
//!
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html#http-notification-json>

use serde_json::{Map, Value, json};

use super::publish::Accepted;
use super::subscription::Subscription;
use crate::clock::iso8601;

pub(super) fn envelope(message: &Accepted, subscription: &Subscription, region: &str, now: u64) -> String {
    let publication = &message.publication;
    let mut body = json!({
        "Type": "Notification",
        "MessageId": message.published.message_id,
        "TopicArn": subscription.topic_arn,
        "Message": publication.body,
        "Timestamp": iso8601(now),
        "SignatureVersion": "1",
        "Signature": "EMULATED",
        "SigningCertURL": format!("https://sns.{region}.amazonaws.com/SimpleNotificationService-emulated.pem"),
        "UnsubscribeURL": format!(
            "https://sns.{region}.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={}", subscription.arn
        ),
    });
    if let Some(subject) = &publication.subject {
        body["Subject"] = json!(subject);
    }
    if let Some(number) = &message.published.sequence_number {
        body["SequenceNumber"] = json!(number);
    }
    if !publication.attributes.is_empty() {
        let attribute = |(name, a): (&String, &crate::sqs::AttributeValue)| {
            let value = a.string.as_ref().or(a.binary.as_ref());
            (name.clone(), json!({ "Type": a.data_type, "Value": value }))
        };
        let all: Map<String, Value> = publication.attributes.iter().map(attribute).collect();
        body["MessageAttributes"] = Value::Object(all);
    }
    body.to_string()
}
