//! Queues on disk: every change is written before its caller gets the response.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::attributes::QueueAttributes;
use super::message::Message;
use super::queue::Queue;
use super::registry::{Registry, Sqs};
use crate::context::Context;
use crate::error::ApiError;
use crate::store::Store;
use crate::sync::lock;

/// A queue without its messages.
#[derive(Serialize, Deserialize)]
struct Definition {
    attributes: HashMap<String, String>,
    tags: HashMap<String, String>,
    created_ms: u64,
    modified_ms: u64,
}

impl Sqs {
    /// Opens the queues of a store, or none.
    pub(crate) fn open(context: Arc<Context>, store: Option<Arc<Store>>) -> Result<Self, String> {
        let sqs = Self { context, state: Mutex::new(Registry::default()), store };
        let Some(store) = &sqs.store else { return Ok(sqs) };
        let mut queues = HashMap::new();
        for (name, definition) in store.queues().map_err(|error| error.to_string())? {
            let queue = sqs.read(store, &name, &definition).map_err(|error| format!("queue {name}: {error}"))?;
            queues.insert(name, queue);
        }
        lock(&sqs.state).queues = queues;
        Ok(sqs)
    }

    fn read(&self, store: &Store, name: &str, definition: &str) -> Result<Queue, String> {
        let definition: Definition = serde_json::from_str(definition).map_err(|error| error.to_string())?;
        let mut attributes = QueueAttributes::default();
        for (key, value) in &definition.attributes {
            attributes.set(key, value).map_err(|error| error.message)?;
        }
        let mut queue = self.queue(name, attributes, definition.created_ms);
        (queue.tags, queue.modified_ms) = (definition.tags, definition.modified_ms);
        let read = |(slot, text): (u64, String)| Ok((slot, serde_json::from_str::<Message>(&text)?));
        let messages = store.messages(name).map_err(|error| error.to_string())?.into_iter().map(read);
        let messages = messages.collect::<Result<_, serde_json::Error>>().map_err(|error| error.to_string())?;
        queue.restore(messages, self.context.clock.ms());
        Ok(queue)
    }

    /// Writes the changes of a queue.
    pub(super) fn keep(&self, queue: &mut Queue) -> Result<(), ApiError> {
        let Some(store) = &self.store else { return Ok(()) };
        let text = |message: &Message| serde_json::to_string(message).map_err(|error| unwritten(&error));
        let changes = queue.changes().into_iter().map(|(slot, message)| Ok((slot, message.map(text).transpose()?)));
        let changes = changes.collect::<Result<Vec<_>, ApiError>>()?;
        if !changes.is_empty() {
            store.write_messages(&queue.name, &changes).map_err(|error| unwritten(&error))?;
            queue.forget_changes();
        }
        Ok(())
    }

    /// Writes the changes of a queue. A change that can't be written is tried again with the next one. If the process
    /// is killed before that, a message comes again.
    pub(super) fn keep_later(&self, queue: &mut Queue) {
        if let Err(error) = self.keep(queue) {
            tracing::warn!(queue = &*queue.name, error = error.message, "not written");
        }
    }

    /// Writes the list of queues.
    pub(super) fn keep_queues(&self) -> Result<(), ApiError> {
        let Some(store) = &self.store else { return Ok(()) };
        let state = lock(&self.state);
        let definition = |(name, queue): (&String, &Queue)| {
            let definition = Definition {
                attributes: queue.attributes.list().into_iter().collect(),
                tags: queue.tags.clone(),
                created_ms: queue.created_ms,
                modified_ms: queue.modified_ms,
            };
            Ok((name.clone(), serde_json::to_string(&definition)?))
        };
        let queues: Result<Vec<_>, serde_json::Error> = state.queues.iter().map(definition).collect();
        store.write_queues(&queues.map_err(|error| unwritten(&error))?).map_err(|error| unwritten(&error))
    }
}

fn unwritten(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::internal(format!("the stack's directory can't be written: {error}"))
}
