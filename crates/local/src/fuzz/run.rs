//! Blocks of cases. A block begins with a cold router and nothing written, so that what a case finds depends only on
//! the seed and on the cases before it in its block.

use cellstack_core::sync::lock;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use aws_config::SdkConfig;
use cellstack_router::TenantSource;
use fastrand::Rng;
use tokio::runtime::Runtime;

use super::case::{Case, Form};
use super::minimise::minimise;
use super::token;
use super::world::{World, config};

/// The number of cases per block.
const BLOCK: u64 = 1_000;

/// Returns the source of the tenant: in most blocks the header, which most cases set.
fn source(case: u64) -> TenantSource {
    match (case / BLOCK % 8, token::settings()) {
        (6, _) => TenantSource::Body,
        (7, Some(settings)) => TenantSource::Jwt(Box::new(settings)),
        _ => TenantSource::Header,
    }
}

/// A run of the fuzzer.
#[derive(Debug, Clone, Copy)]
pub struct Fuzz {
    /// The number of cases.
    pub bodies: u64,
    /// Number of the first case; its whole block is run.
    pub from: u64,
    /// The seed that all of them follow from.
    pub seed: u64,
    /// The number of threads.
    pub threads: usize,
}

/// A count of each outcome of each form of request: a status and the kind of problem. The status is 0 where the payload
/// was not an invocation event.
pub type Tally = BTreeMap<(u16, String, Form), u64>;

/// The outcome of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// The count of each outcome.
    pub tally: Tally,
    /// The first finding, if there is one.
    pub finding: Option<Finding>,
}

/// A case whose response breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its number.
    pub case: u64,
    /// A description of what is wrong.
    pub what: String,
    /// The payload, as small as it could be made.
    pub payload: Vec<u8>,
    /// True if the payload shows it alone, to a cold router; false if only after its block's other cases.
    pub alone: bool,
}

impl Fuzz {
    /// Runs the cases. `progress` gets the number of cases of each block that is done.
    ///
    /// # Errors
    /// When a runtime can't be made.
    pub fn run(self, progress: &(impl Fn(u64) + Sync)) -> Result<Report> {
        let config = config();
        let start = self.from - self.from % BLOCK;
        let end = start + self.bodies;
        let (next, stop, sum) = (AtomicU64::new(start), AtomicBool::new(false), Mutex::new(Report::default()));
        let work = || -> Result<()> {
            // The runtime's clock moves ahead as soon as all tasks wait: a request that waits takes no time.
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().start_paused(true).build().context("runtime")?;
            loop {
                let first = next.fetch_add(BLOCK, Ordering::Relaxed);
                if first >= end || stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let last = (first + BLOCK).min(end);
                let (tally, finding) = self.block(&config, &runtime, first..last);
                stop.fetch_or(finding.is_some(), Ordering::Relaxed);
                let mut sum = lock(&sum);
                for (outcome, times) in tally {
                    *sum.tally.entry(outcome).or_default() += times;
                }
                sum.finding = [sum.finding.take(), finding].into_iter().flatten().min_by_key(|finding| finding.case);
                progress(last - first);
            }
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.threads.max(1)).map(|_| scope.spawn(work)).collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().unwrap_or_else(|_| anyhow::bail!("a thread panicked")))
        })?;
        Ok(sum.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn block(&self, config: &SdkConfig, runtime: &Runtime, cases: Range<u64>) -> (Tally, Option<Finding>) {
        let source = source(cases.start);
        let world = World::new(runtime, config, self.seed, source.clone());
        let mut tally = Tally::new();
        for number in cases {
            let mut case = self.case(number);
            // With any other source the header names no tenant.
            case.valid &= matches!(source, TenantSource::Header);
            match world.try_case(runtime, &case) {
                Ok(Some((status, _)))
                    if matches!(source, TenantSource::Jwt(_))
                        && (status == 202 || (case.form == Form::Batch && status < 300)) =>
                {
                    let what = "accepted without a token that counts".to_owned();
                    return (tally, Some(self.finding(config, runtime, number, &case, what)));
                }
                Ok(outcome) => {
                    let (status, problem) = outcome.unwrap_or_default();
                    *tally.entry((status, problem, case.form)).or_default() += 1;
                }
                Err(what) => return (tally, Some(self.finding(config, runtime, number, &case, what))),
            }
        }
        (tally, None)
    }

    /// Returns a case by its number: the same for the same seed.
    fn case(&self, number: u64) -> Case {
        Case::generate(&mut Rng::with_seed(self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number))
    }

    fn finding(&self, config: &SdkConfig, runtime: &Runtime, number: u64, case: &Case, what: String) -> Finding {
        // The same thing is wrong when its description begins the same.
        let kind = |what: &str| what.split([':', '(']).next().unwrap_or_default().to_owned();
        let same = kind(&what);
        let shows = |payload: &[u8]| {
            // A part of a valid event need not be valid.
            let smaller = Case { payload: payload.to_vec(), ..case.clone() };
            let world = World::new(runtime, config, self.seed, source(number));
            world.try_case(runtime, &smaller).is_err_and(|found| kind(&found) == same)
        };
        let alone = shows(&case.payload);
        let minimal = alone && !case.valid;
        let payload = if minimal { minimise(&case.payload, shows) } else { case.payload.clone() };
        Finding { case: number, what, payload, alone }
    }
}
