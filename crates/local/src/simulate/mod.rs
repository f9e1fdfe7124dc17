//! The deterministic simulator: the real router, producer, consumer and redrive over the embedded AWS, in virtual time, with
//! everything random drawn from a seed, and things going wrong. When all has come to rest the invariants must hold.
//!
//! A run is one thread with one runtime, so that nothing but the seed decides what happens next; its trace hash tells
//! whether two runs were the same.

mod black_swan;
mod callers;
mod census;
mod check;
mod control_plane_cut;
mod environment;
mod excerpt;
mod faults;
mod front;
mod kill;
mod ledger;
mod load;
mod mover;
mod naive;
mod network;
mod one_cell_down;
mod picture;
mod plan;
mod plant;
mod processor;
mod redrive;
mod runner;
mod setup;
mod surroundings;
mod trace;
mod wire;
mod workload;
mod world;

pub use black_swan::{Hurt, Wake, black_swan};
pub use check::Violation;
pub use control_plane_cut::{CutOff, control_plane_cut};
pub use excerpt::excerpt;
pub use faults::Mishap;
pub use kill::{AwaitPoint, Coverage, Visits};
pub use load::CONCURRENCY;
pub use one_cell_down::{Noticed, one_cell_down};
pub use picture::draw;
pub use plant::Plant;
pub use runner::{add_up, await_points, each_seed, run_all, shrink};
pub use setup::Setup;
pub use world::{Outcome, run};
