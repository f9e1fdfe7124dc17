//! `StartMessageMoveTask`: moving dead letters back.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::registry::{Sqs, name_of_arn};
use crate::error::ApiError;
use crate::sync::lock;

/// The messages that an unlimited task moves per second.
const UNLIMITED_PER_SECOND: u64 = 500;

#[derive(Debug, Clone)]
pub(super) struct MoveTask {
    handle: String,
    source_arn: String,
    destination_arn: Option<String>,
    rate: Option<u64>,
    status: &'static str,
    moved: u64,
    to_move: u64,
    started_ms: u64,
    failure: Option<String>,
}

impl Sqs {
    /// Starts a task, which runs in the background.
    pub(super) fn start_move(
        self: &Arc<Self>,
        source_arn: &str,
        destination_arn: Option<String>,
        rate: Option<u64>,
    ) -> Result<Value, ApiError> {
        let not_found = || {
            ApiError::new(
                404,
                "ResourceNotFoundException",
                "The resource that you specified for the SourceArn parameter doesn't exist.",
            )
        };
        let source = name_of_arn(source_arn).ok_or_else(not_found)?.to_string();
        let mut state = lock(&self.state);
        let to_move = state.queues.get(&source).ok_or_else(not_found)?.counts().ready as u64;
        let is_dead_letter_queue = state.queues.values().any(|q| {
            let redrive = q.attributes.redrive.as_ref();
            redrive.is_some_and(|r| r.target_arn == source_arn)
        });
        if !is_dead_letter_queue {
            return Err(ApiError::sender(
                "InvalidParameterValue",
                "Source queue must be configured as a Dead Letter Queue.",
            ));
        }
        if rate.is_some_and(|r| !(1..=500).contains(&r)) {
            return Err(ApiError::sender(
                "InvalidParameterValue",
                "Value for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: must be between 1 and 500.",
            ));
        }
        if let Some(destination) = &destination_arn {
            let name = name_of_arn(destination).ok_or_else(not_found)?;
            state.queues.get(name).ok_or_else(not_found)?;
        }
        let running = |t: &MoveTask| t.source_arn == source_arn && t.status == "RUNNING";
        if state.tasks.iter().any(running) {
            return Err(ApiError::sender(
                "InvalidParameterValue",
                "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
            ));
        }
        let handle = self.context.uuid();
        state.tasks.push(MoveTask {
            handle: handle.clone(),
            source_arn: source_arn.into(),
            destination_arn,
            rate,
            status: "RUNNING",
            moved: 0,
            to_move,
            started_ms: self.context.clock.ms(),
            failure: None,
        });
        drop(state);
        let (sqs, task) = (self.clone(), handle.clone());
        tokio::spawn(async move { sqs.run_move(&source, &task).await });
        Ok(json!({ "TaskHandle": handle }))
    }

    async fn run_move(&self, source: &str, handle: &str) {
        loop {
            let Some(pause) = self.move_one(source, handle) else { return };
            if pause.is_zero() {
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// Moves one message. Returns the pause after it; `None` when the task is over.
    fn move_one(&self, source: &str, handle: &str) -> Option<Duration> {
        let now = self.context.clock.ms();
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        let task = state.tasks.iter_mut().find(|t| t.handle == handle)?;
        if task.status == "CANCELLING" {
            task.status = "CANCELLED";
            return None;
        }
        let message = if task.moved >= task.to_move {
            None
        } else {
            state.queues.get_mut(source).and_then(|q| q.take_oldest(now))
        };
        let Some(mut message) = message else {
            task.status = "COMPLETED";
            return None;
        };
        let back = message.dead_letter_source.as_deref();
        let destination = task.destination_arn.as_deref().or(back).and_then(name_of_arn);
        let Some(target) = destination.and_then(|name| state.queues.get_mut(name)) else {
            task.status = "FAILED";
            task.failure = Some("CouldNotDetermineMessageSource".into());
            if let Some(queue) = state.queues.get_mut(source) {
                queue.place(message, None);
            }
            return None;
        };
        // "All redriven messages are considered new messages with a new messageID and enqueueTime."
        message.id = self.context.uuid().into();
        message.sent_ms = now;
        message.receive_count = 0;
        message.first_received_ms = None;
        message.dead_letter_source = None;
        target.place(message, None);
        target.news.notify_one();
        // The target is written first: in between, the disk has the message twice, never not at all.
        self.keep_later(target);
        if let Some(queue) = state.queues.get_mut(source) {
            self.keep_later(queue);
        }
        task.moved += 1;
        let per_second = task.rate.unwrap_or(UNLIMITED_PER_SECOND);
        Some(Duration::from_micros(1_000_000 / per_second))
    }

    pub(super) fn cancel_move(&self, handle: &str) -> Result<Value, ApiError> {
        let mut state = lock(&self.state);
        let task = state.tasks.iter_mut().find(|t| t.handle == handle && t.status == "RUNNING");
        let task = task.ok_or_else(|| {
            ApiError::new(404, "ResourceNotFoundException", "The task handle does not name a running task.")
        })?;
        task.status = "CANCELLING";
        Ok(json!({ "ApproximateNumberOfMessagesMoved": task.moved }))
    }

    pub(super) fn list_moves(&self, source_arn: &str, max: usize) -> Value {
        let state = lock(&self.state);
        let tasks = state.tasks.iter().rev().filter(|t| t.source_arn == source_arn);
        let results: Vec<Value> = tasks
            .take(max.clamp(1, 10))
            .map(|t| {
                let mut entry = json!({
                    "Status": t.status,
                    "SourceArn": t.source_arn,
                    "ApproximateNumberOfMessagesMoved": t.moved,
                    "ApproximateNumberOfMessagesToMove": t.to_move,
                    "StartedTimestamp": t.started_ms,
                });
                // AWS names the handle only of a task that still runs.
                if t.status == "RUNNING" {
                    entry["TaskHandle"] = json!(t.handle);
                }
                if let Some(destination) = &t.destination_arn {
                    entry["DestinationArn"] = json!(destination);
                }
                if let Some(rate) = t.rate {
                    entry["MaxNumberOfMessagesPerSecond"] = json!(rate);
                }
                if let Some(failure) = &t.failure {
                    entry["FailureReason"] = json!(failure);
                }
                entry
            })
            .collect();
        json!({ "Results": results })
    }
}
