//! The time that an invocation has left.

use std::time::Duration;

/// A deadline that passed longer ago than this is not real: an environment that thaws so late has lost its invocation.
const ABSURD: Duration = Duration::from_secs(86_400);

/// Returns the time that an invocation has left at `now_ms`, or `otherwise` where its runtime names no real deadline:
/// `cargo lambda watch` says 600,000 to every invocation, which is ten minutes past midnight on 1 January 1970.
#[must_use]
pub fn remaining(deadline_ms: u64, now_ms: u64, otherwise: Duration) -> Duration {
    let over = Duration::from_millis(now_ms.saturating_sub(deadline_ms));
    if over > ABSURD { otherwise } else { Duration::from_millis(deadline_ms.saturating_sub(now_ms)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_runtime_that_knows_no_deadline_leaves_all_the_time() {
        let (now, all) = (1_767_225_600_000, Duration::from_secs(30));
        assert_eq!(remaining(now + 2_500, now, all), Duration::from_millis(2_500));
        assert_eq!(remaining(now - 1, now, all), Duration::ZERO, "a thawed environment's is over");
        assert_eq!(remaining(600_000, now, all), all, "cargo lambda watch");
    }
}
