//! `cellstack-local simulate`

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use cellstack_simulator::{
    Application, AwaitPoint, Checks, Coverage, Fault, Hits, INVARIANTS, Mutation, Outcome, Setup, add_up, await_points,
    excerpt, run_all, shrink,
};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::print;
use super::record::Record;

/// Run the stack in virtual time, with faults drawn from seeds, and check the invariants
///
/// The real router, producer, consumer and redrive run over the embedded AWS while services throttle, hang and lose
/// responses, messages come twice and out of order, processes are killed at their await points, cells go down or are
/// marked down, tenants move, events hang or abort their process, and operators redrive. When all has come to rest,
/// nothing accepted may be lost and nothing done twice. A seed decides all of it: the same seed runs the same way
/// again. Exit 1 on a violation, where 100 seeds or more leave an await point without a kill, or where 200 or more
/// leave a fault that never struck.
#[derive(Args)]
#[command(after_help = "Examples:
  cellstack-local simulate --seeds 1..3 --events 40
  cellstack-local simulate --scenario one-cell-down --tenants 20")]
pub(crate) struct Simulate {
    /// The seeds to run: one, or FIRST..LAST, both included
    #[arg(long, value_name = "SEEDS", default_value = "1..200", value_parser = seeds)]
    seeds: Seeds,
    /// Events per seed that callers want accepted
    #[arg(long, default_value_t = 200)]
    events: usize,
    /// Cells [default: 3; black-swan 8; one-cell-down, marked-down and recovery 4]
    #[arg(long)]
    cells: Option<usize>,
    /// Tenants [default: 12; black-swan 1000; one-cell-down, marked-down and recovery 200]
    #[arg(long)]
    tenants: Option<usize>,
    /// Faults that may happen, separated by commas; all of them unless given
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    faults: Option<Vec<Fault>>,
    /// Threads; each runs one seed at a time
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Write each seed's trace hash and outcome to a file, as JSON lines in the order of the seeds
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Compare with such a file: exit 1 where a seed has another trace hash
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Plant a bug, to see it found
    #[arg(long, value_name = "BUG")]
    mutation: Option<Mutation>,
    /// Continue after a seed that breaks an invariant, and report what each such seed breaks
    #[arg(long)]
    keep_going: bool,
    /// Run one scenario instead, with the reference processor
    #[arg(long, value_enum)]
    scenario: Option<Scenario>,
    /// Draw the scenario's picture (black-swan)
    #[arg(long, value_name = "FILE", requires = "scenario")]
    svg: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// A tenant whose requests kill the cell they reach: one big cell, many, many with standbys, all under the same load
    BlackSwan,
    /// One cell down, then slow, for 60 simulated seconds: what the others' callers notice
    OneCellDown,
    /// The tenant map gone, one tenant with 100 writes/s, all of them fenced; and then its fence is closed
    BusyTenant,
    /// One cell fails, is marked down for ten simulated minutes, recovers: its tenants' standbys hold their events
    MarkedDown,
    /// One cell fails for 60 simulated seconds: how soon it serves again, and what it had to bear
    Recovery,
    /// Tenant map and registry cut off for ten simulated minutes, under each of the seeds: who is still served, and how
    ControlPlaneCut,
    /// Tenants moved by cellctl under faults, by operators whose runs are killed, under each of the seeds
    Moves,
}

/// Seeds, from a text such as `7` or `1..200`.
#[derive(Clone)]
struct Seeds(Vec<u64>);

fn seeds(text: &str) -> Result<Seeds, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|error| format!("'{text}': {error}"));
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last.trim_start_matches('='))?);
    if first > last {
        return Err(format!("{first} comes after {last}"));
    }
    Ok(Seeds((first..=last).collect()))
}

/// Seeds from which on every await point must have been killed at.
const ENOUGH: usize = 100;
/// Seeds from which on every fault must have struck.
const ENOUGH_FOR_FAULTS: usize = 200;

impl Simulate {
    pub(crate) fn run(self, application: &impl Application) -> Result<ExitCode> {
        match self.scenario {
            Some(Scenario::BlackSwan) => {
                let (cells, tenants) = (self.cells.unwrap_or(8), self.tenants.unwrap_or(1_000));
                super::scenario::black_swan_scenario(cells, tenants, self.svg.as_deref())
            }
            Some(Scenario::OneCellDown) => {
                super::scenario::one_cell_down_scenario(self.cells.unwrap_or(4), self.tenants.unwrap_or(200))
            }
            Some(Scenario::BusyTenant) => super::scenario::busy_tenant_scenario(self.mutation),
            Some(Scenario::MarkedDown) => {
                super::scenario::marked_down_scenario(self.cells.unwrap_or(4), self.tenants.unwrap_or(200))
            }
            Some(Scenario::Recovery) => {
                super::scenario::recovery_scenario(self.cells.unwrap_or(4), self.tenants.unwrap_or(200))
            }
            Some(Scenario::ControlPlaneCut) => {
                super::scenario::control_plane_cut_scenario(&self.seeds.0, self.threads, self.mutation)
            }
            Some(Scenario::Moves) => super::scenario::moves_scenario(&self.seeds.0, self.threads, self.mutation),
            None => self.run_seeds(application),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "real time is measured for a person")]
    fn run_seeds(self, application: &impl Application) -> Result<ExitCode> {
        let like = Setup {
            events: self.events,
            cells: self.cells.unwrap_or(3).max(1),
            tenants: self.tenants.unwrap_or(12).max(1),
            faults: self.faults.unwrap_or_else(|| Fault::ALL.to_vec()),
            mutation: self.mutation,
            ..Setup::new(0)
        };
        let points = await_points(application, &like)?;
        let started = Instant::now();
        let bar = bar(self.seeds.0.len());
        let mut sum = Sum::default();
        run_all(application, &like, &self.seeds.0, &points, self.threads, |outcome| {
            bar.inc(1);
            if self.keep_going {
                for violation in &outcome.violations {
                    bar.suspend(|| print(format_args!("seed {}: {violation}", outcome.seed)));
                }
            }
            sum.add(outcome) || self.keep_going
        })?;
        bar.finish_and_clear();
        let took = started.elapsed();

        sum.records.sort_by_key(|record| record.seed);
        if let Some(path) = &self.record {
            Record::write_all(&sum.records, path)?;
        }
        show_coverage(&points, &sum.coverage);
        show_hits(&sum.hits);
        print(sum.summary(took));
        if sum.violated.is_none() {
            show_invariants(&sum.checks, sum.records.len());
        }
        if self.keep_going && sum.violated.is_some() {
            return Ok(ExitCode::FAILURE);
        }
        if let Some(seed) = sum.violated {
            show_violation(application, &Setup { seed, ..like }, &points)?;
            return Ok(ExitCode::FAILURE);
        }
        if let Some(path) = &self.compare {
            let changed = Record::changed(&sum.records, &Record::read_all(path)?);
            if !changed.is_empty() {
                print(format_args!("another trace hash than in {}: seeds {changed:?}", path.display()));
                return Ok(ExitCode::FAILURE);
            }
        }
        let missed = points.iter().any(|point| sum.coverage.get(point).is_none_or(|visits| visits.killed == 0));
        let dead = sum.hits.dead(&like.faults);
        if !dead.is_empty() {
            print(format_args!("never struck: {}", dead.join(", ")));
        }
        let failed =
            missed && self.seeds.0.len() >= ENOUGH || !dead.is_empty() && self.seeds.0.len() >= ENOUGH_FOR_FAULTS;
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// The sum of all seeds' outcomes.
#[derive(Default)]
struct Sum {
    records: Vec<Record>,
    coverage: Coverage,
    hits: Hits,
    checks: Checks,
    accepted: usize,
    processed: usize,
    dead: usize,
    held: usize,
    discarded: usize,
    simulated: Duration,
    violated: Option<u64>,
}

impl Sum {
    /// Adds an outcome, and returns whether to continue.
    fn add(&mut self, outcome: Outcome) -> bool {
        add_up(&mut self.coverage, &outcome.coverage);
        self.hits.extend(&outcome.hits);
        for (invariant, times) in &outcome.checks {
            *self.checks.entry(invariant).or_default() += times;
        }
        self.accepted += outcome.accepted;
        self.processed += outcome.processed;
        self.dead += outcome.dead;
        self.held += outcome.held;
        self.discarded += outcome.discarded;
        self.simulated += outcome.took;
        self.records.push(Record::of(&outcome));
        if !outcome.violations.is_empty() {
            self.violated = Some(outcome.seed);
        }
        self.violated.is_none()
    }

    fn summary(&self, took: Duration) -> String {
        let seconds = took.as_secs_f64();
        format!(
            "{} seeds: {} events accepted = {} processed + {} held by standbys + {} dead-lettered; {} were discarded by a \
             stream mapping on their way\n\
             {:.0} s for {:.1} simulated hours, {:.0} events/s",
            self.records.len(),
            self.accepted,
            self.processed,
            self.held,
            self.dead,
            self.discarded,
            seconds,
            self.simulated.as_secs_f64() / 3_600.0,
            self.accepted as f64 / seconds,
        )
    }
}

fn show_coverage(points: &[AwaitPoint], coverage: &Coverage) {
    if points.is_empty() {
        return;
    }
    print(format_args!("{:<9} {:>5} {:>9} {:>7}  waiting for", "function", "await", "reached", "killed"));
    let mut missed = 0;
    for point in points {
        let visits = coverage.get(point).cloned().unwrap_or_default();
        let mut waits: Vec<_> = visits.waits.iter().collect();
        waits.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
        let waits: Vec<_> = waits.iter().take(2).map(|(wait, _)| wait.as_str()).collect();
        print(format_args!(
            "{:<9} {:>5} {:>9} {:>7}  {}",
            point.function(),
            point.number(),
            visits.reached,
            visits.killed,
            waits.join(" / ")
        ));
        missed += usize::from(visits.killed == 0);
    }
    print(format_args!("killed at {} of {} await points", points.len() - missed, points.len()));
}

/// Prints each fault, how often it was planned and how often it struck.
fn show_hits(hits: &Hits) {
    let mut last = None;
    for (fault, what, count) in hits.rows() {
        if last.is_none() {
            print(format_args!("{:<16} {:<40} {:>8} {:>9}", "fault", "", "planned", "struck"));
        }
        let name = if last == Some(fault) { "" } else { fault.as_str() };
        print(format_args!("{name:<16} {what:<40} {:>8} {:>9}", count.planned, count.hit));
        last = Some(fault);
    }
}

fn show_invariants(checks: &Checks, seeds: usize) {
    print(format_args!("\nevery invariant held in {seeds} seeds:"));
    for (name, what) in INVARIANTS {
        let times = checks.get(name).copied().unwrap_or_default();
        print(format_args!("  {name:<10} {what:<88} {times:>9} checks"));
    }
}

fn show_violation(application: &impl Application, found: &Setup, points: &[AwaitPoint]) -> Result<()> {
    let (shortest, outcome) = shrink(application, found, points)?;
    print(format_args!(
        "\nseed {} breaks an invariant. The shortest run that does, {} events:",
        found.seed, shortest.events
    ));
    for planned in &outcome.plan {
        print(format_args!("  plan  {planned}"));
    }
    let first = outcome.violations.first().map(|violation| violation.detail.as_str());
    for line in excerpt(&outcome.lines, first.unwrap_or_default()) {
        print(format_args!("  {line}"));
    }
    for violation in &outcome.violations {
        print(format_args!("seed {}: {violation}", found.seed));
    }
    Ok(())
}

/// Returns a bar that moves on a terminal and is hidden elsewhere.
fn bar(seeds: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {eta} left").context("progress bar");
    ProgressBar::new(seeds as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
