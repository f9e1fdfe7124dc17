//! One cell down, then slow, and the effect on the callers of the others.

use std::time::Duration;

use anyhow::Result;

use super::load::{Load, Loaded, Script, Sent};

/// Duration of each phase.
const PHASE: Duration = Duration::from_secs(60);
/// Latency of each call to the slow cell.
const SLOW: Duration = Duration::from_secs(2);
/// The cell that is down, then slow.
const VICTIM: usize = 0;

/// The outcome of a phase.
#[derive(Debug, Clone, Copy)]
pub struct Noticed {
    /// The state of the one cell.
    pub phase: &'static str,
    /// Share of the other cells' requests that were served, 0 to 1.
    pub others_served: f64,
    /// 99th percentile of the other cells' response times.
    pub others_p99: Duration,
    /// Requests of the other cells.
    pub others: usize,
    /// Share of the one cell's requests that were served, 0 to 1.
    pub victim_served: f64,
}

struct DownThenSlow;

impl Script for DownThenSlow {
    async fn run(&self, loaded: &Loaded) {
        loaded.until(PHASE).await;
        let down = loaded.take_down(VICTIM);
        loaded.until(2 * PHASE).await;
        loaded.remove(down);
        // Time to recover between the two.
        loaded.until(3 * PHASE).await;
        let slow = loaded.slow_down(VICTIM, SLOW);
        loaded.until(4 * PHASE).await;
        loaded.remove(slow);
    }
}

/// Runs the scenario: a minute before, a minute down, a minute to recover, a minute slow. The routers serve
/// `concurrency` requests at once, each in an environment with its own breaker.
///
/// # Errors
/// When the stack can't be built.
pub fn one_cell_down(cells: usize, tenants: usize, concurrency: usize) -> Result<Vec<Noticed>> {
    let load =
        Load { cells, tenants, standbys: false, every: Duration::from_secs(2), concurrency, lasts: 4 * PHASE, seed: 1 };
    let sent = load.run(DownThenSlow)?;
    let phases = [("before", 0), ("down", 1), ("recovering", 2), ("slow", 3)];
    Ok(phases.map(|(name, number)| notice(load, &sent, name, number)).into())
}

fn notice(load: Load, sent: &[Sent], phase: &'static str, number: u32) -> Noticed {
    let during = |sent: &&&Sent| sent.at >= PHASE * number && sent.at < PHASE * (number + 1);
    let sent: Vec<&Sent> = sent.iter().collect();
    let (victims, others): (Vec<&Sent>, Vec<&Sent>) =
        sent.iter().filter(during).partition(|sent| load.cell_of(sent.tenant) == VICTIM);
    let mut times: Vec<Duration> = others.iter().map(|sent| sent.took).collect();
    times.sort_unstable();
    Noticed {
        phase,
        others_served: served(&others),
        others_p99: times.get(times.len() * 99 / 100).copied().unwrap_or_default(),
        others: others.len(),
        victim_served: served(&victims),
    }
}

fn served(sent: &[&Sent]) -> f64 {
    sent.iter().filter(|sent| sent.served).count() as f64 / sent.len().max(1) as f64
}
