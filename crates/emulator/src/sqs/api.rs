//! Operations on messages, and the dispatch of all others.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::batch::{batch, check_batch, failed_json, injected_error};
use super::message::{Received, Sent, parse_receipt_handle, size};
use super::registry::Sqs;
use super::wire::{Batch, ByReceipt, ReceiveMessage, SendMessage};
use crate::error::ApiError;

/// The most bytes in a batch of sends, and in a message: 1 MiB since August 2025.
const MAX_BATCH_BYTES: usize = 1_048_576;

impl Sqs {
    /// Runs one operation. Batch entries at `failing` fail by injection; queue URLs begin with `endpoint`.
    pub(crate) async fn call(
        self: &Arc<Self>,
        operation: &str,
        body: &[u8],
        failing: &[usize],
        endpoint: &str,
    ) -> Result<String, ApiError> {
        match operation {
            "SendMessage" => self.send_message(read(body)?),
            "SendMessageBatch" => self.send_batch(read(body)?, failing),
            "ReceiveMessage" => self.receive_message(read(body)?).await,
            "DeleteMessage" => self.delete_message(&read(body)?),
            "DeleteMessageBatch" => batch(read(body)?, failing, |url, entry: &ByReceipt| self.delete_entry(url, entry)),
            "ChangeMessageVisibility" => {
                let request: ByReceipt = read(body)?;
                self.change_entry(&request.queue_url, &request)?;
                Ok("{}".into())
            }
            "ChangeMessageVisibilityBatch" => {
                batch(read(body)?, failing, |url, entry: &ByReceipt| self.change_entry(url, entry))
            }
            _ => {
                let response = self.control(operation, body, endpoint)?;
                let changes = ["CreateQueue", "DeleteQueue", "SetQueueAttributes", "TagQueue", "UntagQueue"];
                if changes.contains(&operation) {
                    self.keep_queues()?;
                }
                Ok(response.to_string())
            }
        }
    }

    fn send_message(&self, request: SendMessage<'_>) -> Result<String, ApiError> {
        let url = request.queue_url.clone();
        let sent = self.send(name(&url), vec![request.into_send()])?;
        let sent = sent.into_iter().next().unwrap_or_else(|| Err(ApiError::internal("no result")))?;
        Ok(sent_json(&sent).to_string())
    }

    fn send_batch(&self, request: Batch<SendMessage<'_>>, failing: &[usize]) -> Result<String, ApiError> {
        check_batch(request.entries.iter().map(|e| e.id.as_str()))?;
        let ids: Vec<String> = request.entries.iter().map(|e| e.id.clone()).collect();
        let sends: Vec<_> = request.entries.into_iter().map(SendMessage::into_send).collect();
        let total: usize = sends.iter().map(|s| size(&s.body, &s.attributes)).sum();
        if total > MAX_BATCH_BYTES {
            return Err(ApiError::sender(
                "BatchRequestTooLong",
                format!("Batch requests cannot be longer than {MAX_BATCH_BYTES} bytes. You have sent {total} bytes."),
            ));
        }
        let kept = sends.into_iter().enumerate().filter(|(i, _)| !failing.contains(i)).map(|(_, send)| send);
        let mut results = self.send(name(&request.queue_url), kept.collect())?.into_iter();
        let (mut ok, mut failed) = (Vec::new(), Vec::new());
        for (i, id) in ids.iter().enumerate() {
            let sent = if failing.contains(&i) { None } else { results.next() };
            match sent.unwrap_or_else(|| Err(injected_error())) {
                Ok(sent) => {
                    let mut entry = sent_json(&sent);
                    entry["Id"] = json!(id);
                    ok.push(entry);
                }
                Err(error) => failed.push(failed_json(id, &error)),
            }
        }
        Ok(json!({ "Successful": ok, "Failed": failed }).to_string())
    }

    async fn receive_message(&self, request: ReceiveMessage) -> Result<String, ApiError> {
        let max = request.max_number_of_messages.unwrap_or(1);
        if !(1..=10).contains(&max) {
            return Err(ApiError::sender(
                "InvalidParameterValue",
                format!(
                    "Value {max} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
                ),
            ));
        }
        let check = |value: Option<u64>, limit: u64, parameter: &str| match value {
            Some(v) if v > limit => Err(ApiError::sender(
                "InvalidParameterValue",
                format!(
                    "Value {v} for parameter {parameter} is invalid. Reason: Must be >= 0 and <= {limit}, if provided."
                ),
            )),
            _ => Ok(()),
        };
        check(request.wait_time_seconds, 20, "WaitTimeSeconds")?;
        check(request.visibility_timeout, 43_200, "VisibilityTimeout")?;
        let queue = name(&request.queue_url);
        let wait = match request.wait_time_seconds {
            Some(seconds) => seconds,
            None => self.with(queue, |q, _| Ok(q.attributes.receive_wait_seconds))?,
        };
        let deadline = (wait > 0).then(|| self.context.clock.ms() + wait * 1000);
        let visibility = request.visibility_timeout.map(|s| s * 1000);
        let received = self.receive(queue, max as usize, visibility, deadline).await?;
        if received.is_empty() {
            return Ok("{}".into());
        }
        let messages: Vec<Value> = received.iter().map(|r| self.received_json(r, &request)).collect();
        Ok(json!({ "Messages": messages }).to_string())
    }

    fn received_json(&self, received: &Received, request: &ReceiveMessage) -> Value {
        let message = &received.message;
        let mut out = json!({
            "MessageId": message.id,
            "ReceiptHandle": received.receipt_handle,
            "MD5OfBody": message.md5_of_body,
            "Body": message.body,
        });
        let wanted = |n: &str| {
            let mut asked = request.attribute_names.iter().chain(&request.message_system_attribute_names);
            asked.any(|a| a == "All" || a == n)
        };
        let system: Map<String, Value> = message
            .system_attributes(&self.context.account)
            .into_iter()
            .filter(|(n, _)| wanted(n))
            .map(|(n, v)| (n.to_string(), json!(v)))
            .collect();
        if !system.is_empty() {
            out["Attributes"] = Value::Object(system);
        }
        let asked = |n: &str| {
            request
                .message_attribute_names
                .iter()
                .any(|a| a == "All" || a == ".*" || a == n || a.strip_suffix(".*").is_some_and(|p| n.starts_with(p)))
        };
        let attributes: super::Attributes =
            message.attributes.iter().filter(|(n, _)| asked(n)).map(|(n, v)| (n.clone(), v.clone())).collect();
        if let Some(md5) = super::message::md5_of_attributes(&attributes) {
            out["MessageAttributes"] = json!(attributes);
            out["MD5OfMessageAttributes"] = json!(md5);
        }
        out
    }

    fn delete_message(&self, request: &ByReceipt) -> Result<String, ApiError> {
        self.delete_entry(&request.queue_url, request)?;
        Ok("{}".into())
    }

    fn delete_entry(&self, url: &str, entry: &ByReceipt) -> Result<(), ApiError> {
        let queue = name(url);
        self.with(queue, |_, _| Ok(()))?;
        let receipt = parse_receipt_handle(&entry.receipt_handle, queue)?;
        self.delete(queue, &[receipt])?.pop().unwrap_or(Ok(()))
    }

    fn change_entry(&self, url: &str, entry: &ByReceipt) -> Result<(), ApiError> {
        let queue = name(url);
        self.with(queue, |_, _| Ok(()))?;
        let (slot, receipt) = parse_receipt_handle(&entry.receipt_handle, queue)?;
        let seconds = entry.visibility_timeout.unwrap_or_default();
        if seconds > 43_200 {
            return Err(ApiError::sender(
                "InvalidParameterValue",
                format!(
                    "Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200."
                ),
            ));
        }
        self.change_visibility(queue, slot, receipt, seconds * 1000)
    }
}

/// Returns the name of a queue in its URL.
pub(super) fn name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiError> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        let text = error.to_string();
        let code = if text.contains("missing field") { "MissingParameter" } else { "SerializationException" };
        ApiError::sender(code, text)
    })
}

fn sent_json(sent: &Sent) -> Value {
    let mut entry = json!({ "MessageId": sent.message_id, "MD5OfMessageBody": sent.md5_of_body });
    if let Some(md5) = &sent.md5_of_attributes {
        entry["MD5OfMessageAttributes"] = json!(md5);
    }
    if let Some(number) = &sent.sequence_number {
        entry["SequenceNumber"] = json!(number);
    }
    entry
}
