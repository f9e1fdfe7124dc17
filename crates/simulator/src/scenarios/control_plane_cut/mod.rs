//! A cut of the control plane for ten minutes, and its effect on the callers of the routers.
//!
//! | time | happens |
//! |---|---|
//! | from the start | eight environments serve, each of them some tenants and two of them none; tenants move, environments freeze for minutes, wall clocks jump (see [`environment`](crate::surroundings::environment) for how far that goes) |
//! | the cut | tenant map and registry hang, fail, throttle or break connections: for the routers alone, while the moves continue, or for everybody; every environment gets requests of any tenant |
//! | ten minutes later | they are back; the breakers find that out within their longest pause, and everything is served |
//!
//! The cells are well all the time: no fault is injected into one.

mod draw;
mod oracle;
mod run;

use std::time::Duration;

use anyhow::Result;

use self::draw::Drawn;
use crate::mutation::Mutation;

/// Time for which the control plane is out of reach.
pub(super) const LASTS: Duration = Duration::from_secs(600);
/// Time in which a router that knows nothing of a tenant must say so: one read of the map that times out, and the way.
pub(super) const SOON: Duration = Duration::from_millis(1_200);
/// The same limit for a router that finds out during a request that its route is out of date: the map, the registry,
/// the cell, and the map once more.
pub(super) const LATE: Duration = Duration::from_millis(3_200);

/// The outcome under a seed.
#[derive(Debug, Clone, Default)]
pub struct CutOff {
    /// The seed.
    pub seed: u64,
    /// Hash of everything that happened, in order.
    pub hash: u64,
    /// The draw, in words.
    pub drawn: String,
    /// Requests while the control plane was cut off.
    pub requests: usize,
    /// Of these, of tenants that their environment had served under their epoch.
    pub warm: usize,
    /// Of these, accepted at the first try.
    pub warm_served: usize,
    /// Of these, by a route older than its lease.
    pub stale_served: usize,
    /// Fenced writes while the control plane was cut off.
    pub fenced: usize,
    /// Writes without the fence by a route older than its lease, in all.
    pub plain_past_lease: usize,
    /// Events written in all.
    pub written: usize,
    /// Of these, written while their cell's fence was not open at their epoch.
    pub below_fence: usize,
    /// Requests that met a tenant between two cells.
    pub in_transit: usize,
    /// Requests to an environment whose route was of an epoch that was over.
    pub outdated: usize,
    /// Time until each response to a request of a tenant that its environment had never looked up.
    pub cold: Vec<Duration>,
    /// Requests after the control plane was back and the breakers had had time to find that out.
    pub after: usize,
    /// Moves that were completed.
    pub moves: usize,
    /// Violations, in words.
    pub violations: Vec<String>,
    /// The last lines of the trace, if requested.
    pub lines: Vec<String>,
}

/// Runs the scenario under a seed, with or without a mutation.
///
/// # Errors
/// When the stack can't be built or read.
pub fn control_plane_cut(seed: u64, mutation: Option<Mutation>, keep_lines: bool) -> Result<CutOff> {
    fastrand::seed(seed);
    let _planted = mutation.and_then(Mutation::plant);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(run::run(&Drawn::draw(seed), mutation, keep_lines))
}
