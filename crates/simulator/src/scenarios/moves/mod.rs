//! Tenants that are moved by `cellctl` while they write, under faults, by operators whose runs are killed.
//!
//! | time | happens |
//! |---|---|
//! | from the start | four tenants write through restless routers: each event is repeated under its name until it is acknowledged |
//! | the first minute | operators begin to move two of them; faults of the services strike anywhere, and some at the time of the flip |
//! | until all moves have ended | runs are killed at any moment, many within the pause; others resume or abort, sometimes two at once |
//! | after half of the moves | the copy that it has left is deleted, or the tenant is moved back |
//! | meanwhile, under half of the seeds | a cell is marked down, standbys hold what its tenants write, and it is brought up again |
//! | then | the faults end, the letters are redriven, and all comes to rest |
//!
//! At the end each acknowledged event is in its tenant's cell, processed once, and no other cell accepts anything.

mod callers;
mod draw;
mod oracle;
mod run;
mod runs;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;

use self::draw::Drawn;
use crate::mutation::Mutation;

/// The outcome under a seed.
#[derive(Debug, Clone, Default)]
pub struct Moved {
    /// The seed.
    pub seed: u64,
    /// Hash of everything that happened, in order.
    pub hash: u64,
    /// The draw, in words.
    pub drawn: String,
    /// Events that were acknowledged.
    pub acknowledged: usize,
    /// Runs that were killed.
    pub killed: usize,
    /// Of these, by the phase that was on record then.
    pub killed_in: BTreeMap<String, usize>,
    /// Moves that ended in the destination.
    pub flipped: usize,
    /// Moves that ended in the source.
    pub aborted: usize,
    /// Events that were handed over.
    pub carried: u64,
    /// Moves that a difference stopped until it was taken away.
    pub differed: usize,
    /// Copies that were deleted.
    pub purged: usize,
    /// Cells that were marked down and up again.
    pub marked: usize,
    /// Events that standbys held meanwhile, and that were carried home.
    pub held: u64,
    /// The longest time from an event's first request to its acknowledgement.
    pub longest: Duration,
    /// Violations, in words.
    pub violations: Vec<String>,
    /// The last lines of the trace, if requested.
    pub lines: Vec<String>,
}

impl Moved {
    /// Counts an event that was acknowledged after this time.
    fn note(&mut self, took: Duration) {
        self.acknowledged += 1;
        self.longest = self.longest.max(took);
    }

    /// Counts a move that has ended.
    fn end(&mut self, is_flipped: bool, is_aborted: bool, carried: u64) {
        self.flipped += usize::from(is_flipped);
        self.aborted += usize::from(is_aborted);
        self.carried += carried;
    }

    /// Adds the counts of another seed.
    pub fn add(&mut self, one: &Self) {
        self.acknowledged += one.acknowledged;
        self.killed += one.killed;
        for (phase, runs) in &one.killed_in {
            *self.killed_in.entry(phase.clone()).or_default() += runs;
        }
        self.flipped += one.flipped;
        self.aborted += one.aborted;
        self.carried += one.carried;
        self.differed += one.differed;
        self.purged += one.purged;
        self.marked += one.marked;
        self.held += one.held;
        self.longest = self.longest.max(one.longest);
    }
}

/// Runs the scenario under a seed, with or without a mutation.
///
/// # Errors
/// When the stack can't be built or read.
pub fn moves(seed: u64, mutation: Option<Mutation>, keep_lines: bool) -> Result<Moved> {
    fastrand::seed(seed);
    let _planted = mutation.and_then(Mutation::plant);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(run::run(&Drawn::draw(seed), mutation, keep_lines))
}
