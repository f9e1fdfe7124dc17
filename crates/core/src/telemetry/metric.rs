//! Counts in CloudWatch's embedded metric format: a line of JSON on standard output becomes a metric, without a call
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).

use serde::Serialize;

use super::{unix_ms, write};
use crate::event::rfc3339;

/// The namespace of all metrics.
const NAMESPACE: &str = "Cellstack";

/// The level of metric lines. Lambda drops lines below the function's level, metrics included, and only `FATAL` passes
/// at every level (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>). No line of
/// the log has it, so a search for errors finds errors.
const LEVEL: &str = "FATAL";

/// Counts one `metric`, with `service` and `stack` as dimensions.
pub fn count(service: &str, stack: &str, metric: &str) {
    // The time is the system's, not the program's: CloudWatch drops values that are more than two hours off.
    write(&line(service, stack, metric, unix_ms()));
}

fn line(service: &str, stack: &str, metric: &str, now_ms: u64) -> Vec<u8> {
    #[derive(Serialize)]
    struct Line<'a> {
        timestamp: &'a str,
        level: &'a str,
        #[serde(rename = "_aws")]
        aws: Meta<'a>,
        service: &'a str,
        stack: &'a str,
        #[serde(flatten)]
        value: std::collections::BTreeMap<&'a str, u64>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Meta<'a> {
        timestamp: u64,
        cloud_watch_metrics: [Directive<'a>; 1],
    }
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Directive<'a> {
        namespace: &'a str,
        dimensions: [[&'a str; 2]; 1],
        metrics: [Definition<'a>; 1],
    }
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Definition<'a> {
        name: &'a str,
        unit: &'a str,
    }
    let directive = Directive {
        namespace: NAMESPACE,
        dimensions: [["service", "stack"]],
        metrics: [Definition { name: metric, unit: "Count" }],
    };
    let line = Line {
        timestamp: &rfc3339(now_ms),
        level: LEVEL,
        aws: Meta { timestamp: now_ms, cloud_watch_metrics: [directive] },
        service,
        stack,
        value: [(metric, 1)].into(),
    };
    // Strings and numbers always serialise.
    let mut line = serde_json::to_vec(&line).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::super::tests::passes;
    use super::*;

    #[test]
    fn a_line_names_its_metric_where_its_value_is_and_passes_at_every_level() {
        let line = String::from_utf8(line("router", "prod", "MapFailed", 1_700_000_000_123)).unwrap();
        assert!(line.ends_with("}\n") && line.matches('\n').count() == 1);
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(json["_aws"]["Timestamp"], 1_700_000_000_123_u64);
        let metric = &json["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(metric["Namespace"], "Cellstack");
        assert_eq!(json[metric["Metrics"][0]["Name"].as_str().unwrap()], 1);
        for dimension in metric["Dimensions"][0].as_array().unwrap() {
            assert!(json[dimension.as_str().unwrap()].is_string());
        }
        for level in ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] {
            assert!(passes(&line, level), "{level}");
        }
    }
}
