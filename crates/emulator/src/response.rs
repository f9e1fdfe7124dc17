//! Responses in AWS's shapes.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};

use crate::context::Context;
use crate::dynamodb;
use crate::error::ApiError;
use crate::faults::FaultKind;
use crate::request::{Call, Service};
use crate::sns::error_xml;
use crate::sqs::{error_response_type, query_code};

/// A mark on a response that stands for a broken connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionReset;

pub(crate) fn build(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static(content_type));
    response
}

pub(crate) fn json(context: &Context, status: u16, body: String) -> Response<Bytes> {
    let mut response = build(status, "application/x-amz-json-1.0", body);
    if let Ok(id) = HeaderValue::from_str(&format!("{:016X}", context.random())) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

pub(crate) fn xml(status: u16, body: String) -> Response<Bytes> {
    build(status, "text/xml", body)
}

pub(crate) fn error(context: &Context, service: Service, error: &ApiError) -> Response<Bytes> {
    match service {
        Service::Sns => xml(error.status, error_xml(error, &context.uuid())),
        Service::Sqs => {
            let body = serde_json::json!({
                "__type": error_response_type(&error.code),
                "message": error.message,
            });
            let mut response = json(context, error.status, body.to_string());
            let fault = if error.is_sender_fault() { "Sender" } else { "Receiver" };
            let code = format!("{};{fault}", query_code(&error.code));
            if let Ok(value) = HeaderValue::from_str(&code) {
                response.headers_mut().insert("x-amzn-query-error", value);
            }
            response
        }
        Service::CloudWatch => {
            let body = serde_json::json!({ "__type": error.code, "message": error.message });
            json(context, error.status, body.to_string())
        }
        Service::DynamoDb | Service::Streams => {
            let body = serde_json::json!({
                "__type": format!("com.amazonaws.dynamodb.v20120810#{}", error.code),
                "message": error.message,
            });
            json(context, error.status, body.to_string())
        }
    }
}

/// Returns the response to a call that an injected error hits.
pub(crate) fn injected(context: &Context, call: &Call, kind: &FaultKind) -> Response<Bytes> {
    if matches!(call.service, Service::DynamoDb | Service::Streams) {
        let body = std::str::from_utf8(&call.body).unwrap_or_default();
        if let Some((status, body)) = dynamodb::apply_fault(kind, &call.operation, body) {
            return json(context, status, body);
        }
    }
    let injected = match (kind, call.service) {
        (FaultKind::Throttle, Service::Sns) => ApiError::new(429, "Throttled", "Rate exceeded"),
        (FaultKind::Throttle, Service::CloudWatch) => ApiError::sender("Throttling", "Rate exceeded"),
        (FaultKind::Throttle, _) => ApiError::new(403, "RequestThrottled", "Request is throttled."),
        (FaultKind::Error { status, code, message }, _) => ApiError::new(*status, code.clone(), message.clone()),
        (FaultKind::ServerError | FaultKind::FunctionError, Service::Sns) => {
            ApiError::new(500, "InternalError", "injected")
        }
        _ => ApiError::internal("injected"),
    };
    error(context, call.service, &injected)
}

/// Returns the response that stands for a connection that breaks before it.
pub(crate) fn reset() -> Response<Bytes> {
    let mut response = build(500, "text/plain", String::new());
    response.extensions_mut().insert(ConnectionReset);
    response
}

pub(crate) fn query_protocol_unsupported() -> Response<Bytes> {
    let error = ApiError::sender(
        "InvalidAction",
        "Only SNS speaks the query protocol here; use an SDK or CLI that speaks JSON to SQS (since November 2023).",
    );
    xml(400, error_xml(&error, "0"))
}
