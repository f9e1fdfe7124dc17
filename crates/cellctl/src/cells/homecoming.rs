//! The events of a cell's tenants that standbys hold, on their way home.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, bail};
use cellstack_core::{CellId, Clock as _, Epoch, TenantId};
use cellstack_store::carry::{Carried, Homeward, held, note_end};
use cellstack_store::tenant_map::TenantEntry;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::marking::stated;
use crate::cells;
use crate::console::Console;
use crate::console::progress::Progress;
use crate::deployment::Deployment;

/// Tenants that are looked after at once.
const TENANTS_AT_ONCE: usize = 16;

/// A tenant of the cell, and the cell that stands by for it.
struct Away {
    tenant: TenantId,
    epoch: Epoch,
    standby: CellId,
    table: String,
}

/// The tenants of a cell that have a standby, as the map had them at one time.
pub(crate) struct Homecoming<'a> {
    deployment: &'a Deployment,
    home: String,
    tenants: Vec<Away>,
    /// Entries of the map that could not be read, each with the reason.
    pub(crate) unreadable: Vec<String>,
}

impl<'a> Homecoming<'a> {
    /// Reads the map.
    ///
    /// # Errors
    /// Fails if a standby is not in the registry: it may hold events, and can't be read.
    pub(crate) async fn read(deployment: &'a Deployment, cell: &CellId) -> Result<Self> {
        let (mut entries, mut unreadable) = (Vec::new(), Vec::new());
        let take = |entry: Result<TenantEntry, String>| match entry {
            Ok(entry) if entry.is_placed() && entry.route.cell_id == *cell => entries.push(entry.route),
            Ok(_) => {}
            Err(reason) => unreadable.push(reason),
        };
        deployment.tenant_map().scan(take).await?;
        let listing = cells::list(deployment).await?;
        let (mut tenants, mut unknown) = (Vec::new(), Vec::new());
        for route in entries {
            let (tenant, epoch, Some(standby)) = (route.tenant_id, route.epoch, route.standby_cell_id) else {
                continue;
            };
            match listing.cell(&standby) {
                Some(cell) => tenants.push(Away { tenant, epoch, standby, table: cell.config.table.clone() }),
                None => unknown.push(format!("{standby} of {tenant}")),
            }
        }
        if !unknown.is_empty() {
            bail!(
                "standbys may hold events and are not in the registry: {}; expected a configuration of each: put its line \
                 back in Terraform",
                unknown.join(", ")
            );
        }
        let (home, _) = stated(&listing, cell)?;
        Ok(Self { deployment, home: home.config.table.clone(), tenants, unreadable })
    }

    /// Counts the tenants of each standby, and the events that it holds for them.
    pub(crate) async fn held(&self) -> Result<BTreeMap<&CellId, (u64, u64)>> {
        let client = &self.deployment.dynamodb;
        let count = |Away { tenant, standby, table, .. }: &'_ Away| {
            let (tenant, standby, table) = (tenant.clone(), standby.clone(), table.clone());
            async move { Ok::<_, anyhow::Error>((standby, held(client, &table, &tenant).await?)) }
        };
        let counts: Vec<(CellId, u64)> =
            stream::iter(&self.tenants).map(count).buffer_unordered(TENANTS_AT_ONCE).try_collect().await?;
        let mut by_standby = BTreeMap::new();
        for Away { standby, .. } in &self.tenants {
            by_standby.entry(standby).or_insert((0, 0)).0 += 1;
        }
        for (standby, count) in counts {
            if let Some((_, held)) = by_standby.get_mut(&standby) {
                *held += count;
            }
        }
        Ok(by_standby)
    }

    /// Returns what keeps the cell from being whole: events that standbys still hold, as those of a tenant that is being moved,
    /// and entries of the map that could not be read.
    pub(crate) async fn left(&self) -> Result<Option<String>> {
        let held: u64 = self.held().await?.values().map(|(_, held)| held).sum();
        let held = (held > 0).then(|| format!("standbys still hold {held} events, as they do while a tenant is moved"));
        let unreadable = self.unreadable.iter().map(|reason| format!("left out: {reason}"));
        let left: Vec<String> = held.into_iter().chain(unreadable).collect();
        Ok((!left.is_empty()).then(|| left.join("; ")))
    }

    /// Notes in each standby that a mark-down of the cell has ended.
    pub(crate) async fn note_end(&self, cell: &CellId, down_at: u64) -> Result<()> {
        let standbys: BTreeSet<&str> = self.tenants.iter().map(|tenant| tenant.table.as_str()).collect();
        let now_ms = self.deployment.clock.wall_ms();
        for standby in standbys {
            note_end(&self.deployment.dynamodb, standby, cell, down_at, now_ms).await?;
        }
        Ok(())
    }

    /// Carries rounds until one finds nothing, or no less than the round before: then it only keeps up with the events
    /// that still come. Stops early if the run is to stop.
    pub(crate) async fn rounds(&self, sum: &mut Carried, console: &Console) -> Result<()> {
        let mut before = u64::MAX;
        while !self.deployment.stop().is_cancelled() {
            let carried = self.round(sum, console).await?;
            if carried == 0 || carried >= before {
                break;
            }
            before = carried;
        }
        Ok(())
    }

    /// Carries once for each tenant. Returns the number of events that standbys no longer hold.
    pub(crate) async fn round(&self, sum: &mut Carried, console: &Console) -> Result<u64> {
        let progress = Progress::of("tenants", self.tenants.len() as u64, console);
        let (client, stop, home) = (&self.deployment.dynamodb, self.deployment.stop(), &self.home);
        let carry = |Away { tenant, epoch, table, .. }: &'_ Away| {
            let (tenant, epoch, table) = (tenant.clone(), *epoch, table.clone());
            async move { Homeward { client, tenant: &tenant, standby: &table, home }.carry(epoch).await }
        };
        let tenants = stream::iter(&self.tenants).take_while(|_| std::future::ready(!stop.is_cancelled()));
        let mut carried = tenants.map(carry).buffer_unordered(TENANTS_AT_ONCE);
        let before = sum.total();
        while let Some(one) = carried.try_next().await? {
            sum.add(one);
            progress.add(1);
        }
        progress.finish();
        Ok(sum.total() - before)
    }
}

/// Waits. Returns early if the run is to stop.
pub(crate) async fn wait(deployment: &Deployment, time: Duration) {
    tokio::select! {
        biased;
        () = tokio::time::sleep(time) => {}
        () = deployment.stop().cancelled() => {}
    }
}
