//! The services that a function meets in Lambda, on 127.0.0.1: the Runtime API and DynamoDB, without the network's
//! time.

mod certificate;
mod dynamodb;
mod item_size;
mod runtime_api;
mod server;

use certificate::Certificate;
pub(crate) use dynamodb::{Calls, DynamoDb};
pub(crate) use runtime_api::{RuntimeApi, Session};
pub(crate) use server::Mocks;
