//! SQS: standard and FIFO queues.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/welcome.html>

mod api;
mod attributes;
mod batch;
mod check;
mod control;
mod fifo;
mod keep;
mod message;
#[cfg(test)]
mod model;
mod queue;
mod redrive;
mod registry;
mod wire;

pub(crate) use message::{AttributeValue, Attributes, Received, Send, size};
pub use registry::Peeked;
pub(crate) use registry::{Sqs, name_of_arn};
pub(crate) use wire::{error_response_type, query_code};
