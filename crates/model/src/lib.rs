//! A model of the protocol by which a tenant moves while it writes, small enough to explore every state of it.
//!
//! The simulator draws moves from seeds and runs the real code. This model has no code in common with it: it is the
//! protocol itself, written down once more, in steps between which anything else can happen. [`Model::explore`]
//! visits every state that these steps can reach, checks the [`properties`] in each, checks that a way leads from each to
//! an end of the move, and returns the shortest way to a state that breaks one.
//!
//! # In the model
//!
//! - **The map, the record and two cells.** A cell has events, a projection that counts their effects, and a fence of two
//!   shards. A conditional write or a transaction is one step; two of them never are.
//! - **Routers.** Each has a cached route, a lease that may end at any time, and one write on its way, which arrives at any
//!   time under the guard that was decided on when it was sent. A router that freezes is one that does nothing until its
//!   lease has ended. Events are posted repeatedly, to any router: repeats are in the model.
//! - **Runs.** Each has its step and all that it knows. It can die between any two steps. Another takes the move over at
//!   any time, by the compare-and-set on the record alone: the watch for signs of life is a matter of time, and nothing here
//!   stands on it. The run that lost the move continues until a step is refused, also long after the move has ended. So a
//!   request that arrives late is in the model: it is the step of a run that has lost the move.
//! - **Operators.** They carry what is pending, give the tenant back in each phase that allows it, redrive failed events,
//!   and purge the copy.
//!
//! # Time
//!
//! There are no clocks. A run that waits for the leases continues when no router has a valid lease of a route that was read
//! before the map said `moving`, and no write without a fence is on its way. The real code waits for that long by its own
//! clock; that a router measures its lease right is for `cellstack_core::lease` and its tests.
//!
//! # Not in the model
//!
//! - Standbys, and events that they hold. Counts and capacities. Event bodies and times to live.
//! - A second move of the tenant. The purge is one step: one that continues while another move begins is not covered.
//! - Reads that fail, maps that go back to an earlier epoch: the routers' own tests cover those.
//! - A round, a following of the journal (its readings, and the clearing), a reading of the rest, and the copy of the rest
//!   with the reading before it are one step each. An event's item has two readings at most, in two steps.
//! - More than two events, two routers and two runs at once. The tests name the bounds of each exploration; takeovers and
//!   deaths are not bounded.

pub mod actions;
mod code;
pub mod explorer;
pub mod mistake;
pub mod properties;
pub mod run;
pub mod state;

pub use actions::{Action, Model};
pub use mistake::Mistake;
