//! The whole stack in one process: the handlers of the three Lambdas over the emulated AWS services. It needs nothing
//! but Cargo. `cellstack-local` serves a [`Stack`]; the simulator, the fuzzer and the tests run on one.

pub mod activity;
pub mod admin;
pub mod bound;
pub mod cells;
pub mod client;
mod clock;
mod cloud;
pub mod data;
mod disorder;
pub mod faults;
mod first_sight;
mod function;
pub mod function_url;
pub mod hooks;
pub mod names;
mod process;
pub mod serve;
mod stack;

pub use clock::VirtualClock;
pub use disorder::Disorder;
pub use names::Ordering;
pub use stack::{Pipeline, Stack, StackBuilder};
