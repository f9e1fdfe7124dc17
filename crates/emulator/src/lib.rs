//! DynamoDB, SNS, SQS and Lambda's event source mappings in one process, with AWS's semantics.
//!
//! SDK clients talk to it without a socket, everything runs on Tokio's time, randomness comes from a seed, and faults
//! are scripted per operation. The seed draws what AWS leaves open (the time of a transaction and its conflicts, the
//! order of a standard queue, the number of a stream's shards), as far as the builder says.
//! `crates/emulator/tests/contract` holds what AWS documents and this crate promises.
//!
//! ```
//! use bytes::Bytes;
//! use cellstack_emulator::{Aws, Fault, FaultKind, QueueMapping, function_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let aws = Aws::builder().seed(7).build();
//! let sqs = aws_sdk_sqs::Client::new(&aws.sdk_config());
//! let url = sqs.create_queue().queue_name("orders").send().await?.queue_url.unwrap_or_default();
//!
//! // The first send is throttled; the SDK tries again.
//! aws.faults().inject(Fault::new("SQS", "SendMessage", FaultKind::Throttle).times(1));
//! sqs.send_message().queue_url(&url).message_body("hello").send().await?;
//! assert_eq!(aws.calls("SQS", "SendMessage"), 2);
//!
//! let function = function_fn(|event: Bytes| async move {
//!     assert!(event.starts_with(br#"{"Records":[{"messageId""#));
//!     Ok(Bytes::new())
//! });
//! let mapping = aws.map_queue(QueueMapping::new("orders", "consumer"), function)?;
//! tokio::time::sleep(std::time::Duration::from_secs(1)).await;
//! mapping.stop().await;
//! assert!(aws.peek_queue("orders").is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! Not emulated: IAM and signatures, capacity and quotas per second, shard splits, conflicts of PartiQL statements,
//! tumbling windows, subscribers other than queues, tags beyond keeping them, `ReceiveRequestAttemptId`.

mod aws;
mod bound;
mod client;
mod clock;
mod cloudwatch;
mod context;
mod disorder;
mod dynamodb;
mod error;
mod faults;
mod function;
mod mapping;
mod network;
mod observe;
mod pattern;
mod refusal;
mod request;
mod resource;
mod response;
mod server;
mod sns;
mod sqs;
mod store;
mod sync;

pub use aws::{Aws, Builder};
pub use faults::{Entries, Fault, FaultId, FaultKind, Faults};
pub use function::{Function, FunctionError, function_fn};
pub use mapping::{MappingError, MappingHandle, QueueMapping, StartingPosition, StreamMapping};
pub use network::{Leg, Network};
pub use observe::Observation;
pub use server::Mount;
pub use sqs::Peeked;
