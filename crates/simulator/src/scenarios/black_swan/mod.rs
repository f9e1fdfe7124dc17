//! A tenant whose requests kill the cell that they reach, and the number of other tenants that it hurts.
//!
//! Without standbys that is the tenant's own cell, as long as the tenant sends. With standbys, automation marks the dead
//! cell down, so that its tenants' events go to their standbys, and those of the killer as well: its standby dies next.

mod automation;
pub(crate) mod picture;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use cellstack_emulator::FaultId;
use futures::future::join;

use super::load::{CONCURRENCY, Load, Loaded, Script, Sent};
use automation::Automation;

/// The tenant that kills.
pub(crate) const SWAN: usize = 0;
/// Time of its first such request.
pub(crate) const FIRST: Duration = Duration::from_secs(24);
/// Time at which an operator stops it.
pub(crate) const STOPPED: Duration = Duration::from_secs(80);
/// Duration of the scenario.
pub(crate) const LASTS: Duration = Duration::from_secs(120);
/// Time that a killed cell needs to come back.
const COMES_BACK: Duration = Duration::from_secs(10);
/// Pause between two requests of a tenant.
const EVERY: Duration = Duration::from_secs(6);
/// Time in which automation has to be done with a dead cell.
pub(crate) const SETTLED: Duration = Duration::from_secs(10);
/// Width of a point in the curves.
pub(crate) const STEP: Duration = Duration::from_secs(2);

/// The shares of requests and of tenants that are hurt at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hurt {
    /// The moment. The curves have one per step.
    pub at: Duration,
    /// Share of the requests sent in the step that failed, 0 to 1.
    pub requests: f64,
    /// Share of the tenants whose last request failed, 0 to 1.
    pub tenants: f64,
}

/// The help that a dead cell's tenants get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backup {
    /// None: their events are refused until the cell is back.
    None,
    /// Standbys that hold their events once automation has marked the cell down.
    Standbys,
}

/// The outcome in one stack.
#[derive(Debug, Clone)]
pub struct Wake {
    /// The number of cells.
    pub cells: usize,
    /// The help that the tenants of a dead cell got.
    pub backup: Backup,
    /// The number of tenants.
    pub tenants: usize,
    /// The hurt over time.
    pub hurt: Vec<Hurt>,
    /// Requests in all.
    pub requests: usize,
    /// Of these, failed.
    pub failed: usize,
    /// Tenants that had a request fail.
    pub tenants_hurt: usize,
    /// Of these, tenants that had one fail which they sent 10 s after the first deadly request or later.
    pub hurt_later: usize,
    /// The cells that were killed.
    pub killed: usize,
    /// Tenants whose cells were all killed: their own, and their standby where they have one.
    pub all_cells_killed: usize,
}

impl Wake {
    /// Returns the highest share of failed requests and the highest share of hurt tenants.
    #[must_use]
    pub fn peak(&self) -> (f64, f64) {
        (self.highest(|hurt| hurt.requests), self.highest(|hurt| hurt.tenants))
    }

    fn highest(&self, of: fn(&Hurt) -> f64) -> f64 {
        self.hurt.iter().map(of).fold(0.0, f64::max)
    }

    /// Returns the highest of the shares once automation has had its time, and each tenant has sent again.
    pub(crate) fn highest_later(&self, of: fn(&Hurt) -> f64) -> f64 {
        self.hurt.iter().filter(|hurt| hurt.at > FIRST + SETTLED + EVERY + STEP).map(of).fold(0.0, f64::max)
    }
}

/// A dead cell: its faults, and the time at which they end.
type Death = (Vec<FaultId>, Duration);

/// The killer's trace, and the automation against it.
struct Swan {
    dead: RefCell<BTreeMap<usize, Death>>,
    killed: RefCell<BTreeSet<usize>>,
    automation: Option<Automation>,
    /// The tenants whose cells were all killed.
    all_cells_killed: Cell<usize>,
}

impl Swan {
    fn new(load: &Load) -> Self {
        Self {
            dead: RefCell::default(),
            killed: RefCell::default(),
            automation: load.standbys.then(|| Automation::of(load.cells)),
            all_cells_killed: Cell::new(0),
        }
    }

    /// Kills a cell, or keeps it dead.
    fn kill(&self, loaded: &Loaded, cell: usize) {
        let now = loaded.elapsed();
        self.killed.borrow_mut().insert(cell);
        let mut dead = self.dead.borrow_mut();
        dead.entry(cell).or_insert_with(|| (loaded.take_down(cell), now)).1 = now + COMES_BACK;
    }

    fn kills(loaded: &Loaded, tenant: usize) -> bool {
        tenant == SWAN && (FIRST..STOPPED).contains(&loaded.elapsed())
    }

    /// Lets dead cells come back when it is time.
    async fn bring_back(&self, loaded: &Loaded) {
        let tick = Duration::from_millis(100);
        while loaded.elapsed() < LASTS {
            tokio::time::sleep(tick).await;
            let now = loaded.elapsed();
            let over: BTreeMap<_, _> = self.dead.borrow_mut().extract_if(.., |_, (_, until)| *until <= now).collect();
            for (faults, _) in over.into_values() {
                loaded.remove(faults);
            }
        }
    }

    /// Counts the tenants whose cells were all killed.
    fn count(&self, loaded: &Loaded) -> usize {
        let killed = self.killed.borrow();
        let is_lost = |tenant: &usize| {
            let cells = [Some(loaded.load.cell_of(*tenant)), loaded.standby_of(*tenant)];
            cells.iter().flatten().all(|cell| killed.contains(cell))
        };
        (0..loaded.load.tenants).filter(is_lost).count()
    }
}

impl Script for &Swan {
    async fn run(&self, loaded: &Loaded) {
        let automation = async {
            if let Some(automation) = &self.automation {
                automation.run(loaded, LASTS).await;
            }
        };
        join(self.bring_back(loaded), automation).await;
        self.all_cells_killed.set(self.count(loaded));
    }

    fn sending(&self, loaded: &Loaded, tenant: usize) {
        let cell = loaded.load.cell_of(tenant);
        // A cell that is marked down is not sent to.
        let is_marked = self.automation.as_ref().is_some_and(|automation| automation.is_marked(cell));
        if Swan::kills(loaded, tenant) && !is_marked {
            self.kill(loaded, cell);
        }
    }

    fn accepted(&self, loaded: &Loaded, tenant: usize, cell: usize) {
        if Swan::kills(loaded, tenant) {
            self.kill(loaded, cell);
        }
    }
}

/// Runs the scenario in a stack of `cells` cells, with a load that does not depend on their number.
///
/// # Errors
/// When the stack can't be built, for example one of a single cell with standbys.
pub fn black_swan(cells: usize, tenants: usize, backup: Backup) -> Result<Wake> {
    let standbys = backup == Backup::Standbys;
    let load = Load { cells, tenants, standbys, every: EVERY, concurrency: CONCURRENCY, lasts: LASTS, seed: 1 };
    let swan = Swan::new(&load);
    let sent = load.run(&swan)?;
    Ok(wake(load, backup, &swan, &sent))
}

fn wake(load: Load, backup: Backup, swan: &Swan, sent: &[Sent]) -> Wake {
    let mut last = vec![true; load.tenants];
    let mut ever = vec![false; load.tenants];
    let mut hurt = Vec::new();
    let mut rest = sent;
    let mut at = STEP;
    while at <= LASTS {
        let (now, later) = rest.split_at(rest.partition_point(|sent| sent.at < at));
        for sent in now {
            last[sent.tenant] = sent.served;
            ever[sent.tenant] |= !sent.served;
        }
        let failed = now.iter().filter(|sent| !sent.served).count();
        hurt.push(Hurt {
            at,
            requests: failed as f64 / now.len().max(1) as f64,
            tenants: last.iter().filter(|served| !**served).count() as f64 / load.tenants.max(1) as f64,
        });
        (rest, at) = (later, at + STEP);
    }
    let later = sent.iter().filter(|sent| sent.at >= FIRST + SETTLED && !sent.served);
    Wake {
        cells: load.cells,
        backup,
        tenants: load.tenants,
        hurt,
        requests: sent.len(),
        failed: sent.iter().filter(|sent| !sent.served).count(),
        tenants_hurt: ever.iter().filter(|ever| **ever).count(),
        hurt_later: later.map(|sent| sent.tenant).collect::<BTreeSet<_>>().len(),
        killed: swan.killed.borrow().len(),
        all_cells_killed: swan.all_cells_killed.get(),
    }
}
