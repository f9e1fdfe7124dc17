//! An end-to-end suite against the stack that `make deploy-local` applied: the real Terraform root, the real zips, the
//! real function URL, IAM enforced. `terraform/local/run` says where it is.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test's helpers end the test")]

mod caller;
mod cellctl;
mod cells;
mod identity;
mod isolation;
mod redrive;
mod snapshot;
mod stack;
