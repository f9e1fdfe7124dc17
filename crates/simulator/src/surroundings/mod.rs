//! The surroundings of a stack in a run: the network, processes that can be killed, environments of the router, and the processor
//! under test.

pub(crate) mod environment;
mod hooks;
pub(crate) mod kill;
pub(crate) mod network;
pub(crate) mod processor;
pub(crate) mod router_pool;
pub(crate) mod wire;

pub(crate) use hooks::{BEGINNING, hooks, watch};
