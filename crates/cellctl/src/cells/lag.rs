//! The lag of cells, as CloudWatch has measured it: the ages of a queue's oldest message, and of the stream record to which a producer
//! comes next.
//!
//! A request of one kind needs no client of its own: CloudWatch takes it as JSON
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>).

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_smithy_types::body::SdkBody;
use cellstack_aws::fetch::OK;
use cellstack_aws::signed::{Unsigned, domain, endpoint};
use cellstack_core::hex::sha256;
use cellstack_core::{Clock as _, names};
use cellstack_store::cells::Cell;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::deployment::{ATTEMPT_TIMEOUT, Deployment};

/// The lag of a cell. `None` where nothing was measured: CloudWatch has no metric of a function that did not run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Lag {
    /// Seconds since the queue's oldest message was sent.
    pub(crate) oldest_message_s: Option<u64>,
    /// Seconds since the record to which the producer comes next was written.
    pub(crate) stream_s: Option<u64>,
}

/// The last minutes, of which the newest value counts: CloudWatch has one per minute, some minutes late.
const WINDOW: Duration = Duration::from_secs(10 * 60);
/// Cells of one request, two queries each: it takes 500.
const AT_ONCE: usize = 250;
/// Bytes of a response that are read: a query's has some hundred.
const RESPONSE_MAX: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Response {
    metric_data_results: Vec<Measured>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Measured {
    id: String,
    /// The newest first.
    values: Vec<f64>,
}

/// Reads the lag of each cell, in their order.
///
/// # Errors
/// If CloudWatch can't be called, or responds with something else.
pub(crate) async fn read(deployment: &Deployment, cells: &[Cell]) -> Result<Vec<Lag>> {
    let mut lags = Vec::with_capacity(cells.len());
    for cells in cells.chunks(AT_ONCE) {
        lags.extend(some(deployment, cells).await?);
    }
    Ok(lags)
}

async fn some(deployment: &Deployment, cells: &[Cell]) -> Result<Vec<Lag>> {
    let config = &deployment.config;
    let region = config.region().context("no region is configured")?;
    let url = endpoint(config, "CloudWatch")
        .unwrap_or_else(|| format!("https://monitoring.{region}.{}", domain(region.as_ref())));
    let now_s = deployment.clock.wall_ms() / 1_000;
    let body = json!({
        "StartTime": now_s.saturating_sub(WINDOW.as_secs()),
        "EndTime": now_s + 60,
        "ScanBy": "TimestampDescending",
        "MetricDataQueries": queries(deployment, cells),
    })
    .to_string();
    let request = Unsigned {
        service: "monitoring",
        method: "POST",
        url: format!("{url}/"),
        headers: vec![
            ("content-type", "application/x-amz-json-1.0".to_owned()),
            ("x-amz-target", "GraniteServiceVersion20100801.GetMetricData".to_owned()),
        ],
        sha256: sha256(&body),
        body: SdkBody::from(body),
    };
    let response = request.send(config, OK, RESPONSE_MAX, ATTEMPT_TIMEOUT).await?;
    let response: Response = serde_json::from_slice(&response.body).context("CloudWatch's response can't be read")?;
    let newest = response.metric_data_results.into_iter().filter_map(|Measured { id, values }| {
        let value = values.first().filter(|value| value.is_finite() && **value >= 0.0)?;
        Some((id, *value as u64))
    });
    let newest: HashMap<String, u64> = newest.collect();
    let lag = |number| Lag {
        oldest_message_s: newest.get(&queue_id(number)).copied(),
        stream_s: newest.get(&stream_id(number)).map(|ms| ms / 1_000),
    };
    Ok((0..cells.len()).map(lag).collect())
}

fn queue_id(number: usize) -> String {
    format!("queue{number}")
}

fn stream_id(number: usize) -> String {
    format!("stream{number}")
}

fn queries(deployment: &Deployment, cells: &[Cell]) -> Vec<serde_json::Value> {
    let query = |id: String, [namespace, metric, dimension]: [&str; 3], value: &str| {
        let metric = json!({
            "Namespace": namespace, "MetricName": metric, "Dimensions": [{ "Name": dimension, "Value": value }],
        });
        json!({ "Id": id, "MetricStat": { "Metric": metric, "Period": 60, "Stat": "Maximum" } })
    };
    let of_cell = |(number, cell): (usize, &Cell)| {
        let queue = cell.config.queue_url.rsplit('/').next().unwrap_or_default();
        let producer = names::producer(deployment.prefix(), &cell.id);
        [
            query(queue_id(number), ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName"], queue),
            query(stream_id(number), ["AWS/Lambda", "IteratorAge", "FunctionName"], &producer),
        ]
    };
    cells.iter().enumerate().flat_map(of_cell).collect()
}
