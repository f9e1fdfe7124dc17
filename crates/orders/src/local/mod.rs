//! Orders on a laptop: sample events, simulated ones, a payment gateway in memory.

mod application;
mod invariant;
mod sandbox;

pub use sandbox::Sandbox;
