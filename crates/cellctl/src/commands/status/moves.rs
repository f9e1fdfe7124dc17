//! The moves that have not ended.

use std::time::Duration;

use cellstack_aws::AwsFailure;
use cellstack_core::event::rfc3339;
use cellstack_core::{CellId, TenantId};
use cellstack_store::moves::{self, MoveId, MoveRecord, Phase, Switch};
use serde::Serialize;

use crate::deployment::Deployment;
use crate::moving::PausedBy;

/// The latest moves, among which those under way are looked for: a page of the registry holds more.
const MOVES: usize = 1_000;

/// The time after which writes that wait for a move need a look: a source drains for 30 s, or as `--drain-time` says.
const LONG_PAUSE: Duration = Duration::from_secs(60);

/// The moves that have not ended.
#[derive(Debug, Default, Serialize)]
pub(super) struct Moves {
    pub(super) under_way: Vec<UnderWay>,
    /// The operator's pause that keeps plans from beginning another.
    pub(super) paused: Option<PausedBy>,
}

/// A move that has not ended.
#[derive(Debug, Serialize)]
pub(super) struct UnderWay {
    #[serde(rename = "move")]
    id: MoveId,
    tenant: TenantId,
    from: CellId,
    to: CellId,
    phase: Phase,
    by: String,
    /// The time since when the tenant's writes wait; `None` while its source takes them.
    fenced: Option<String>,
    #[serde(skip)]
    fenced_ms: Option<u64>,
}

impl Moves {
    pub(super) async fn read(deployment: &Deployment) -> Result<Self, AwsFailure> {
        let (dynamodb, registry) = (&deployment.dynamodb, deployment.registry());
        let latest = moves::all(dynamodb, &registry, |found| found.len() >= MOVES).await?;
        let under_way = latest.into_iter().filter(|record| record.phase.is_under_way()).map(UnderWay::from).collect();
        let paused = Switch { client: dynamodb, registry: &registry }.read().await?;
        Ok(Self { under_way, paused: paused.map(PausedBy::from) })
    }
}

impl From<MoveRecord> for UnderWay {
    fn from(record: MoveRecord) -> Self {
        let MoveRecord { id, tenant, from, to, phase, by, times, .. } = record;
        let fenced_ms = times.get(&Phase::Fenced).copied();
        Self { id, tenant, from, to, phase, by, fenced: fenced_ms.map(rfc3339), fenced_ms }
    }
}

impl UnderWay {
    /// Returns what needs a look: writes that wait for long.
    pub(super) fn note(&self, now_ms: u64) -> Option<String> {
        let waited = Duration::from_millis(now_ms.saturating_sub(self.fenced_ms?));
        let Self { id, tenant, by, .. } = self;
        (waited > LONG_PAUSE).then(|| {
            let seconds = waited.as_secs();
            format!("{tenant}'s writes have waited for {seconds} s for a move of {by}'s: cellctl moves resume {id}")
        })
    }
}
