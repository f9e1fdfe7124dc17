//! Operations of the API.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::message::{Received, Sent, parse_receipt_handle, size};
use super::registry::Sqs;
use super::wire::{
    Batch, ByReceipt, CreateQueue, ListQueues, MoveRequest, OfQueue, ReceiveMessage, SendMessage, SetAttributes,
};
use crate::context::lock;
use crate::error::ApiError;

/// Entries in a batch.
const MAX_BATCH: usize = 10;
/// Bytes in a batch of sends, and the longest message: 1 MiB since August 2025.
const MAX_BATCH_BYTES: usize = 1_048_576;
const PURGE_PAUSE_MS: u64 = 60_000;

impl Sqs {
    /// Runs one operation. Batch entries from `fail_from` on fail by injection.
    pub(crate) async fn call(
        self: &Arc<Self>,
        operation: &str,
        body: &[u8],
        fail_from: Option<usize>,
    ) -> Result<String, ApiError> {
        match operation {
            "SendMessage" => self.send_message(read(body)?),
            "SendMessageBatch" => self.send_batch(read(body)?, fail_from),
            "ReceiveMessage" => self.receive_message(read(body)?).await,
            "DeleteMessage" => self.delete_message(&read(body)?),
            "DeleteMessageBatch" => {
                batch(read(body)?, fail_from, |url, entry: &ByReceipt| self.delete_entry(url, entry))
            }
            "ChangeMessageVisibility" => {
                let request: ByReceipt = read(body)?;
                self.change_entry(&request.queue_url, &request)?;
                Ok("{}".into())
            }
            "ChangeMessageVisibilityBatch" => {
                batch(read(body)?, fail_from, |url, entry: &ByReceipt| self.change_entry(url, entry))
            }
            _ => self.control(operation, body).map(|v| v.to_string()),
        }
    }

    fn control(self: &Arc<Self>, operation: &str, body: &[u8]) -> Result<Value, ApiError> {
        match operation {
            "CreateQueue" => {
                let request: CreateQueue = read(body)?;
                let url = self.create(&request.queue_name, &request.attributes, request.tags)?;
                Ok(json!({ "QueueUrl": url }))
            }
            "GetQueueUrl" => {
                let request: CreateQueue = read(body)?;
                self.with(&request.queue_name, |_, _| Ok(()))?;
                Ok(json!({ "QueueUrl": self.url(&request.queue_name) }))
            }
            "DeleteQueue" => {
                let request: OfQueue = read(body)?;
                self.delete_queue(name(&request.queue_url))?;
                Ok(json!({}))
            }
            "ListQueues" => Ok(self.list_queues(&read(body)?)),
            "GetQueueAttributes" => self.get_attributes(&read(body)?),
            "SetQueueAttributes" => self.set_attributes(&read(body)?),
            "PurgeQueue" => self.purge(&read(body)?),
            "ListDeadLetterSourceQueues" => {
                let request: OfQueue = read(body)?;
                let arn = self.with(name(&request.queue_url), |q, _| Ok(q.arn.clone()))?;
                let state = lock(&self.state);
                let sources = state.queues.values().filter(|q| {
                    let redrive = q.attributes.redrive.as_ref();
                    redrive.is_some_and(|r| *r.target_arn == *arn)
                });
                let mut urls: Vec<_> = sources.map(|q| self.url(&q.name)).collect();
                urls.sort();
                Ok(json!({ "queueUrls": urls }))
            }
            "TagQueue" | "UntagQueue" | "ListQueueTags" => {
                let request: OfQueue = read(body)?;
                self.with(name(&request.queue_url), |queue, _| {
                    queue.tags.extend(request.tags.clone());
                    queue.tags.retain(|k, _| !request.tag_keys.contains(k));
                    Ok(if operation == "ListQueueTags" { json!({ "Tags": queue.tags }) } else { json!({}) })
                })
            }
            "StartMessageMoveTask" => {
                let request: MoveRequest = read(body)?;
                self.start_move(
                    &request.source_arn.unwrap_or_default(),
                    request.destination_arn,
                    request.max_number_of_messages_per_second,
                )
            }
            "CancelMessageMoveTask" => {
                let request: MoveRequest = read(body)?;
                self.cancel_move(&request.task_handle.unwrap_or_default())
            }
            "ListMessageMoveTasks" => {
                let request: MoveRequest = read(body)?;
                Ok(self.list_moves(&request.source_arn.unwrap_or_default(), request.max_results.unwrap_or(1)))
            }
            _ => Err(ApiError::sender(
                "UnsupportedOperation",
                format!("The action {operation} is not valid for this endpoint."),
            )),
        }
    }

    fn send_message(&self, request: SendMessage<'_>) -> Result<String, ApiError> {
        let url = request.queue_url.clone();
        let sent = self.send(name(&url), vec![request.into_send()])?;
        let sent = sent.into_iter().next().unwrap_or_else(|| Err(ApiError::internal("no result")))?;
        Ok(sent_json(&sent).to_string())
    }

    fn send_batch(&self, request: Batch<SendMessage<'_>>, fail_from: Option<usize>) -> Result<String, ApiError> {
        check_batch(request.entries.iter().map(|e| e.id.as_str()))?;
        let mut ids: Vec<String> = request.entries.iter().map(|e| e.id.clone()).collect();
        let mut sends: Vec<_> = request.entries.into_iter().map(SendMessage::into_send).collect();
        let total: usize = sends.iter().map(|s| size(&s.body, &s.attributes)).sum();
        if total > MAX_BATCH_BYTES {
            return Err(ApiError::sender(
                "BatchRequestTooLong",
                format!("Batch requests cannot be longer than {MAX_BATCH_BYTES} bytes. You have sent {total} bytes."),
            ));
        }
        let keep = fail_from.unwrap_or(usize::MAX).min(sends.len());
        sends.truncate(keep);
        let injected = ids.split_off(keep);
        let results = self.send(name(&request.queue_url), sends)?;
        let (mut ok, mut failed) = (Vec::new(), Vec::new());
        for (id, result) in ids.into_iter().zip(results) {
            match result {
                Ok(sent) => {
                    let mut entry = sent_json(&sent);
                    entry["Id"] = json!(id);
                    ok.push(entry);
                }
                Err(error) => failed.push(failed_json(&id, &error)),
            }
        }
        failed.extend(injected.iter().map(|id| failed_json(id, &injected_error())));
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

    fn list_queues(&self, request: &ListQueues) -> Value {
        let prefix = request.queue_name_prefix.as_deref().unwrap_or_default();
        let state = lock(&self.state);
        let mut names: Vec<_> = state.queues.keys().filter(|n| n.starts_with(prefix)).cloned().collect();
        names.sort();
        if let Some(after) = &request.next_token {
            names.retain(|n| n > after);
        }
        let max = request.max_results.unwrap_or(1000);
        let more = names.len() > max;
        names.truncate(max);
        let urls: Vec<_> = names.iter().map(|n| self.url(n)).collect();
        let mut answer = json!({ "QueueUrls": urls });
        if more && request.max_results.is_some() {
            answer["NextToken"] = json!(names.last());
        }
        answer
    }

    fn get_attributes(&self, request: &OfQueue) -> Result<Value, ApiError> {
        let mut all = self.with(name(&request.queue_url), |queue, _| {
            let mut all = queue.attributes.list();
            let counts = queue.counts();
            let mut put = |name: &str, value: String| {
                all.insert(name.into(), value);
            };
            put("QueueArn", queue.arn.to_string());
            put("ApproximateNumberOfMessages", counts.ready.to_string());
            put("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string());
            put("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string());
            put("CreatedTimestamp", (queue.created_ms / 1000).to_string());
            put("LastModifiedTimestamp", (queue.modified_ms / 1000).to_string());
            Ok(all)
        })?;
        let names = &request.attribute_names;
        if !names.iter().any(|n| n == "All") {
            all.retain(|k, _| names.contains(k));
        }
        Ok(if all.is_empty() { json!({}) } else { json!({ "Attributes": all }) })
    }

    fn set_attributes(&self, request: &SetAttributes) -> Result<Value, ApiError> {
        self.with(name(&request.queue_url), |queue, now| {
            let mut changed = queue.attributes.clone();
            for (key, value) in &request.attributes {
                changed.set(key, value)?;
            }
            if changed.fifo != queue.attributes.fifo {
                return Err(ApiError::sender(
                    "InvalidAttributeValue",
                    "You can specify the FifoQueue attribute only when you create the queue.",
                ));
            }
            queue.attributes = changed;
            queue.modified_ms = now;
            Ok(json!({}))
        })
    }

    fn purge(&self, request: &OfQueue) -> Result<Value, ApiError> {
        self.with(name(&request.queue_url), |queue, now| {
            if queue.purged_ms.is_some_and(|at| at + PURGE_PAUSE_MS > now) {
                return Err(ApiError::new(
                    403,
                    "PurgeQueueInProgress",
                    format!("Only one PurgeQueue operation on {} is allowed every 60 seconds.", queue.name),
                ));
            }
            queue.purged_ms = Some(now);
            queue.purge();
            Ok(json!({}))
        })
    }
}

/// Queue name from its URL.
fn name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiError> {
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

fn failed_json(id: &str, error: &ApiError) -> Value {
    json!({
        "Id": id,
        "Code": super::query_code(&error.code),
        "Message": error.message,
        "SenderFault": error.is_sender_fault(),
    })
}

fn injected_error() -> ApiError {
    ApiError::new(500, "InternalError", "injected failure of this entry")
}

/// Number and ids of batch entries.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html#API_SendMessageBatch_Errors>
fn check_batch<'a>(ids: impl ExactSizeIterator<Item = &'a str>) -> Result<(), ApiError> {
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

fn batch(
    request: Batch<ByReceipt>,
    fail_from: Option<usize>,
    mut each: impl FnMut(&str, &ByReceipt) -> Result<(), ApiError>,
) -> Result<String, ApiError> {
    check_batch(request.entries.iter().map(|e| e.id.as_str()))?;
    let (mut ok, mut failed) = (Vec::new(), Vec::new());
    for (i, entry) in request.entries.iter().enumerate() {
        let result = if fail_from.is_some_and(|from| i >= from) {
            Err(injected_error())
        } else {
            each(&request.queue_url, entry)
        };
        match result {
            Ok(()) => ok.push(json!({ "Id": entry.id })),
            // The queue is missing: the request fails, not its entries.
            Err(error) if error.code == "QueueDoesNotExist" => return Err(error),
            Err(error) => failed.push(failed_json(&entry.id, &error)),
        }
    }
    Ok(json!({ "Successful": ok, "Failed": failed }).to_string())
}
