//! The bound on a stack's content: its size, and the refusal of growth.

use std::sync::atomic::Ordering;

use crate::Aws;
use crate::faults::FaultKind;
use crate::request::{Call, Service};

/// The operations that add content to a stack.
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
    /// Returns the size of the stack's content in bytes: pages of the tables, stream records, messages, remembered
    /// request tokens. The process needs somewhat more for each of them.
    ///
    /// # Errors
    /// If the engine fails; the error is its message.
    pub fn held_bytes(&self) -> Result<u64, String> {
        let tables = self.dynamodb().held_bytes().map_err(|error| error.to_string())?;
        Ok(tables + self.sqs().held_bytes())
    }

    /// Sets whether calls over HTTP that add content are refused, each with its service's own throttling error. Calls
    /// in process pass: functions finish what they have begun.
    pub fn refuse_growth(&self, refuse: bool) {
        self.is_full().store(refuse, Ordering::Relaxed);
    }

    /// Returns whether the stack refuses to grow.
    pub fn refuses_growth(&self) -> bool {
        self.is_full().load(Ordering::Relaxed)
    }

    /// Deletes the items of a table whose attribute has this text, as a TTL would: `most` at most, those written
    /// longest ago first. Returns the number of items deleted.
    ///
    /// # Errors
    /// If the engine fails; the error is its message.
    pub fn expire_oldest(&self, table: &str, attribute: &str, text: &str, most: usize) -> Result<usize, String> {
        self.dynamodb().expire_oldest(table, attribute, text, most).map_err(|error| error.to_string())
    }

    /// Drops the stream records that all mappings have passed, however few they are.
    pub fn trim_streams(&self) {
        self.dynamodb().trim_streams();
    }

    /// Returns the refusal of a call that adds content while growth is refused.
    pub(crate) fn refusal_of_growth(&self, call: &Call) -> Option<FaultKind> {
        let is_refused = call.endpoint.is_some() && self.refuses_growth() && ADDING.contains(&call.operation.as_str());
        let (status, code) = match call.service {
            Service::DynamoDb | Service::Streams => (400, "ThrottlingException"),
            Service::Sqs => (403, "RequestThrottled"),
            Service::Sns => (429, "Throttled"),
            Service::CloudWatch => (400, "Throttling"),
        };
        let message = "The stack holds as much as it may; process, purge or delete something.";
        is_refused.then(|| FaultKind::Error { status, code: code.to_owned(), message: message.to_owned() })
    }
}
