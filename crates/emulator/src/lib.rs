//! DynamoDB, SNS, SQS and Lambda's event source mappings in one process, with AWS's semantics.

mod aws;
mod client;
mod clock;
mod context;
mod dynamodb;
mod error;
mod faults;
mod function;
mod mapping;
mod observe;
mod pattern;
mod request;
mod response;
mod server;
mod sns;
mod sqs;

pub use aws::{Aws, Builder};
pub use faults::{Fault, FaultId, FaultKind, Faults};
pub use function::{Function, FunctionError, function_fn};
pub use mapping::{MappingError, MappingHandle, QueueMapping, StartingPosition, StreamMapping};
pub use observe::Observation;
pub use sqs::Peeked;
