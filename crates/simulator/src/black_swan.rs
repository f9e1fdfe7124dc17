//! A tenant whose requests kill the cell that they reach, and the number of other tenants that it hurts.

use std::cell::RefCell;
use std::time::Duration;

use anyhow::Result;
use cellstack_emulator::FaultId;

use crate::load::{CONCURRENCY, Load, Loaded, Script, Sent};

/// The tenant that kills.
pub(crate) const SWAN: usize = 0;
/// Time of its first such request.
pub(crate) const FIRST: Duration = Duration::from_secs(20);
/// Time at which an operator stops it.
pub(crate) const STOPPED: Duration = Duration::from_secs(80);
/// Duration of the scenario.
pub(crate) const LASTS: Duration = Duration::from_secs(120);
/// Time that a killed cell needs to come back.
const COMES_BACK: Duration = Duration::from_secs(10);
/// Pause between two requests of a tenant.
const EVERY: Duration = Duration::from_secs(6);
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

/// The outcome in one stack.
#[derive(Debug, Clone)]
pub struct Wake {
    /// The number of cells.
    pub cells: usize,
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
}

impl Wake {
    /// Returns the highest share of failed requests and the highest share of hurt tenants.
    #[must_use]
    pub fn peak(&self) -> (f64, f64) {
        let highest = |of: fn(&Hurt) -> f64| self.hurt.iter().map(of).fold(0.0, f64::max);
        (highest(|hurt| hurt.requests), highest(|hurt| hurt.tenants))
    }
}

/// The faults of the swan's cell, and the time at which they end.
#[derive(Default)]
struct Swan(RefCell<Option<(Vec<FaultId>, Duration)>>);

impl Script for Swan {
    async fn run(&self, loaded: &Loaded) {
        let tick = Duration::from_millis(100);
        while loaded.elapsed() < LASTS {
            tokio::time::sleep(tick).await;
            let now = loaded.elapsed();
            let over = self.0.borrow_mut().take_if(|(_, until)| *until <= now);
            if let Some((faults, _)) = over {
                loaded.remove(faults);
            }
        }
    }

    fn sending(&self, loaded: &Loaded, tenant: usize) {
        let now = loaded.elapsed();
        if tenant != SWAN || now < FIRST || now >= STOPPED {
            return;
        }
        let mut dead = self.0.borrow_mut();
        let cell = loaded.load.cell_of(tenant);
        dead.get_or_insert_with(|| (loaded.take_down(cell), now)).1 = now + COMES_BACK;
    }
}

/// Runs the scenario in a stack of `cells` cells, with a load that does not depend on their number.
///
/// # Errors
/// When the stack can't be built.
pub fn black_swan(cells: usize, tenants: usize) -> Result<Wake> {
    let load = Load { cells, tenants, every: EVERY, concurrency: CONCURRENCY, lasts: LASTS, seed: 1 };
    let sent = load.run(Swan::default())?;
    Ok(wake(load, &sent))
}

fn wake(load: Load, sent: &[Sent]) -> Wake {
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
    Wake {
        cells: load.cells,
        tenants: load.tenants,
        hurt,
        requests: sent.len(),
        failed: sent.iter().filter(|sent| !sent.served).count(),
        tenants_hurt: ever.iter().filter(|ever| **ever).count(),
    }
}
