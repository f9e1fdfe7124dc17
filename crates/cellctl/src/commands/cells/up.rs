//! `cellctl cells up`

use std::time::Duration;

use anyhow::{Result, bail};
use cellstack_core::limits::{CELL_LEASE, LONGEST_WRITE};
use cellstack_core::registry::CellStatus;
use cellstack_core::{CellId, TenantId};
use cellstack_store::carry::{Carried, carry};
use cellstack_store::cells::Listing;
use cellstack_store::tenant_map::TenantEntry;
use clap::Args;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;

use crate::cells;
use crate::cli::Completion;
use crate::commands::progress::Progress;
use crate::console::{Console, Output};
use crate::deployment::Deployment;
use crate::marking::{said, set, stated};
use crate::operator::{Operator, Signature};

/// Mark a cell up: the events that standbys hold are carried home, then it takes new ones
///
/// The cell is recovering first: it is read, and new events still go to the standbys, while what they hold is carried home
/// under its own ids and processed there. Then the cell is active, and what routers wrote into standbys until they knew is
/// carried as well. Run it again if it is interrupted: it goes on from where it was.
///
/// In the last step, which takes 20 s, a new event of a tenant may be processed before one that is still held. So order is not
/// kept there, not even in a cell with ordering = "tenant".
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl cells up alpha --reason 'throttle is over' --dry-run
  cellctl cells up alpha --reason 'throttle is over'")]
pub(super) struct Up {
    /// The cell
    #[arg(value_name = "CELL")]
    cell: CellId,
    #[command(flatten)]
    by: Operator,
    /// Say what would change and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Time after which every router knows of a mark, and no write is under way that was decided before.
const KNOWN: Duration = CELL_LEASE.saturating_add(LONGEST_WRITE);

/// Tenants whose events are carried at once.
const TENANTS_AT_ONCE: usize = 16;

/// The result, for programs.
#[derive(Debug, Serialize)]
struct Report<'a> {
    cell: &'a CellId,
    before: &'static str,
    after: &'static str,
    tenants_with_standby: usize,
    #[serde(flatten)]
    carried: Carried,
}

impl Up {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let by = self.by.sign(console)?;
        let listing = cells::list(deployment).await?;
        let (_, state) = stated(&listing, &self.cell)?;
        let before = state.status;
        console.say(format_args!("cell {} is {}, {}", self.cell, before.as_str(), said(state)));
        let mut report = Report {
            cell: &self.cell,
            before: before.as_str(),
            after: CellStatus::Active.as_str(),
            tenants_with_standby: 0,
            carried: Carried::default(),
        };
        match before {
            CellStatus::Active => console.say("nothing to change"),
            CellStatus::Retired => {
                bail!("cell {} is retired; a cell that comes back is stamped and bootstrapped", self.cell)
            }
            CellStatus::Full | CellStatus::Draining if self.dry_run => {
                console.say(format_args!("cell {} would be active, and take new tenants", self.cell));
            }
            CellStatus::Full | CellStatus::Draining => {
                set(deployment, &by, "cells up", (&self.cell, before), CellStatus::Active, None).await?;
                console.say(format_args!("cell {} is active, and takes new tenants", self.cell));
            }
            CellStatus::Down | CellStatus::Recovering => {
                let homes = Homecoming::read(deployment, &listing, &self.cell).await?;
                report.tenants_with_standby = homes.tenants.len();
                if self.dry_run {
                    console.say(format_args!(
                        "cell {} would be recovering, until the events that standbys hold for {} tenants are home, then active",
                        self.cell,
                        homes.tenants.len()
                    ));
                } else {
                    report.carried = homes.bring(deployment, (&by, "cells up"), &self.cell, before, console).await?;
                }
            }
        }
        if self.dry_run {
            report.after = report.before;
        }
        if output == Output::Json {
            console.json(&report)?;
        }
        let stopped = deployment.stop().is_cancelled();
        if stopped {
            console.say(format_args!("stopped; the cell is recovering: run cellctl cells up {} again", self.cell));
        }
        Ok(Completion::of(!stopped))
    }
}

/// Marks a cell up that is down or recovering, and brings its events home.
pub(super) async fn bring_home(
    deployment: &Deployment,
    signed: (&Signature, &'static str),
    cell: &CellId,
    before: CellStatus,
    console: &mut Console,
) -> Result<Carried> {
    let listing = cells::list(deployment).await?;
    let homes = Homecoming::read(deployment, &listing, cell).await?;
    homes.bring(deployment, signed, cell, before, console).await
}

/// The tenants of a cell that have a standby, each with its table.
struct Homecoming {
    home: String,
    tenants: Vec<(TenantId, String)>,
}

impl Homecoming {
    async fn read(deployment: &Deployment, listing: &Listing, cell: &CellId) -> Result<Self> {
        let (mut tenants, mut unknown) = (Vec::new(), Vec::new());
        let take = |entry: Result<TenantEntry, String>| {
            let Ok(entry) = entry else { return };
            let TenantEntry { route, .. } = entry;
            let Some(standby) = route.standby_cell_id.filter(|_| route.cell_id == *cell) else { return };
            match listing.cell(&standby) {
                Some(standby) => tenants.push((route.tenant_id, standby.config.table.clone())),
                None => unknown.push(format!("{} has {standby}", route.tenant_id)),
            }
        };
        deployment.tenant_map().scan(take).await?;
        if !unknown.is_empty() {
            bail!(
                "standbys that are not in the registry may hold events: {}; stamp them again first",
                unknown.join(", ")
            );
        }
        let (home, _) = stated(listing, cell)?;
        Ok(Self { home: home.config.table.clone(), tenants })
    }

    /// Brings the events home, and marks the cell recovering and active as they come.
    async fn bring(
        &self,
        deployment: &Deployment,
        (by, what): (&Signature, &'static str),
        cell: &CellId,
        before: CellStatus,
        console: &mut Console,
    ) -> Result<Carried> {
        if before == CellStatus::Down {
            set(deployment, by, what, (cell, before), CellStatus::Recovering, None).await?;
            console.say(format_args!("cell {cell} is recovering: it is read, and standbys hold new events"));
        }
        let mut carried = Carried::default();
        loop {
            let round = self.round(deployment, console).await?;
            carried.add(round);
            if round.total() == 0 || deployment.stop().is_cancelled() {
                break;
            }
        }
        if deployment.stop().is_cancelled() {
            return Ok(carried);
        }
        console.say(format_args!("{} events are home, {} were there already", carried.new, carried.known));
        set(deployment, by, what, (cell, CellStatus::Recovering), CellStatus::Active, None).await?;
        console.say(format_args!(
            "cell {cell} is active; in {} s every router knows, and the last events are carried",
            KNOWN.as_secs()
        ));
        tokio::time::sleep(KNOWN).await;
        carried.add(self.round(deployment, console).await?);
        console.say(format_args!("cell {cell} is up: {} events came home", carried.new));
        Ok(carried)
    }

    async fn round(&self, deployment: &Deployment, console: &Console) -> Result<Carried> {
        let progress = Progress::of("tenants", self.tenants.len() as u64, console);
        let client = &deployment.dynamodb;
        let carry = |(tenant, standby): &(TenantId, String)| {
            let (tenant, standby) = (tenant.clone(), standby.clone());
            async move { carry(client, &standby, &self.home, &tenant).await }
        };
        let stop = deployment.stop();
        let tenants = stream::iter(&self.tenants).take_while(|_| std::future::ready(!stop.is_cancelled()));
        let carried =
            tenants.map(carry).buffer_unordered(TENANTS_AT_ONCE).try_fold(Carried::default(), |mut sum, one| {
                sum.add(one);
                progress.add(1);
                std::future::ready(Ok(sum))
            });
        let carried = carried.await?;
        progress.finish();
        Ok(carried)
    }
}
