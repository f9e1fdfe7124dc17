//! The prediction of a move: made from the tenant's size before it begins, kept with its record, and compared with its outcome.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use cellstack_core::TenantId;
use cellstack_core::limits::{LONGEST_WRITE, TENANT_LEASE};
use cellstack_store::moves::{Size, kept_beside_events, size};
use cellstack_store::placement::Site;
use serde::Serialize;
use tokio::time::Instant;

use super::Manner;
use crate::deployment::Deployment;

/// Time of the calls of a pause that do not grow with the tenant: the fences, four records, the rest, the flip.
const CALLS: Duration = Duration::from_millis(300);
/// Time of the calls of a pause for each hundred failed events: reads in both cells before and after the copy, and the transaction
/// that copies them. 10,000 of them took 2.7 s on the served stack.
const CALLS_PER_HUNDRED_FAILED: Duration = Duration::from_millis(30);

/// A prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Prediction {
    pub(crate) items: u64,
    /// Those that are failed events: a redrive may change them, so they are copied while callers wait.
    pub(crate) failed: u64,
    pub(crate) bytes: u64,
    /// Write units of the copy.
    pub(crate) write_units: u64,
    /// The time until callers wait, in seconds.
    pub(crate) seconds: u64,
    /// The time for which callers wait, in milliseconds.
    pub(crate) pause_ms: u64,
}

impl Prediction {
    /// Counts the tenant's items. The pause reads what is kept alongside the events twice: to copy and to compare it.
    ///
    /// # Errors
    /// Fails if the source can't be read.
    pub(crate) async fn make(
        deployment: &Deployment,
        source: &Site,
        tenant: &TenantId,
        manner: &Manner,
    ) -> Result<Self> {
        let begun = Instant::now();
        let size = size(&deployment.dynamodb, &source.table, tenant).await?;
        let (read, begun) = (begun.elapsed(), Instant::now());
        kept_beside_events(&deployment.dynamodb, &source.table, tenant).await?;
        Ok(Self::of(size, read, begun.elapsed(), manner))
    }

    fn of(size: Size, read: Duration, read_in_pause: Duration, manner: &Manner) -> Self {
        let Size { items, failed, bytes } = size;
        // Each item takes whole units, half a unit more on average.
        let write_units = items.max(bytes / 1_024 + items / 2);
        let copy = Duration::from_secs(write_units / u64::from(manner.write_units.per_second));
        // A round reads both cells, and a sweep the source's keys.
        let seconds = (TENANT_LEASE + LONGEST_WRITE).max(copy + read * 2).as_secs();
        let hundreds = u32::try_from(failed.div_ceil(100)).unwrap_or(u32::MAX);
        let pause = CALLS + read_in_pause * 2 + CALLS_PER_HUNDRED_FAILED.saturating_mul(hundreds);
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        Self { items, failed, bytes, write_units, seconds, pause_ms }
    }

    /// Returns the counts that are kept with the move.
    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        let counts = [
            ("predicted_items", self.items),
            ("predicted_failed", self.failed),
            ("predicted_write_units", self.write_units),
            ("predicted_seconds", self.seconds),
            ("predicted_pause_ms", self.pause_ms),
        ];
        counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
    }
}

/// The form `1204 items, 480 KB, about 1500 write units; callers wait about 400 ms, after about 310 s`.
impl std::fmt::Display for Prediction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { items, bytes, write_units, seconds, pause_ms, .. } = self;
        write!(f, "{items} items, {} KB, about {write_units} write units; ", bytes.div_ceil(1_000))?;
        write!(f, "callers wait about {pause_ms} ms, after about {seconds} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write_units::WriteUnits;

    #[test]
    fn a_large_tenant_is_copied_longer_than_routers_are_waited_for() {
        let manner = Manner {
            write_units: WriteUnits { per_second: 1_000 },
            at_once: 32,
            drain_time: Duration::from_secs(30),
            carry_pending: false,
            retain: Duration::from_secs(1),
        };
        let ms = Duration::from_millis;
        let small = Prediction::of(Size { items: 100, failed: 0, bytes: 40_000 }, ms(50), ms(10), &manner);
        assert_eq!((small.write_units, small.seconds, small.pause_ms), (100, 310, 320));
        let unlucky = Prediction::of(Size { items: 100_000, failed: 50_001, bytes: 0 }, ms(50), ms(10), &manner);
        assert_eq!(unlucky.pause_ms, 320 + 501 * 30);
        let size = Size { items: 50_000_000, failed: 0, bytes: 10_000_000_000 };
        let large = Prediction::of(size, Duration::from_secs(900), ms(2_000), &manner);
        assert_eq!((large.write_units, large.seconds, large.pause_ms), (50_000_000, 51_800, 4_300));
    }
}
