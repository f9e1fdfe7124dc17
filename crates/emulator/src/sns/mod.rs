//! SNS: topics whose subscribers are queues.
//!
//! <https://docs.aws.amazon.com/sns/latest/dg/welcome.html>

mod api;
mod deliver;
mod envelope;
mod keep;
mod publish;
mod query;
mod subscription;
mod topic;

pub(crate) use query::{Params, error_xml};
pub(crate) use topic::Sns;
