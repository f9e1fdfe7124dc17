//! The one run: rounds in which every subject is measured, so that other load on the machine meets all alike.

use std::collections::BTreeMap;
use std::io::Write as _;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::mock::Mocks;
use crate::stats::{median, percentile};
use crate::subject::{Mode, Programs, Subject};
use crate::trial::{Start, Trial, Warm};

/// Times a measurement is tried.
const TRIES: usize = 3;

/// The extent of the measurements.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Extent {
    /// Rounds.
    pub(crate) rounds: usize,
    /// Starts of each kind per round and subject.
    pub(crate) starts: usize,
    /// Invokes per round and subject that count.
    pub(crate) invokes: usize,
    /// Invokes before them that do not.
    pub(crate) discard: usize,
}

/// All measurements of one subject, round by round.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// Warm invokes, one entry per round.
    pub(crate) warm: Vec<Warm>,
    /// Starts without TLS, and without a call during init.
    pub(crate) bare: Vec<Start>,
    /// Starts through TLS, with the first call during init.
    pub(crate) tls_warmed: Vec<Start>,
    /// Starts through TLS, with the first call in the first invoke.
    pub(crate) tls_unwarmed: Vec<Start>,
    /// Peak memory of processes that spoke TLS, in MB.
    pub(crate) tls_peak_rss_mb: Vec<f64>,
}

impl Measured {
    /// Adds another round's measurements.
    fn add(&mut self, other: Self) {
        self.warm.extend(other.warm);
        self.bare.extend(other.bare);
        self.tls_warmed.extend(other.tls_warmed);
        self.tls_unwarmed.extend(other.tls_unwarmed);
        self.tls_peak_rss_mb.extend(other.tls_peak_rss_mb);
    }

    /// Returns a percentile of each round's invokes, in microseconds.
    pub(crate) fn warm_us(&self, share: f64) -> Vec<f64> {
        self.warm.iter().filter_map(|warm| percentile(&warm.took_us, share)).collect()
    }

    /// Returns the peak memory, in MB.
    pub(crate) fn peak_rss_mb(&self) -> Option<f64> {
        median(&self.warm.iter().filter_map(|warm| warm.peak_rss_mb).collect::<Vec<_>>())
    }
}

/// The measurements of all subjects.
pub(crate) type Field = BTreeMap<Subject, Measured>;

/// Runs all rounds.
pub(crate) async fn run(extent: Extent, subjects: &[Subject], programs: &Programs, mocks: &Mocks) -> Result<Field> {
    let mut field = Field::new();
    for round in 0..extent.rounds {
        let _ = writeln!(std::io::stderr(), "round {} of {}", round + 1, extent.rounds);
        // Each round begins with another subject: none is always the first after a pause.
        let order = subjects.iter().cycle().skip(round % subjects.len().max(1)).take(subjects.len());
        for &subject in order {
            let measured = patiently(subject, extent, programs, mocks).await;
            let measured = measured.with_context(|| format!("{}, round {}", subject.name(), round + 1))?;
            field.entry(subject).or_default().add(measured);
        }
    }
    Ok(field)
}

/// Repeats a measurement that failed from its beginning, and says so: on a machine that is busy enough, a subject's
/// first call may outlast its time-out.
async fn patiently(subject: Subject, extent: Extent, programs: &Programs, mocks: &Mocks) -> Result<Measured> {
    for _ in 1..TRIES {
        match measure(subject, extent, programs, mocks).await {
            Ok(measured) => return Ok(measured),
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "{}, again: {error:#}", subject.name());
            }
        }
    }
    measure(subject, extent, programs, mocks).await
}

async fn measure(subject: Subject, extent: Extent, programs: &Programs, mocks: &Mocks) -> Result<Measured> {
    let mut measured = Measured::default();
    let spawn = |mode| Trial::spawn(programs, subject, mode, mocks, &[]);
    for _ in 0..extent.starts {
        let mut trial = spawn(Mode::BARE)?;
        measured.bare.push(trial.start().await?);
        trial.end().await?;
    }
    if subject.writes() {
        for _ in 0..extent.starts {
            let mut trial = spawn(Mode { tls: true, warm_up: true })?;
            measured.tls_warmed.push(trial.start().await?);
            measured.tls_peak_rss_mb.extend(trial.peak_rss_mb());
            trial.end().await?;
            let mut trial = spawn(Mode { tls: true, warm_up: false })?;
            measured.tls_unwarmed.push(trial.start().await?);
            trial.end().await?;
        }
    }
    let mut trial = spawn(Mode::BARE)?;
    measured.warm.push(trial.warm(extent.discard, extent.invokes, mocks).await?);
    trial.end().await?;
    Ok(measured)
}
