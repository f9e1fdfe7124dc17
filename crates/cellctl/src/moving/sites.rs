//! The cells of a move.

use anyhow::Result;
use cellstack_core::{CellId, Epoch, TenantId};
use cellstack_placement::Refusal;
use cellstack_store::moves::{MoveRecord, Path};
use cellstack_store::placement::{RegisteredFleet, Site};

use crate::deployment::Deployment;

/// The cells between which a tenant moves, and its standbys.
#[derive(Debug, Clone)]
pub(crate) struct Sites {
    pub(crate) source: Site,
    pub(crate) destination: Site,
    standby: Option<Site>,
    next_standby: Option<Site>,
}

impl Sites {
    /// Looks the cells up.
    ///
    /// # Errors
    /// Fails if one is not registered.
    pub(crate) fn new(
        world: &RegisteredFleet,
        (from, standby): (&CellId, Option<&CellId>),
        (to, next_standby): (&CellId, Option<&CellId>),
    ) -> Result<Self, Refusal> {
        Ok(Self {
            source: world.site(from)?,
            destination: world.site(to)?,
            standby: standby.map(|cell| world.site(cell)).transpose()?,
            next_standby: next_standby.map(|cell| world.site(cell)).transpose()?,
        })
    }

    /// Looks the cells of a move up.
    ///
    /// # Errors
    /// Fails if one is not registered.
    pub(crate) fn of(world: &RegisteredFleet, record: &MoveRecord) -> Result<Self, Refusal> {
        let before = (&record.from, record.standby_before.as_ref());
        Self::new(world, before, (&record.to, record.standby_after.as_ref()))
    }

    /// Looks up the cells of a move that is undone. Its destination and the standby there may be gone.
    ///
    /// # Errors
    /// Fails if one is not registered.
    pub(crate) fn back(world: &RegisteredFleet, record: &MoveRecord) -> Result<Self, Refusal> {
        let source = world.site(&record.from)?;
        let standby = record.standby_before.as_ref().map(|cell| world.site(cell)).transpose()?;
        let destination = world.site(&record.to).unwrap_or_else(|_| source.clone());
        Ok(Self { source, destination, standby, next_standby: None })
    }

    /// Returns a tenant's path between them.
    pub(crate) fn path<'a>(&'a self, deployment: &'a Deployment, tenant: &'a TenantId, epoch: Epoch) -> Path<'a> {
        Path {
            client: &deployment.dynamodb,
            tenant,
            source: &self.source,
            destination: &self.destination,
            standby: self.standby.as_ref(),
            next_standby: self.next_standby.as_ref(),
            epoch,
        }
    }
}
