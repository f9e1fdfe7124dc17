//! One probe of one cell.

use std::time::Duration;

use cellstack_core::registry::CellHealth;
use cellstack_core::{CellId, Clock as _, Entropy as _, EventId, EventStatus};
use cellstack_store::cells::{Cell, count_health};
use cellstack_store::probe;
use serde::Serialize;
use tokio::time::Instant;

use crate::deployment::Deployment;

/// The result of a probe.
#[derive(Debug, Clone, Serialize)]
pub struct Probe {
    /// The cell.
    pub cell: CellId,
    /// The event that was sent through it.
    pub event: EventId,
    /// The stage that the event reached.
    pub stage: Stage,
    /// The time from its write until it was processed, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// The reason why it was not processed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The stages of a probe's event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It was processed.
    Processed,
    /// It could not be written: the cell's table is out of reach.
    NotWritten,
    /// It was written, and not processed in time.
    NotProcessed,
    /// The consumer dead-lettered it.
    DeadLettered,
}

impl Stage {
    /// Returns the stage in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processed => "processed",
            Self::NotWritten => "not written",
            Self::NotProcessed => "not processed",
            Self::DeadLettered => "dead-lettered",
        }
    }
}

/// Pauses between two reads: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(25), Duration::from_secs(1));

/// Sends an event through a cell, and waits until it is processed, for `timeout` at most.
pub(crate) async fn probe(deployment: &Deployment, cell: &Cell, timeout: Duration) -> Probe {
    let now_ms = deployment.clock.wall_ms();
    let event = EventId::from_parts(now_ms, deployment.entropy.random());
    let (client, table) = (&deployment.dynamodb, &cell.config.table);
    let failed =
        |stage: Stage, error: String| Probe { cell: cell.id.clone(), event, stage, ms: None, error: Some(error) };
    let (begun, mut pause) = (Instant::now(), PAUSES.0);
    match tokio::time::timeout(timeout, probe::write(client, table, event, now_ms)).await {
        Ok(Ok(())) => {}
        Ok(Err(failure)) => return failed(Stage::NotWritten, failure.to_string()),
        Err(_) => return failed(Stage::NotWritten, format!("no response within {} s", timeout.as_secs())),
    }
    let mut last = "it is still accepted".to_owned();
    while begun.elapsed() < timeout && !deployment.stop().is_cancelled() {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
        let left = timeout.saturating_sub(begun.elapsed()).max(PAUSES.0);
        match tokio::time::timeout(left, probe::read(client, table, event)).await {
            Ok(Ok((EventStatus::Processed, _))) => {
                let ms = u64::try_from(begun.elapsed().as_millis()).ok();
                return Probe { cell: cell.id.clone(), event, stage: Stage::Processed, ms, error: None };
            }
            Ok(Ok((EventStatus::Failed, error))) => return failed(Stage::DeadLettered, error.unwrap_or_default()),
            Ok(Ok(_)) => {}
            Ok(Err(failure)) => last = failure.to_string(),
            Err(_) => last = "its table does not respond".to_owned(),
        }
    }
    failed(Stage::NotProcessed, format!("after {} s: {last}", begun.elapsed().as_secs()))
}

impl Probe {
    /// Returns whether the cell passed it on to its end.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.stage == Stage::Processed
    }

    /// Returns the cell's health after this probe, with the count under the cell's last mark.
    pub(crate) fn after(&self, before: &CellHealth, mark: Option<u64>, at: u64) -> CellHealth {
        let (failures, successes) = if before.mark == mark { (before.failures, before.successes) } else { (0, 0) };
        let (failures, successes) =
            if self.passed() { (0, successes.saturating_add(1)) } else { (failures.saturating_add(1), 0) };
        CellHealth { failures, successes, at, ms: self.ms, error: self.error.clone(), mark }
    }

    /// Keeps the result in the registry. A registry that can't be written does not make the probe fail.
    pub(crate) async fn keep(&self, deployment: &Deployment, cell: &Cell) -> Result<CellHealth, String> {
        let mark = cell.state.as_ref().and_then(|state| state.updated_at);
        let after = |before: &CellHealth| self.after(before, mark, deployment.clock.wall_ms());
        let kept = count_health(&deployment.dynamodb, &deployment.registry(), &self.cell, after).await;
        kept.map_err(|failure| format!("{}: {failure}", self.cell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(passed: bool) -> Probe {
        let stage = if passed { Stage::Processed } else { Stage::NotProcessed };
        let event = EventId::from_parts(0, [0; 10]);
        Probe { cell: "alpha".parse().unwrap(), event, stage, ms: passed.then_some(40), error: None }
    }

    fn counts(health: &CellHealth) -> (u32, u32) {
        (health.failures, health.successes)
    }

    #[test]
    fn a_result_of_the_other_kind_and_a_mark_begin_the_count_anew() {
        let one = probe(false).after(&CellHealth::default(), Some(1), 10);
        let two = probe(false).after(&one, Some(1), 20);
        assert_eq!((counts(&one), counts(&two)), ((1, 0), (2, 0)));
        assert_eq!(counts(&probe(true).after(&two, Some(1), 30)), (0, 1));
        let marked = probe(false).after(&two, Some(2), 30);
        assert_eq!((counts(&marked), marked.mark, marked.at), ((1, 0), Some(2), 30));
    }
}
