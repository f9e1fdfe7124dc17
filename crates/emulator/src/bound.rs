//! A bound on what a stack holds: how much that is, and the refusal of more.

use std::sync::atomic::Ordering;

use crate::Aws;
use crate::faults::FaultKind;
use crate::request::{Call, Service};

/// Operations by which a stack comes to hold more.
const ADDING: [&str; 13] = [
    "PutItem",
    "UpdateItem",
    "BatchWriteItem",
    "TransactWriteItems",
    "ExecuteStatement",
    "CreateTable",
    "CreateQueue",
    "SendMessage",
    "SendMessageBatch",
    "CreateTopic",
    "Subscribe",
    "Publish",
    "PublishBatch",
];

impl Aws {
    /// Returns how much the stack holds, in bytes: pages of the tables, stream records, messages, remembered request tokens.
    /// The process needs some more than that for each of them.
    ///
    /// # Errors
    /// If the engine fails; its message.
    pub fn held_bytes(&self) -> Result<u64, String> {
        let tables = self.dynamodb().held_bytes().map_err(|error| error.to_string())?;
        Ok(tables + self.sqs().held_bytes())
    }

    /// Has calls over HTTP that would have it hold more refused with each service's own throttling error, until told
    /// otherwise. Calls in process pass: functions finish what they have begun.
    pub fn refuse_growth(&self, refuse: bool) {
        self.is_full().store(refuse, Ordering::Relaxed);
    }

    /// Returns whether it refuses to hold more.
    pub fn refuses_growth(&self) -> bool {
        self.is_full().load(Ordering::Relaxed)
    }

    /// Deletes the items of a table whose attribute has this text, those that were written longest ago first, as a TTL would:
    /// so many at most. Returns how many went.
    ///
    /// # Errors
    /// If the engine fails; its message.
    pub fn expire_oldest(&self, table: &str, attribute: &str, text: &str, most: usize) -> Result<usize, String> {
        self.dynamodb().expire_oldest(table, attribute, text, most).map_err(|error| error.to_string())
    }

    /// Drops the stream records that all mappings have passed, however few they are.
    pub fn trim_streams(&self) {
        self.dynamodb().trim_streams();
    }

    /// The refusal of a call, where it has to be refused.
    pub(crate) fn refusal_of_growth(&self, call: &Call) -> Option<FaultKind> {
        let is_refused = call.endpoint.is_some() && self.refuses_growth() && ADDING.contains(&call.operation.as_str());
        let (status, code) = match call.service {
            Service::DynamoDb | Service::Streams => (400, "ThrottlingException"),
            Service::Sqs => (403, "RequestThrottled"),
            Service::Sns => (429, "Throttled"),
        };
        let message = "The stack holds as much as it may; process, purge or delete something.";
        is_refused.then(|| FaultKind::Error { status, code: code.to_owned(), message: message.to_owned() })
    }
}
