//! One process, from its start to its end.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::process::Child;

use crate::mock::{Calls, Mocks, Session};
use crate::subject::{Mode, Programs, Subject};

/// Longer than any sound process takes, valgrind's included.
const PATIENCE: Duration = Duration::from_secs(120);

/// First invokes of a traced process.
const TRACED_TRIES: usize = 10;
const TRACED_PAUSE: Duration = Duration::from_millis(1_500);

/// A running subject. It ends when it is dropped.
pub(crate) struct Trial {
    child: Child,
    started: Instant,
    session: std::sync::Arc<Session>,
}

/// The times of a start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    /// From the spawn of the process to its first `/next`, in milliseconds.
    pub(crate) init_ms: f64,
    /// The first invoke: it finds nothing cached, and reads map and registry before it writes. In milliseconds.
    pub(crate) first_ms: f64,
}

/// The measurements of many invokes of one process.
#[derive(Debug, Clone)]
pub(crate) struct Warm {
    /// The time of each, in microseconds.
    pub(crate) took_us: Vec<f64>,
    /// The most memory the process had resident, in MB of 10^6 bytes.
    pub(crate) peak_rss_mb: Option<f64>,
    /// The calls of the process during the invokes.
    pub(crate) calls: Calls,
}

impl Trial {
    /// Starts a subject, under another program if one is named.
    pub(crate) fn spawn(
        programs: &Programs,
        subject: Subject,
        mode: Mode,
        mocks: &Mocks,
        under: &[String],
    ) -> Result<Self> {
        let session = mocks.runtime_api.expect(subject.marker());
        let mut command = programs.command(subject, mode, mocks, under);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("start {}", subject.name()))?;
        Ok(Self { child, started, session })
    }

    /// Waits until the subject is ready, and makes the first invoke.
    pub(crate) async fn start(&mut self) -> Result<Start> {
        let ready = self.session.ready(PATIENCE).await?;
        let first = self.invoke(1).await?;
        Ok(Start {
            init_ms: ready.duration_since(self.started).as_secs_f64() * 1e3,
            first_ms: first.iter().sum::<Duration>().as_secs_f64() * 1e3,
        })
    }

    /// Waits until a traced process responds as it should: it is slow, and its first calls may outlast their time-outs.
    pub(crate) async fn start_traced(&self) -> Result<()> {
        self.session.ready(PATIENCE).await?;
        for _ in 1..TRACED_TRIES {
            if self.invoke(1).await.is_ok() {
                return Ok(());
            }
            // The router's breaker stays open for a second after a failure.
            tokio::time::sleep(TRACED_PAUSE).await;
        }
        self.invoke(1).await.map(drop)
    }

    /// Makes invokes, one after the other.
    pub(crate) async fn invoke(&self, count: usize) -> Result<Vec<Duration>> {
        self.session.invoke(count, PATIENCE).await
    }

    /// Makes `discard` invokes that do not count, then `count` that do.
    pub(crate) async fn warm(&mut self, discard: usize, count: usize, mocks: &Mocks) -> Result<Warm> {
        self.start().await?;
        self.invoke(discard).await?;
        mocks.dynamodb.take_calls();
        let took = self.invoke(count).await?;
        let calls = mocks.dynamodb.take_calls();
        let took_us = took.iter().map(|took| took.as_secs_f64() * 1e6).collect();
        Ok(Warm { took_us, peak_rss_mb: self.peak_rss_mb(), calls })
    }

    /// Returns the process's id, while it runs.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for the end of a process that was asked to end.
    pub(crate) async fn ended(&mut self) -> Result<()> {
        tokio::time::timeout(PATIENCE, self.child.wait()).await.context("it does not end")??;
        Ok(())
    }

    /// Ends the process.
    pub(crate) async fn end(mut self) -> Result<()> {
        self.child.kill().await.context("end the process")
    }

    /// Returns `VmHWM`, which Linux gives in KiB.
    pub(crate) fn peak_rss_mb(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: f64 = peak.trim().trim_end_matches(" kB").parse().ok()?;
        Some(kib * 1024.0 / 1e6)
    }
}
