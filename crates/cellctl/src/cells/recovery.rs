//! The way of a cell up: recovering while held events come home, then active.

use std::time::Duration;

use anyhow::Result;
use cellstack_core::limits::{CELL_LEASE, LONGEST_WRITE};
use cellstack_core::registry::{CellState, CellStatus};
use cellstack_core::{CellId, Clock as _};
use cellstack_store::carry::Carried;
use cellstack_store::cells::{Lease, record_carried};
use tokio::time::Instant;

use super::homecoming::{Homecoming, wait};
use super::marking::{Change, change, facts};
use crate::audit::{self, Facts, Signature};
use crate::console::Console;
use crate::deployment::Deployment;

/// Time after which every router knows of a mark, and no write is under way that was decided before.
const KNOWN: Duration = CELL_LEASE.saturating_add(LONGEST_WRITE);

/// A recovery, and its progress.
pub(crate) struct Recovery<'a> {
    deployment: &'a Deployment,
    by: &'a Signature,
    /// The name of the command in the audit trail.
    what: &'static str,
    cell: &'a CellId,
    status: CellStatus,
    /// The time of the last mark.
    marked_at: Option<u64>,
    /// The time of the last mark, or of the beginning of this run: another operator's clock is not to be relied on.
    since: Instant,
    /// The age of the last mark when this run began, if automation has set it: its runs are short, and their clocks are AWS's.
    before: Duration,
    /// The lease, if automation brings the cell up.
    lease: Option<Lease>,
    carried: Carried,
    /// The events and entries that are not known to be home.
    left: Option<String>,
}

impl<'a> Recovery<'a> {
    pub(crate) fn new(
        deployment: &'a Deployment,
        (by, what): (&'a Signature, &'static str),
        cell: &'a CellId,
        state: &CellState,
    ) -> Self {
        let (status, marked_at) = (state.status, state.updated_at);
        let (since, carried) = (Instant::now(), Carried::default());
        Self {
            deployment,
            by,
            what,
            cell,
            status,
            marked_at,
            since,
            before: Duration::ZERO,
            lease: None,
            carried,
            left: None,
        }
    }

    /// Makes it automation's: it marks the cell only under this lease, and only over its own marks.
    pub(crate) fn under_lease(self, lease: Lease) -> Self {
        let now_ms = self.deployment.clock.wall_ms();
        let age = self.marked_at.map_or(0, |marked_at| now_ms.saturating_sub(marked_at));
        Self { lease: Some(lease), before: Duration::from_millis(age), ..self }
    }

    /// Returns the status of the cell by the last mark.
    pub(crate) const fn status(&self) -> CellStatus {
        self.status
    }

    /// Returns the numbers of events that came home.
    pub(crate) const fn carried(&self) -> Carried {
        self.carried
    }

    /// Returns what is left to be done by another run.
    pub(crate) fn left(&self) -> Option<&str> {
        self.left.as_deref()
    }

    /// Brings the cell up, and records beginning and end. `state` is the cell's when the recovery began.
    pub(crate) async fn run(&mut self, state: &CellState, homes: Homecoming<'_>, console: &mut Console) -> Result<()> {
        let record =
            audit::begin(self.deployment, self.by, self.what, self.cell.to_string(), facts(state.status)).await?;
        let ran = self.all(state, homes, console).await;
        let mut troubles: Vec<String> = ran.as_ref().err().map(|error| format!("{error:#}")).into_iter().collect();
        if self.is_stopped() {
            troubles.push("stopped before its end".to_owned());
            console.say(format_args!(
                "stopped; cell {0} is {1}: cellctl cells up {0} continues from there",
                self.cell,
                self.status.as_str()
            ));
        }
        troubles.extend(self.left.clone());
        let Carried { new, known } = self.carried;
        record.end(facts(self.status), Facts::default().count("carried", new).count("known", known), &troubles).await?;
        ran
    }

    async fn all(&mut self, state: &CellState, homes: Homecoming<'_>, console: &mut Console) -> Result<()> {
        let cell = self.cell;
        if self.status == CellStatus::Down {
            self.mark(CellStatus::Recovering).await?;
            console.say(format_args!("cell {cell} is recovering: it is read, and standbys hold new events"));
        }
        if self.status == CellStatus::Recovering {
            homes.rounds(&mut self.carried, console).await?;
            console
                .say(format_args!("{} events came home, {} were there already", self.carried.new, self.carried.known));
            self.until_known().await;
        }
        if self.is_stopped() {
            return Ok(());
        }
        if self.status != CellStatus::Active {
            let was = self.status;
            self.mark(CellStatus::Active).await?;
            console.say(format_args!("cell {cell} was {} and is active: it takes new tenants", was.as_str()));
        }
        // Until every router knows, some write into standbys; a router that can't read the registry is stopped by the standby. For a
        // cell that was never down they hold nothing but what they took for another home of its tenants.
        if let Some(down_at) = state.down_at {
            homes.note_end(cell, down_at).await?;
            let noted = Instant::now();
            self.until_known().await;
            // A write that was decided before the note may still be under way.
            wait(self.deployment, LONGEST_WRITE.saturating_sub(noted.elapsed())).await;
        }
        if self.is_stopped() {
            return Ok(());
        }
        // A standby may have been appointed meanwhile.
        let homes = Homecoming::read(self.deployment, cell).await?;
        if state.down_at.is_none() && homes.left().await?.is_none() {
            return Ok(());
        }
        homes.round(&mut self.carried, console).await?;
        if self.is_stopped() {
            return Ok(());
        }
        let Carried { new, known } = self.carried;
        console.say(format_args!("cell {cell} is up: {new} events came home, {known} were there already"));
        self.left = homes.left().await?;
        if let Some(left) = &self.left {
            console.say(format_args!("{left}: `cellctl cells up {cell}` looks again"));
        } else if let Some(down_at) = state.down_at {
            let (client, registry) = (&self.deployment.dynamodb, self.deployment.registry());
            record_carried(client, &registry, cell, self.marked_at, down_at).await?;
        }
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.deployment.stop().is_cancelled()
    }

    async fn mark(&mut self, status: CellStatus) -> Result<()> {
        let (cell, expected, marked_at, lease) = (self.cell, self.status, self.marked_at, self.lease);
        let order = Change { cell, expected, marked_at, status, retry_after: None, lease };
        self.marked_at = Some(change(self.deployment, self.by, &order).await?);
        // The mark of a cell that served already changes nothing for the standbys.
        if !self.status.serves() {
            (self.since, self.before) = (Instant::now(), Duration::ZERO);
        }
        self.status = status;
        Ok(())
    }

    /// Waits until every router knows of the last mark.
    async fn until_known(&self) {
        wait(self.deployment, KNOWN.saturating_sub(self.before + self.since.elapsed())).await;
    }
}
