//! Runs of many seeds, on a few threads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use anyhow::Result;

use crate::application::Application;
use crate::faults::fault::Fault;
use crate::setup::Setup;
use crate::surroundings::kill::{AwaitPoint, Coverage};
use crate::world::{Outcome, run};

/// Runs in which the await points are counted; one of four keeps order.
const PROBES: u64 = 4;

/// Returns the await points at which invocations wait when no service fails. Includes poison if `like` has it, since
/// dead-lettering has waits of its own.
///
/// # Errors
/// When a stack can't be built.
pub fn await_points(application: &impl Application, like: &Setup) -> Result<Vec<AwaitPoint>> {
    let mut points: BTreeMap<AwaitPoint, u64> = BTreeMap::new();
    if !like.faults.contains(&Fault::Kill) {
        return Ok(Vec::new());
    }
    for seed in 0..PROBES {
        let poison = like.faults.iter().copied().filter(|fault| *fault == Fault::Poison).collect();
        // A redrive brings many events at once, and invocations that no fault can meet.
        let probe =
            Setup { seed, faults: poison, without: BTreeSet::new(), redrive: false, mutation: None, ..like.clone() };
        for point in run(application, &probe, &[], false)?.coverage.into_keys() {
            *points.entry(point).or_default() += 1;
        }
    }
    // A point that one run alone reaches is another interleaving of the same waits, that of many tenants in one batch.
    Ok(points.into_iter().filter(|(_, probes)| *probes >= PROBES / 2).map(|(point, _)| point).collect())
}

/// Runs an application in `like` with each of the seeds and hands each outcome to `done`, in any order. Ends when `done`
/// returns false.
///
/// # Errors
/// When a stack can't be built or read.
pub fn run_all(
    application: &impl Application,
    like: &Setup,
    seeds: &[u64],
    points: &[AwaitPoint],
    threads: usize,
    done: impl FnMut(Outcome) -> bool,
) -> Result<()> {
    each_seed(seeds, threads, |seed| run(application, &Setup { seed, ..like.clone() }, points, false), done)
}

/// Runs `run` with each of the seeds and hands each outcome to `done`, in any order. Ends when `done` returns false.
///
/// # Errors
/// The first error that `run` returns.
pub fn each_seed<T: Send>(
    seeds: &[u64],
    threads: usize,
    run: impl Fn(u64) -> Result<T> + Sync,
    mut done: impl FnMut(T) -> bool,
) -> Result<()> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, outcomes) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, seeds.len().max(1)) {
            let (sender, next, stop, run) = (sender.clone(), &next, &stop, &run);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed)
                    && let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    if sender.send(run(*seed)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for outcome in outcomes {
            if !done(outcome?) {
                stop.store(true, Ordering::Relaxed);
                break;
            }
        }
        Ok(())
    })
}

/// Adds up the visits of await points.
pub fn add_up(total: &mut Coverage, more: &Coverage) {
    for (point, visits) in more {
        let sum = total.entry(*point).or_default();
        sum.reached += visits.reached;
        sum.killed += visits.killed;
        for (wait, times) in &visits.waits {
            *sum.waits.entry(wait.clone()).or_default() += times;
        }
    }
}

/// Shortens a run with a violation: leaves out all that it does not need to break the same invariant. Returns the
/// shortest run, with the lines of its trace.
///
/// # Errors
/// When a stack can't be built or read.
pub fn shrink(application: &impl Application, found: &Setup, points: &[AwaitPoint]) -> Result<(Setup, Outcome)> {
    let mut best = found.clone();
    let mut outcome = run(application, &best, points, true)?;
    let Some(invariant) = outcome.violations.first().map(|violation| violation.invariant) else {
        return Ok((best, outcome));
    };
    let breaks = |setup: &Setup| -> Result<Option<Outcome>> {
        let outcome = run(application, setup, points, true)?;
        Ok(outcome.violations.iter().any(|violation| violation.invariant == invariant).then_some(outcome))
    };
    for at in 0..outcome.drawn {
        let mut less = best.clone();
        less.without.insert(at);
        if let Some(shorter) = breaks(&less)? {
            (best, outcome) = (less, shorter);
        }
    }
    while best.events > 1 {
        let less = Setup { events: best.events / 2, ..best.clone() };
        let Some(shorter) = breaks(&less)? else { break };
        (best, outcome) = (less, shorter);
    }
    Ok((best, outcome))
}
