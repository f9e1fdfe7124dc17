//! Metrics of what should be rare, in CloudWatch's embedded metric format: a line of JSON on standard output becomes a
//! metric, without a call
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).
//!
//! All are counts in the namespace `Cellstack`, with dimensions `service` (`router`) and `stack`.

use std::io::Write as _;

use serde::Serialize;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Metric {
    /// A request names another tenant than the one it proves or is configured to mean.
    TenantMismatch,
    /// A request does not prove whose it is.
    Unauthenticated,
    /// A route past its lease was used, because the map could not be read.
    StaleServed,
    /// A cell's fence refused a write.
    FenceRefused,
    /// A cell failed and is left alone for a while.
    BreakerOpened,
    /// Listings and totals of a cell failed and are left alone for a while; its other calls are not.
    BulkBreakerOpened,
    /// A standby took an event of a tenant whose cell is marked down.
    StandbyServed,
}

/// Where metrics go.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// The stack's name; without one nothing is written.
    pub(crate) stack: Option<String>,
}

impl Metrics {
    pub(crate) fn count(&self, metric: Metric) {
        let Some(stack) = &self.stack else { return };
        // One write, so that lines can't mix. Standard output can't be told that it fails.
        let _ = std::io::stdout().write_all(line(stack, metric, timestamp_ms()).as_bytes());
    }
}

/// CloudWatch wants the time of the count, and drops what is more than two hours off: the system's clock, not the
/// router's.
fn timestamp_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}

fn line(stack: &str, metric: Metric, timestamp_ms: u64) -> String {
    let mut line = serde_json::json!({
        "_aws": {
            "Timestamp": timestamp_ms,
            "CloudWatchMetrics": [{
                "Namespace": "Cellstack",
                "Dimensions": [["service", "stack"]],
                "Metrics": [{ "Name": metric, "Unit": "Count" }],
            }],
        },
        "service": "router",
        "stack": stack,
        (format!("{metric:?}")): 1,
    })
    .to_string();
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_its_metric_where_its_value_is() {
        let line = line("prod", Metric::TenantMismatch, 1);
        assert!(line.ends_with('\n'));
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        let metric = &json["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(json[metric["Metrics"][0]["Name"].as_str().unwrap()], 1);
        for dimension in metric["Dimensions"][0].as_array().unwrap() {
            assert!(json[dimension.as_str().unwrap()].is_string());
        }
    }
}
