//! Moves of tenants from cell to cell.
//!
//! Each step is recorded before it is taken, on condition that the run that takes it is the one on record, so that a
//! crash or a second operator finds a move that can be gone on with. docs/moves.md has the protocol and its proofs.
//!
//! | phase | the map says | writes land | work |
//! |---|---|---|---|
//! | `moving` | `moving` | in the source, fenced after a lease | what can't change any more is copied and compared |
//! | `fenced` | `moving`, then `fenced` | nowhere | the source's fence and the standby's close, the source drains |
//! | `carrying` | `fenced` | nowhere | what the source could not process is frozen; only forward from here on |
//! | `drained` | `fenced` | nowhere | the rest is copied and compared |
//! | `verified` | `fenced` | nowhere | frozen events are handed over, then one transaction flips the map |
//! | `flipped` | `active`, next epoch | in the destination | the source's copy is kept |
//! | `purged` | | | the source's copy is gone |
//! | `aborted` | `active` | in the source | a copy may be left in the destination |

mod begin;
mod end;
mod error;
mod fences;
mod items;
mod journal;
mod known;
mod pending;
mod precopy;
mod purge;
mod record;
mod rest;
mod steps;
mod switch;

pub use begin::MoveOrder;
pub use error::MoveError;
pub use items::{Size, kept_beside_events, size};
pub use known::Known;
pub use precopy::Round;
pub use purge::{Copy, Purgeable};
pub use record::{MoveId, MoveRecord, Phase, all, of_tenant, one};
pub use rest::Rest;
pub use steps::Steps;
pub use switch::{Paused, Switch};

use aws_sdk_dynamodb::Client;
use cellstack_core::{Epoch, TenantId};

use crate::placement::Site;

/// The tables and the tenant of a move.
#[derive(Debug, Clone)]
pub struct Path<'a> {
    /// The client that reaches both cells.
    pub client: &'a Client,
    /// The tenant.
    pub tenant: &'a TenantId,
    /// The cell that it leaves.
    pub source: &'a Site,
    /// The cell that it goes to.
    pub destination: &'a Site,
    /// The cell that held its events while the source was down.
    pub standby: Option<&'a Site>,
    /// The cell that is going to hold them for the destination.
    pub next_standby: Option<&'a Site>,
    /// The epoch under which the source has the tenant.
    pub epoch: Epoch,
}
