//! The placement of tenants: each change is one transaction over the tenant map, the counts of the registry and the
//! fences of the cells, so that any number of operators may place at once and none may die half-way.
//!
//! A placement holds if the tenant has no cell, the cell is active and has room, and its fence opens above every epoch
//! that the tenant ever had. A transaction can't reach tables of another account
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>): the fence of a cell
//! that is named by its ARN is opened first. A crash in between leaves an open fence that no route leads to.

mod actions;
mod change;
mod epoch;
mod error;
mod fleet;
mod group;
mod place;
mod policy;

use aws_sdk_dynamodb::Client;
use cellstack_core::{CellId, TenantId};

use crate::TenantMap;
use crate::cells::Cell;
use crate::tenant_map::TenantEntry;

pub use error::PlacementError;
pub use fleet::RegisteredFleet;
pub use group::Group;
pub use place::allow;
pub(crate) use place::is_here;
pub use policy::{Candidate, Decision};

/// The tables in which tenants are placed, and the operator who does it.
#[derive(Debug, Clone)]
pub struct Placement<'a> {
    /// The client that reaches the tenant map, the registry and the cells.
    pub client: &'a Client,
    /// The tenant map's table.
    pub map_table: &'a str,
    /// The registry's table.
    pub registry: &'a str,
    /// The operator's name, kept in the map.
    pub operator: &'a str,
}

/// A cell as a placement needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The cell.
    pub id: CellId,
    /// Its table: a name, or an ARN.
    pub table: String,
    /// Its capacity, as the caller knows it.
    pub capacity: u64,
}

impl From<&Cell> for Site {
    fn from(cell: &Cell) -> Self {
        Self { id: cell.id.clone(), table: cell.config.table.clone(), capacity: cell.config.capacity }
    }
}

/// A tenant and the cells that it is to have.
#[derive(Debug, Clone)]
pub struct Order<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// Its cell.
    pub home: Site,
    /// The cell that holds its events while its own is marked down.
    pub standby: Option<Site>,
    /// The part of the cell's capacity that it takes.
    pub weight: u64,
    /// True if plans are to leave it in its cell.
    pub pinned: bool,
}

/// The outcome of a placement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// The tenant is new.
    New(TenantEntry),
    /// The tenant already has a cell; nothing was changed.
    Already(TenantEntry),
}

impl Placement<'_> {
    pub(crate) fn map(&self) -> TenantMap {
        TenantMap::new(self.client.clone(), self.map_table.to_owned())
    }
}
