//! Which service and operation a request is for.

use bytes::Bytes;
use dynoxide::DynoxideError;
use http::header::CONTENT_TYPE;

use crate::dynamodb::{DynamoDb, split_batch};
use crate::response;
use crate::sns::Params;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    DynamoDb,
    Streams,
    Sqs,
    Sns,
}

impl Service {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DynamoDb => "DynamoDB",
            Self::Streams => "DynamoDBStreams",
            Self::Sqs => "SQS",
            Self::Sns => "SNS",
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
}

impl Call {
    pub(crate) fn read(request: http::Request<Bytes>) -> Result<Self, Box<http::Response<Bytes>>> {
        let (parts, body) = request.into_parts();
        let header = |name| parts.headers.get(name).and_then(|v| v.to_str().ok());
        if let Some(target) = header("x-amz-target") {
            let (prefix, operation) = target.split_once('.').unwrap_or((target, ""));
            let service = match prefix {
                "DynamoDB_20120810" => Service::DynamoDb,
                "DynamoDBStreams_20120810" => Service::Streams,
                "AmazonSQS" => Service::Sqs,
                _ => return Err(Box::new(response::unknown_operation())),
            };
            return Ok(Self { service, operation: operation.to_string(), body, params: Params::parse(&Bytes::new()) });
        }
        let form = header(CONTENT_TYPE.as_str()).is_some_and(|v| v.starts_with("application/x-www-form-urlencoded"));
        if !form {
            return Err(Box::new(response::not_found()));
        }
        let params = Params::parse(&body);
        let operation = params.get("Action").unwrap_or_default().to_string();
        if params.get("Version").is_some_and(|v| v != "2010-03-31") {
            return Err(Box::new(response::query_protocol_unsupported()));
        }
        Ok(Self { service: Service::Sns, operation, body, params })
    }

    /// Whether the request contains a text.
    pub(crate) fn mentions(&self, text: &str) -> bool {
        match self.service {
            Service::Sns => self.params.mention(text),
            _ => std::str::from_utf8(&self.body).is_ok_and(|body| body.contains(text)),
        }
    }
}

/// The names of a request's service and operation, as far as it has any.
pub(crate) fn name(request: &http::Request<Bytes>) -> (&'static str, String) {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    match target.and_then(|target| target.split_once('.')) {
        Some(("DynamoDB_20120810", operation)) => (Service::DynamoDb.name(), operation.to_string()),
        Some(("DynamoDBStreams_20120810", operation)) => (Service::Streams.name(), operation.to_string()),
        Some((_, operation)) => (Service::Sqs.name(), operation.to_string()),
        None => {
            let params = Params::parse(request.body());
            (Service::Sns.name(), params.get("Action").unwrap_or_default().to_string())
        }
    }
}

/// Runs a DynamoDB call: the answer, or status and body of the error.
pub(crate) fn dynamodb(
    dynamodb: &DynamoDb,
    operation: &str,
    body: &[u8],
    fail_from: Option<usize>,
) -> Result<String, (u16, String)> {
    let error = |e: DynoxideError| {
        if e.to_string().starts_with("UnknownOperationException") {
            return (400, r#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#.to_string());
        }
        (e.status_code(), e.to_json())
    };
    let body = std::str::from_utf8(body)
        .map_err(|_| error(DynoxideError::SerializationException("the body is not UTF-8".into())))?;
    let Some((request, name, unprocessed)) = fail_from.and_then(|from| split_batch(operation, body, from)) else {
        return dynamodb.call(operation, body).map_err(error);
    };
    let all_fail = request["RequestItems"].as_object().is_none_or(serde_json::Map::is_empty);
    let answer =
        if all_fail { "{}".to_string() } else { dynamodb.call(operation, &request.to_string()).map_err(error)? };
    let mut answer: serde_json::Value = serde_json::from_str(&answer).unwrap_or_default();
    answer[name] = unprocessed;
    Ok(answer.to_string())
}
