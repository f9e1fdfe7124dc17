//! A cell that fails for a minute and is well again: the time until it serves, and the calls that it got meanwhile.

use std::cell::Cell;
use std::time::Duration;

use anyhow::Result;
use cellstack_core::limits::{BREAKER_COOLDOWN_MAX, MAX_ATTEMPTS};

use super::load::{Load, Loaded, Script};

/// Time at which the cell fails, and the duration of that.
const FAILS: Duration = Duration::from_secs(60);
const LASTS: Duration = Duration::from_secs(60);
/// Duration of the scenario.
const ALL: Duration = Duration::from_secs(180);
/// The cell that fails.
const VICTIM: usize = 0;

/// The outcome.
#[derive(Debug, Clone, Copy)]
pub struct Recovered {
    /// Requests of the cell's tenants while it failed.
    pub requests: usize,
    /// Calls that reached the cell meanwhile.
    pub calls: u64,
    /// Environments that could have made them.
    pub environments: usize,
    /// Time from the end of the fault to the last request that was not served.
    pub served_after: Duration,
    /// Share of the requests that were served afterwards, 0 to 1.
    pub served: f64,
    /// Share of the other cells' requests that were served all along.
    pub others_served: f64,
}

impl Recovered {
    /// Returns the most calls that the cell may get while it fails: each environment makes a few before its breaker
    /// reaches the longest cool-down, and then one per longest cool-down, with its retries.
    #[must_use]
    pub const fn bound(&self) -> u64 {
        let probes = LASTS.as_secs() / BREAKER_COOLDOWN_MAX.as_secs();
        (BEFORE_THE_LONGEST + probes) * MAX_ATTEMPTS as u64 * self.environments as u64
    }
}

/// Cool-downs before the longest one, each after one failure.
const BEFORE_THE_LONGEST: u64 = 4;

#[derive(Default)]
struct FailsForAMinute {
    calls: Cell<u64>,
    environments: Cell<usize>,
}

impl Script for &FailsForAMinute {
    async fn run(&self, loaded: &Loaded) {
        loaded.until(FAILS).await;
        let faults = loaded.take_down(VICTIM);
        loaded.until(FAILS + LASTS).await;
        self.calls.set(loaded.hits(&faults));
        self.environments.set(loaded.routers.started());
        loaded.remove(faults);
    }
}

/// Runs the scenario. Each environment of the router has its own breaker.
///
/// # Errors
/// When the stack can't be built.
pub fn recovery(cells: usize, tenants: usize, concurrency: usize) -> Result<Recovered> {
    let load =
        Load { cells, tenants, standbys: false, every: Duration::from_secs(2), concurrency, lasts: ALL, seed: 1 };
    let script = FailsForAMinute::default();
    let sent = load.run(&script)?;
    let well = FAILS + LASTS;
    let victims: Vec<_> = sent.iter().filter(|sent| load.cell_of(sent.tenant) == VICTIM).collect();
    let last_unserved = victims.iter().filter(|sent| sent.at >= well && !sent.served).map(|sent| sent.at).max();
    let served_after = last_unserved.map(|at| at - well).unwrap_or_default();
    let share = |of: &mut dyn Iterator<Item = bool>| {
        let all: Vec<bool> = of.collect();
        all.iter().filter(|served| **served).count() as f64 / all.len().max(1) as f64
    };
    let afterwards = well + served_after;
    Ok(Recovered {
        requests: victims.iter().filter(|sent| sent.at >= FAILS && sent.at < well).count(),
        calls: script.calls.get(),
        environments: script.environments.get(),
        served_after,
        served: share(&mut victims.iter().filter(|sent| sent.at > afterwards).map(|sent| sent.served)),
        others_served: share(
            &mut sent.iter().filter(|sent| load.cell_of(sent.tenant) != VICTIM).map(|sent| sent.served),
        ),
    })
}
