//! One round, within an invocation's time.

use std::pin::pin;
use std::time::Duration;

use cellstack_cellctl::Deployment;
use cellstack_cellctl::health::{Acted, Action, Probe, Round};
use cellstack_core::telemetry;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{Settings, log};

/// Part of an invocation's time in which a round only ends: a cell's way up stops after the event in hand, and the trail
/// and the lease have to be written. The next round continues from there, even if this one is cut off.
const STOP_BEFORE_END: Duration = Duration::from_secs(15);

/// The prober of a stack.
pub struct Prober {
    deployment: Deployment,
    settings: Settings,
}

/// The failure of a round. A cell that fails is a result, not a failure of its round.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// The registry could not be read or written.
    #[error("the round failed: {0:#}")]
    Failed(anyhow::Error),
    /// The invocation's time was over before the results counted.
    #[error(
        "the round had no time to act; expected a function with more time than CELLSTACK_PROBE_TIMEOUT_MS and 15 s"
    )]
    OutOfTime,
    /// Results were not kept, or marks not made.
    #[error("the round is incomplete: {}; the next one looks again", .0.join("; "))]
    Incomplete(Vec<String>),
}

impl Prober {
    /// Returns a prober of a deployment.
    #[must_use]
    pub const fn new(deployment: Deployment, settings: Settings) -> Self {
        Self { deployment, settings }
    }

    /// Probes each cell, keeps the results and acts on them, within `time`, the rest of the function's own time.
    ///
    /// # Errors
    /// Fails if results could not be kept or marks not be made, so that Lambda counts it. A cell that fails its probe is
    /// a result.
    pub async fn handle(&self, time: Duration) -> Result<Round, RoundError> {
        let stop = CancellationToken::new();
        let (deployment, mut console) = (self.deployment.clone().with_stop(stop.clone()), log::console());
        let mut round = pin!(Round::run(&deployment, &self.settings.round, &mut console));
        let ended = match timeout(time.saturating_sub(STOP_BEFORE_END), &mut round).await {
            Ok(ended) => ended,
            Err(_) => {
                stop.cancel();
                round.await
            }
        };
        let round = ended.map_err(RoundError::Failed)?;
        if stop.is_cancelled() && round.marks.is_none() {
            return Err(RoundError::OutOfTime);
        }
        self.report(&round);
        if stop.is_cancelled() {
            tracing::warn!("a cell's way up takes longer than this invocation: the next round continues");
            return Ok(round);
        }
        let troubles = round.troubles();
        if troubles.is_empty() { Ok(round) } else { Err(RoundError::Incomplete(troubles)) }
    }

    fn report(&self, round: &Round) {
        let failed = round.probes.iter().filter(|probe| !probe.passed());
        let count = failed.inspect(|probe| self.report_failed(probe)).count();
        let marks = round.marks.as_deref().unwrap_or_default();
        marks.iter().for_each(report_mark);
        tracing::info!(cells = round.probes.len(), failed = count, decisions = marks.len(), "round");
    }

    fn report_failed(&self, Probe { cell, event, stage, error, .. }: &Probe) {
        let (stage, error) = (stage.as_str(), error.as_deref().unwrap_or_default());
        tracing::warn!(%cell, %event, stage, error, "a cell failed its probe");
        telemetry::count("prober", &self.settings.stack, "ProbeFailed");
    }
}

fn report_mark(Acted { cell, before, action, because, done, error, .. }: &Acted) {
    let error = error.as_deref().unwrap_or_default();
    match action {
        Action::Down => tracing::warn!(%cell, before, because, done, error, "down"),
        Action::Up => tracing::warn!(%cell, before, because, done, error, "up"),
        Action::Leave => tracing::warn!(%cell, before, because, "left as it is"),
    }
}
