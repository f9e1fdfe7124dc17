//! Metrics of rare occurrences: counts in the namespace `Cellstack`, with dimensions `service` (`router`) and `stack`.

use cellstack_core::telemetry;

/// The counted occurrences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    /// A request names another tenant than the one it proves or is configured to mean.
    TenantMismatch,
    /// A request does not prove whose it is.
    Unauthenticated,
    /// The tenant map or the registry could not be read.
    MapFailed,
    /// A route past its lease was used, because the map could not be read.
    StaleServed,
    /// A cell's fence refused a write.
    FenceRefused,
    /// A cell failed, and its breaker opened.
    BreakerOpened,
    /// Listings and totals of a cell failed, and their breaker opened. The breaker of its other calls did not.
    BulkBreakerOpened,
    /// A standby accepted an event of a tenant whose cell is marked down.
    StandbyServed,
}

/// The writer of metrics.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// The stack's name. Without one no metrics are written.
    stack: Option<String>,
    #[cfg(test)]
    seen: std::sync::Arc<std::sync::Mutex<Vec<Metric>>>,
}

impl Metrics {
    pub(crate) fn new(stack: Option<String>) -> Self {
        Self {
            stack,
            #[cfg(test)]
            seen: std::sync::Arc::default(),
        }
    }

    pub(crate) fn count(&self, metric: Metric) {
        #[cfg(test)]
        self.seen.lock().unwrap().push(metric);
        if let Some(stack) = &self.stack {
            telemetry::count("router", stack, &format!("{metric:?}"));
        }
    }

    /// Returns the counts so far, in order.
    #[cfg(test)]
    pub(crate) fn seen(&self) -> Vec<Metric> {
        self.seen.lock().unwrap().clone()
    }
}
