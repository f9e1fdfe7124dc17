//! Metrics: counts in the namespace `Cellstack`, with dimensions `service` (`placer`) and `stack`.

use cellstack_core::telemetry;

/// The counted occurrences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    /// A tenant was placed on first sight.
    TenantPlaced,
    /// No cell had room for a tenant.
    NoCapacity,
    /// A request could not be settled, and comes again.
    PlacementFailed,
}

/// Counts one occurrence. Without the stack's name no metrics are written.
pub(crate) fn count(stack: Option<&str>, metric: Metric) {
    if let Some(stack) = stack {
        telemetry::count("placer", stack, &format!("{metric:?}"));
    }
}
