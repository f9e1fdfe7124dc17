//! The commands of `cellstack-local`: serve the stack, watch a demo, simulate, fuzz.

pub mod demo;
pub mod fuzz;
