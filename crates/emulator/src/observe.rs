//! Observations of what happens inside the stack, for live views and tests.

use std::sync::Arc;

use tokio::sync::broadcast;

/// The number of observations that a slow listener may fall behind before it gets `Lagged`.
const BUFFER: usize = 16_384;

/// An event inside the stack. Queues and functions are named by their short names, topics and streams by their ARNs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Observation {
    /// A batch of stream records goes to a function (each try is one observation).
    StreamBatch {
        /// Short name of the function.
        function: Arc<str>,
        /// Table whose stream the records come from.
        table: Arc<str>,
        /// The records as Lambda delivers them (one JSON object each).
        records: Arc<[Arc<str>]>,
    },
    /// A topic accepted a message.
    Published {
        /// ARN of the topic.
        topic: Arc<str>,
        /// The message id that SNS returned.
        message_id: Arc<str>,
        /// The message.
        body: Arc<str>,
    },
    /// A queue accepted a message.
    Enqueued {
        /// Short name of the queue.
        queue: Arc<str>,
        /// SQS message id.
        message_id: Arc<str>,
        /// Body as stored in the queue.
        body: Arc<str>,
    },
    /// A queue handed a message to a receiver.
    Received {
        /// Short name of the queue.
        queue: Arc<str>,
        /// SQS message id.
        message_id: Arc<str>,
        /// The number of receives, this one included.
        receive_count: u32,
    },
    /// A receiver deleted a message.
    Deleted {
        /// Short name of the queue.
        queue: Arc<str>,
        /// SQS message id.
        message_id: Arc<str>,
    },
    /// A message was dead-lettered, or lost for want of a dead-letter queue.
    DeadLettered {
        /// The source that could not deliver it: a queue's name, or the ARN of an SNS subscription or stream.
        source: Arc<str>,
        /// Short name of the dead-letter queue; `None` if there is none, so that the message is lost.
        queue: Option<Arc<str>>,
        /// SQS message id in the dead-letter queue, as far as there is one.
        message_id: Arc<str>,
        /// Body as stored in the dead-letter queue.
        body: Arc<str>,
        /// The number of receives or tries before.
        receive_count: u32,
        /// The reason.
        reason: &'static str,
    },
    /// A mapping invoked a function.
    Invoked {
        /// Short name of the function.
        function: Arc<str>,
        /// Records in the batch.
        records: usize,
    },
    /// An invocation ended in an error, a time-out, a throttle, or a response that is not a valid partial batch
    /// response.
    Failed {
        /// Short name of the function.
        function: Arc<str>,
        /// The error.
        error: Arc<str>,
    },
}

/// The sending side. Without a listener an observation costs nothing: it is not even built.
pub(crate) struct Observers(broadcast::Sender<Observation>);

impl Observers {
    pub(crate) fn new() -> Self {
        Self(broadcast::channel(BUFFER).0)
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Observation> {
        self.0.subscribe()
    }

    pub(crate) fn tell(&self, observation: impl FnOnce() -> Observation) {
        if self.0.receiver_count() > 0 {
            // Fails only if the last listener has just gone.
            let _ = self.0.send(observation());
        }
    }
}
