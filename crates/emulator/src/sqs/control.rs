//! Operations on queues.

use std::sync::Arc;

use serde_json::{Value, json};

use super::api::{name, read};
use super::registry::Sqs;
use super::wire::{CreateQueue, ListQueues, MoveRequest, OfQueue, SetAttributes};
use crate::error::ApiError;
use crate::sync::lock;

/// The time that must pass between two purges of a queue.
const PURGE_PAUSE_MS: u64 = 60_000;

impl Sqs {
    pub(super) fn control(self: &Arc<Self>, operation: &str, body: &[u8], endpoint: &str) -> Result<Value, ApiError> {
        let url = |name: &str| self.url(endpoint, name);
        match operation {
            "CreateQueue" => {
                let request: CreateQueue = read(body)?;
                self.create(&request.queue_name, &request.attributes, request.tags)?;
                Ok(json!({ "QueueUrl": url(&request.queue_name) }))
            }
            "GetQueueUrl" => {
                let request: CreateQueue = read(body)?;
                self.with(&request.queue_name, |_, _| Ok(()))?;
                Ok(json!({ "QueueUrl": url(&request.queue_name) }))
            }
            "DeleteQueue" => {
                let request: OfQueue = read(body)?;
                self.delete_queue(name(&request.queue_url))?;
                Ok(json!({}))
            }
            "ListQueues" => Ok(self.list_queues(&read(body)?, endpoint)),
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
                let mut urls: Vec<_> = sources.map(|q| url(&q.name)).collect();
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
            _ => Err(ApiError::sender("UnsupportedOperation", crate::refusal::says(&format!("SQS {operation}")))),
        }
    }

    fn list_queues(&self, request: &ListQueues, endpoint: &str) -> Value {
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
        let urls: Vec<_> = names.iter().map(|n| self.url(endpoint, n)).collect();
        let mut response = json!({ "QueueUrls": urls });
        if more && request.max_results.is_some() {
            response["NextToken"] = json!(names.last());
        }
        response
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
