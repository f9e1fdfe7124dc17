//! The service and operation of a request.

use bytes::Bytes;
use http::header::CONTENT_TYPE;

use crate::dynamodb;
use crate::refusal::refuse;
use crate::resource::Resource;
use crate::response;
use crate::sns::Params;

/// The scheme and authority of a request that came over HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint(pub(crate) String);

/// The prefix of CloudWatch's targets.
const CLOUDWATCH: &str = "GraniteServiceVersion20100801";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    DynamoDb,
    Streams,
    Sqs,
    Sns,
    CloudWatch,
}

impl Service {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DynamoDb => "DynamoDB",
            Self::Streams => "DynamoDBStreams",
            Self::Sqs => "SQS",
            Self::Sns => "SNS",
            Self::CloudWatch => "CloudWatch",
        }
    }
}

/// A request whose service and operation are known.
pub(crate) struct Call {
    pub(crate) service: Service,
    pub(crate) operation: String,
    pub(crate) body: Bytes,
    /// Form parameters; empty for JSON.
    pub(crate) params: Params,
    pub(crate) endpoint: Option<Endpoint>,
}

impl Call {
    pub(crate) fn read(request: http::Request<Bytes>) -> Result<Self, Box<http::Response<Bytes>>> {
        let (mut parts, body) = request.into_parts();
        let endpoint = parts.extensions.remove::<Endpoint>();
        let header = |name| parts.headers.get(name).and_then(|v| v.to_str().ok());
        if let Some(target) = header("x-amz-target") {
            let (prefix, operation) = target.split_once('.').unwrap_or((target, ""));
            let service = match prefix {
                "DynamoDB_20120810" => Service::DynamoDb,
                "DynamoDBStreams_20120810" => Service::Streams,
                "AmazonSQS" => Service::Sqs,
                CLOUDWATCH => Service::CloudWatch,
                _ => return Err(Box::new(refuse(&parts, &body))),
            };
            let params = Params::parse(&Bytes::new());
            return Ok(Self { service, operation: operation.to_string(), body, params, endpoint });
        }
        let form = header(CONTENT_TYPE.as_str()).is_some_and(|v| v.starts_with("application/x-www-form-urlencoded"));
        if !form {
            return Err(Box::new(refuse(&parts, &body)));
        }
        let params = Params::parse(&body);
        let operation = params.get("Action").unwrap_or_default().to_string();
        match params.get("Version") {
            None | Some("2010-03-31") => Ok(Self { service: Service::Sns, operation, body, params, endpoint }),
            Some("2012-11-05") => Err(Box::new(response::query_protocol_unsupported())),
            Some(_) => Err(Box::new(refuse(&parts, &body))),
        }
    }

    /// Returns the number of entries of a batch.
    pub(crate) fn entries(&self) -> usize {
        #[derive(serde::Deserialize)]
        struct Batch {
            #[serde(rename = "Entries")]
            entries: Vec<serde::de::IgnoredAny>,
        }
        match self.service {
            Service::DynamoDb | Service::Streams => {
                dynamodb::entries_of_batch(&self.operation, std::str::from_utf8(&self.body).unwrap_or_default())
            }
            Service::Sqs if self.operation.ends_with("Batch") => {
                serde_json::from_slice(&self.body).map_or(0, |batch: Batch| batch.entries.len())
            }
            Service::Sns if self.operation == "PublishBatch" => {
                let id = |n: usize| format!("PublishBatchRequestEntries.member.{n}.Id");
                (1..).take_while(|n| self.params.get(&id(*n)).is_some()).count()
            }
            Service::Sqs | Service::Sns | Service::CloudWatch => 0,
        }
    }

    /// Returns whether the request is about a resource.
    pub(crate) fn mentions(&self, resource: &Resource) -> bool {
        match self.service {
            Service::Sns => self.params.mention(resource),
            _ => std::str::from_utf8(&self.body).is_ok_and(|body| resource.is_in(body)),
        }
    }
}

/// Returns the names of a request's service and operation, as far as it has any.
pub(crate) fn name(request: &http::Request<Bytes>) -> (&'static str, String) {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    match target.and_then(|target| target.split_once('.')) {
        Some(("DynamoDB_20120810", operation)) => (Service::DynamoDb.name(), operation.to_string()),
        Some(("DynamoDBStreams_20120810", operation)) => (Service::Streams.name(), operation.to_string()),
        Some((CLOUDWATCH, operation)) => (Service::CloudWatch.name(), operation.to_string()),
        Some((_, operation)) => (Service::Sqs.name(), operation.to_string()),
        None => {
            let params = Params::parse(request.body());
            (Service::Sns.name(), params.get("Action").unwrap_or_default().to_string())
        }
    }
}
