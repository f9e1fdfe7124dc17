//! The deterministic simulator. It runs the real router, producer, consumer and redrive over the embedded AWS in
//! virtual time, draws everything random from a seed, and injects faults. When all has come to rest, the invariants
//! must hold.
//!
//! A run is one thread with one runtime, so that only the seed decides what happens next. Its trace hash shows whether
//! two runs were the same.

mod application;
mod excerpt;
mod faults;
mod mutation;
mod operators;
mod oracle;
mod runner;
mod scenarios;
mod setup;
mod surroundings;
mod trace;
mod workload;
mod world;

pub use application::{Application, Draft, Partition};
pub use excerpt::excerpt;
pub use faults::fault::Fault;
pub use faults::hits::{Count, Hits};
pub use mutation::Mutation;
pub use oracle::{Checks, INVARIANTS, Violation};
pub use runner::{add_up, await_points, each_seed, run_all, shrink};
pub use scenarios::CONCURRENCY;
pub use scenarios::black_swan::picture::draw;
pub use scenarios::black_swan::{Backup, Hurt, Wake, black_swan};
pub use scenarios::busy_tenant::{Busy, busy_tenant, fence_bursts};
pub use scenarios::control_plane_cut::{CutOff, control_plane_cut};
pub use scenarios::marked_down::{MarkedDown, Phase, marked_down};
pub use scenarios::moves::{Moved, moves};
pub use scenarios::one_cell_down::{Noticed, one_cell_down};
pub use scenarios::recovery::{Recovered, recovery};
pub use setup::Setup;
pub use surroundings::kill::{AwaitPoint, Coverage, Visits};
pub use world::{Outcome, run};
