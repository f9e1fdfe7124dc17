//! Delivery from a queue to a function.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::control::{Control, MappingHandle};
use super::invoke::{Invoked, invoke};
use super::queue_event::event;
use super::response::{Verdict, verdict};
use super::{MAX_PAYLOAD, MappingError, QueueMapping};
use crate::context::Context;
use crate::faults::FaultKind;
use crate::function::Function;
use crate::observe::Observation;
use crate::resource::Resource;
use crate::sqs::{Received, Sqs, name_of_arn};

/// The longest poll.
const POLL: Duration = Duration::from_secs(20);
/// The most messages that SQS hands out at once.
const MAX_RECEIVE: usize = 10;
/// The pause after a poll that failed.
const POLL_PAUSE: Duration = Duration::from_secs(1);
/// The first pause while the function is throttled. The batch is retried until its visibility timeout is over.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-backoff-strategy>
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The concurrency where none is set.
const DEFAULT_CONCURRENCY: usize = 1000;

struct Worker {
    context: Arc<Context>,
    sqs: Arc<Sqs>,
    queue: String,
    queue_arn: String,
    name: Arc<str>,
    mapping: QueueMapping,
    function: Arc<dyn Function>,
}

pub(crate) fn start(
    context: Arc<Context>,
    sqs: Arc<Sqs>,
    mapping: QueueMapping,
    function: Arc<dyn Function>,
) -> Result<MappingHandle, MappingError> {
    mapping.check()?;
    let by_arn = name_of_arn(&mapping.queue);
    let by_url = || mapping.queue.rsplit('/').next().unwrap_or_default();
    let queue = by_arn.unwrap_or_else(by_url).to_string();
    sqs.peek(&queue).map_err(|_| MappingError::NoQueue(mapping.queue.clone()))?;
    let worker = Worker {
        queue_arn: context.arn("sqs", &queue),
        context,
        sqs,
        queue,
        name: mapping.function.as_str().into(),
        mapping,
        function,
    };
    let (mut handle, control) = MappingHandle::new();
    handle.add(tokio::spawn(Arc::new(worker).run(control)));
    Ok(handle)
}

impl Worker {
    async fn run(self: Arc<Self>, mut control: Control) {
        let concurrency = self.mapping.max_concurrency.unwrap_or(DEFAULT_CONCURRENCY);
        let permits = Arc::new(Semaphore::new(concurrency));
        // Dropped with this task: invocations under way end with the mapping.
        let mut invocations = JoinSet::new();
        while control.enabled().await {
            while invocations.try_join_next().is_some() {}
            let permit = tokio::select! {
                // In this order, not in a random one: the same seed must run the same way.
                biased;
                permit = permits.clone().acquire_owned() => permit,
                () = control.changed() => continue,
            };
            // Only a closed semaphore refuses, and nothing closes this one.
            let Ok(permit) = permit else { break };
            let first = tokio::select! {
                // In this order, not in a random one: the same seed must run the same way.
                biased;
                // A poll takes messages only in the moment in which it completes: nothing is lost when it is dropped.
                first = self.poll(MAX_RECEIVE.min(self.mapping.batch_size), POLL) => first,
                () = control.changed() => continue,
            };
            let batch = self.fill(first).await;
            if batch.is_empty() {
                continue;
            }
            let worker = self.clone();
            invocations.spawn(async move {
                worker.process(batch).await;
                drop(permit);
            });
        }
        if control.stopped() {
            while invocations.join_next().await.is_some() {}
        }
    }

    /// Gathers more for a batch, until it is full or its window is over.
    async fn fill(&self, mut batch: Vec<Received>) -> Vec<Received> {
        let (clock, window) = (&self.context.clock, self.mapping.window);
        if batch.is_empty() || window.is_zero() {
            return batch;
        }
        let deadline = clock.ms() + window.as_millis() as u64;
        loop {
            let bytes: usize = batch.iter().map(|r| r.message.body.len() + 1024).sum();
            let left = deadline.saturating_sub(clock.ms());
            let room = self.mapping.batch_size - batch.len();
            if room == 0 || left == 0 || bytes > MAX_PAYLOAD - 1024 * 1024 {
                return batch;
            }
            let more = self.poll(room.min(MAX_RECEIVE), Duration::from_millis(left)).await;
            batch.extend(more);
        }
    }

    async fn poll(&self, max: usize, wait: Duration) -> Vec<Received> {
        let mentions = |r: &Resource| r.is_in(&self.queue_arn);
        let (latency, fault) = self.context.faults.decide("SQS", "ReceiveMessage", || 0, mentions);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let lost_after = matches!(fault, Some(FaultKind::HangAfterCommit | FaultKind::ResetAfterCommit));
        if fault.is_some() && !lost_after {
            tokio::time::sleep(POLL_PAUSE).await;
            return Vec::new();
        }
        let deadline = self.context.clock.ms() + wait.as_millis() as u64;
        let received = self.sqs.receive(&self.queue, max, None, Some(deadline)).await;
        match received {
            Ok(batch) if !lost_after => batch,
            // The queue is gone, or the messages were received and the response was lost.
            _ => {
                tokio::time::sleep(POLL_PAUSE).await;
                Vec::new()
            }
        }
    }

    async fn process(&self, batch: Vec<Received>) {
        let payload = event(&self.context, &self.queue_arn, &batch);
        let timeout = self.mapping.function_timeout;
        let visible_at = batch.iter().map(Received::visible_at).min().unwrap_or(0);
        let mut pause = FIRST_PAUSE;
        let response = loop {
            let (context, payload) = (&self.context, payload.clone());
            match invoke(context, &self.name, &*self.function, payload, timeout, batch.len()).await {
                Invoked::Responded(response) => break response,
                // The whole batch becomes visible again when its visibility timeout ends.
                Invoked::FunctionError => return,
                Invoked::NotReached => {
                    if context.clock.ms() + pause.as_millis() as u64 >= visible_at {
                        return;
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        };
        let verdict = if self.mapping.report_batch_item_failures {
            verdict(&response, |id| batch.iter().position(|r| *r.message.id == *id))
        } else {
            Verdict::Success
        };
        let failed = match verdict {
            Verdict::Success => Vec::new(),
            Verdict::Failed(positions) => positions,
            Verdict::WholeBatch(reason) => {
                self.context
                    .observers
                    .tell(|| Observation::Failed { function: self.name.clone(), error: reason.into() });
                return;
            }
        };
        let done = batch.iter().enumerate().filter(|(i, _)| failed.binary_search(i).is_err());
        let receipts: Vec<_> = done.map(|(_, r)| (r.slot, r.receipt)).collect();
        self.delete(receipts).await;
    }

    async fn delete(&self, mut receipts: Vec<(u64, u64)>) {
        let mentions = |r: &Resource| r.is_in(&self.queue_arn);
        let (latency, fault) = self.context.faults.decide("SQS", "DeleteMessage", || receipts.len(), mentions);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match fault {
            None | Some(FaultKind::HangAfterCommit | FaultKind::ResetAfterCommit) => {}
            Some(FaultKind::EntriesFail(entries)) => {
                let mut index = 0..;
                receipts.retain(|_| index.next().is_some_and(|index| !entries.contains(index)));
            }
            // Not deleted: they come again, though the function has processed them.
            Some(_) => return,
        }
        // Fails only if the queue is gone, and its messages with it.
        let _ = self.sqs.delete(&self.queue, &receipts);
    }
}
