//! The whole stack in one process: the handlers of the three Lambdas over the embedded AWS services, nothing but Cargo
//! needed. [`Stack`] is the test double of the project and what `cellstack-local` serves.

pub mod activity;
mod ambient;
pub mod bound;
mod cell;
pub mod client;
pub mod data;
pub mod demo;
mod disorder;
pub mod faults;
mod function;
pub mod function_url;
pub mod fuzz;
mod hooks;
pub mod names;
mod process;
pub mod serve;
pub mod simulate;
mod stack;

pub use ambient::LocalAmbient;
pub use disorder::Disorder;
pub use names::Ordering;
pub use stack::{Pipeline, Stack, StackBuilder};
