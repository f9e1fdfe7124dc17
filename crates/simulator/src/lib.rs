//! The deterministic simulator. It runs the real router, producer, consumer and redrive over the embedded AWS in
//! virtual time, draws everything random from a seed, and injects faults. When all has come to rest, the invariants
//! must hold.
//!
//! A run is one thread with one runtime, so that only the seed decides what happens next. Its trace hash shows whether
//! two runs were the same.

mod amount;
mod application;
mod automation;
mod black_swan;
mod busy_tenant;
mod callers;
mod control_plane_cut;
mod environment;
mod excerpt;
mod fault;
mod final_state;
mod hits;
mod journal;
mod kill;
mod load;
mod marked_down;
mod marker;
mod mover;
mod moves;
mod mutation;
mod network;
mod one_cell_down;
mod operators;
mod oracle;
mod picture;
mod plan;
mod processor;
mod recovery;
mod router_pool;
mod runner;
mod schedule;
mod setup;
mod standbys;
mod strikes;
mod surroundings;
mod text;
mod trace;
mod wire;
mod workload;
mod world;

pub use application::{Application, Draft, Partition};
pub use black_swan::{Backup, Hurt, Wake, black_swan};
pub use busy_tenant::{Busy, busy_tenant, fence_bursts};
pub use control_plane_cut::{CutOff, control_plane_cut};
pub use excerpt::excerpt;
pub use fault::Fault;
pub use hits::{Count, Hits};
pub use kill::{AwaitPoint, Coverage, Visits};
pub use load::CONCURRENCY;
pub use marked_down::{MarkedDown, Phase, marked_down};
pub use moves::{Moved, moves};
pub use mutation::Mutation;
pub use one_cell_down::{Noticed, one_cell_down};
pub use oracle::{Checks, INVARIANTS, Violation};
pub use picture::draw;
pub use recovery::{Recovered, recovery};
pub use runner::{add_up, await_points, each_seed, run_all, shrink};
pub use setup::Setup;
pub use world::{Outcome, run};
