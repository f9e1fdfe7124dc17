//! CloudWatch's `GetMetricData`, for the two ages that show how far a cell is behind: that of a queue's oldest message, and that of
//! the stream record to which a function comes next. They are those of this moment, for any time that is asked for; AWS measures once per minute.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>

use serde::Deserialize;
use serde_json::{Value, json};

use crate::dynamodb::DynamoDb;
use crate::error::ApiError;
use crate::refusal::says;
use crate::sqs::Sqs;

/// The period of both metrics in seconds.
const PERIOD: u64 = 60;
/// Queries of one call, at most.
const QUERIES: usize = 500;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    start_time: f64,
    end_time: f64,
    metric_data_queries: Vec<Query>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Query {
    id: String,
    metric_stat: Option<MetricStat>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricStat {
    metric: Metric,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    namespace: String,
    metric_name: String,
    #[serde(default)]
    dimensions: Vec<Dimension>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Dimension {
    name: String,
    value: String,
}

/// The services that are measured.
pub(crate) struct Measured<'a> {
    pub(crate) dynamodb: &'a DynamoDb,
    pub(crate) sqs: &'a Sqs,
}

impl Measured<'_> {
    /// Runs one operation and returns the JSON body of the response.
    pub(crate) fn call(&self, operation: &str, body: &[u8]) -> Result<String, ApiError> {
        if operation != "GetMetricData" {
            return Err(ApiError::sender("UnknownOperationException", says(&format!("CloudWatch {operation}"))));
        }
        let request: Request =
            serde_json::from_slice(body).map_err(|e| ApiError::sender("SerializationException", e.to_string()))?;
        let Request { start_time, end_time, metric_data_queries: queries } = request;
        let invalid = |message: &str| Err(ApiError::sender("ValidationError", message));
        if queries.len() > QUERIES {
            return invalid("The collection MetricDataQueries must not have a size greater than 500.");
        }
        if start_time >= end_time {
            return invalid("The parameter StartTime must be less than the parameter EndTime.");
        }
        let at = (end_time as u64).saturating_sub(1) / PERIOD * PERIOD;
        let results = queries.iter().map(|Query { id, metric_stat }| {
            let Some(MetricStat { metric }) = metric_stat else {
                return Err(ApiError::sender("ValidationError", says("An expression of CloudWatch's metric math")));
            };
            let value = self.value(metric);
            Ok(json!({
                "Id": id,
                "Label": metric.metric_name,
                "StatusCode": "Complete",
                "Timestamps": value.map(|_| at).into_iter().collect::<Vec<_>>(),
                "Values": value.into_iter().collect::<Vec<_>>(),
            }))
        });
        let results: Vec<Value> = results.collect::<Result<_, _>>()?;
        Ok(json!({ "MetricDataResults": results, "Messages": [] }).to_string())
    }

    /// Returns the value of a metric, like AWS none of one that is not there.
    fn value(&self, metric: &Metric) -> Option<u64> {
        let [Dimension { name, value }] = metric.dimensions.as_slice() else { return None };
        match (metric.namespace.as_str(), metric.metric_name.as_str(), name.as_str()) {
            ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName") => {
                self.sqs.oldest_age_ms(value).ok().map(|ms| ms / 1_000)
            }
            ("AWS/Lambda", "IteratorAge", "FunctionName") => self.dynamodb.iterator_age_ms(value),
            _ => None,
        }
    }
}
