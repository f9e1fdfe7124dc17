//! `cellctl cells` and `cellctl audit` over the embedded stack.

mod audit;
mod automation;
mod bootstrap;
mod down;
mod errors;
mod kill;
mod plans;
mod recount;
mod retire;
mod status;
mod sync;
mod up;
pub(crate) mod world;
