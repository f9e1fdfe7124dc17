//! Refusals of what is not emulated, in the shape the caller's SDK reads.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use serde_json::json;

use crate::response::build;
use crate::sns::Params;

/// The protocols of AWS's services.
///
/// <https://smithy.io/2.0/aws/protocols/index.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Json,
    Cbor,
    Query,
    Ec2,
    RestXml,
    RestJson,
}

/// The services whose requests are distinguished by their path, and whose responses are XML.
const REST_XML: [&str; 5] = ["s3", "s3express", "s3-outposts", "cloudfront", "route53"];

/// Returns the message about anything that is not emulated.
pub(crate) fn says(what: &str) -> String {
    format!(
        "{what} is not emulated. This endpoint emulates DynamoDB, DynamoDB Streams, SNS, SQS and, in JSON, CloudWatch's GetMetricData."
    )
}

/// Returns the error body of an operation that DynamoDB and its streams do not have, or that is not emulated.
pub(crate) fn unknown_dynamodb(operation: &str) -> String {
    json!({
        "__type": "com.amazon.coral.service#UnknownOperationException",
        "message": says(&format!("DynamoDB {operation}")),
    })
    .to_string()
}

/// Refuses a request that is for none of the emulated services.
pub(crate) fn refuse(parts: &Parts, body: &Bytes) -> Response<Bytes> {
    let header = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let target = header(HeaderName::from_static("x-amz-target"));
    let cbor = header(HeaderName::from_static("smithy-protocol")) == "rpc-v2-cbor";
    let form = header(CONTENT_TYPE).starts_with("application/x-www-form-urlencoded");
    let params = if form { Params::parse(body) } else { Params::parse(&Bytes::new()) };
    let service = service(header(AUTHORIZATION), target, &params);
    let operation = if form {
        params.get("Action").unwrap_or_default().to_string()
    } else if cbor {
        parts.uri.path().rsplit('/').next().unwrap_or_default().to_string()
    } else if target.is_empty() {
        format!("{} {}", parts.method, parts.uri.path())
    } else {
        target.rsplit('.').next().unwrap_or_default().to_string()
    };
    // A request may hold anything, so what is repeated of it is bounded.
    let operation: String = operation.chars().take(100).collect();
    let service: String = service.chars().take(100).collect();
    let protocol = match service.as_str() {
        _ if cbor => Protocol::Cbor,
        _ if !target.is_empty() => Protocol::Json,
        "ec2" if form => Protocol::Ec2,
        _ if form => Protocol::Query,
        name if REST_XML.contains(&name) => Protocol::RestXml,
        _ => Protocol::RestJson,
    };
    let what = match service.as_str() {
        "" => format!("A service that takes {operation}"),
        name => format!("{} {operation}", display(name)),
    };
    respond(protocol, &service, &says(&what))
}

/// Returns the service in the signature's scope, or a guess from the rest of the request.
fn service(authorization: &str, target: &str, params: &Params) -> String {
    // Credential=AKID/20260101/us-east-1/sts/aws4_request
    let scope = authorization.split_once("Credential=").map_or("", |(_, scope)| scope);
    if let Some(service) = scope.split([',', ' ']).next().and_then(|scope| scope.rsplit('/').nth(1)) {
        return service.to_ascii_lowercase();
    }
    let guess = match (target.split(['.', '_']).next().unwrap_or_default(), params.get("Version")) {
        ("", Some("2011-06-15")) => "sts",
        ("", Some("2010-05-08")) => "iam",
        ("", Some("2010-08-01")) => "monitoring",
        (prefix, _) => prefix,
    };
    guess.to_ascii_lowercase()
}

/// Returns the usual name of a service that signs by another name.
fn display(service: &str) -> String {
    match service {
        "monitoring" => "CloudWatch".into(),
        "logs" => "CloudWatch Logs".into(),
        "events" => "EventBridge".into(),
        "lambda" => "Lambda".into(),
        "states" => "Step Functions".into(),
        "secretsmanager" => "Secrets Manager".into(),
        "kinesis" => "Kinesis".into(),
        "dynamodb" => "DynamoDB".into(),
        other => other.to_ascii_uppercase(),
    }
}

fn respond(protocol: Protocol, service: &str, message: &str) -> Response<Bytes> {
    let id = "00000000-0000-0000-0000-000000000000";
    let text = xml_text(message);
    let body = match protocol {
        Protocol::Json | Protocol::RestJson => {
            let body = json!({ "__type": "UnknownOperationException", "message": message, "Message": message });
            body.to_string().into_bytes()
        }
        Protocol::Cbor => cbor_map(&[("__type", "UnknownOperationException"), ("message", message)]),
        Protocol::Query => format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>{text}</Message></Error>\
             <RequestId>{id}</RequestId></ErrorResponse>"
        )
        .into_bytes(),
        Protocol::Ec2 => format!(
            "<Response><Errors><Error><Code>InvalidAction</Code><Message>{text}</Message></Error></Errors>\
             <RequestID>{id}</RequestID></Response>"
        )
        .into_bytes(),
        Protocol::RestXml if service.starts_with("s3") => {
            format!("<Error><Code>NotImplemented</Code><Message>{text}</Message><RequestId>{id}</RequestId></Error>")
                .into_bytes()
        }
        Protocol::RestXml => format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>NotImplemented</Code><Message>{text}</Message></Error>\
             <RequestId>{id}</RequestId></ErrorResponse>"
        )
        .into_bytes(),
    };
    let content_type = match protocol {
        Protocol::Json => "application/x-amz-json-1.1",
        Protocol::RestJson => "application/json",
        Protocol::Cbor => "application/cbor",
        Protocol::Query | Protocol::Ec2 => "text/xml",
        Protocol::RestXml => "application/xml",
    };
    // Every SDK would retry a status of 500 and above.
    let status = if protocol == Protocol::RestJson { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST };
    let mut response = build(status.as_u16(), content_type, body);
    let headers = response.headers_mut();
    match protocol {
        Protocol::Cbor => {
            headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
        }
        Protocol::RestJson => {
            headers.insert("x-amzn-errortype", HeaderValue::from_static("UnknownOperationException"));
        }
        _ => {}
    }
    response
}

fn xml_text(text: &str) -> String {
    let allowed = text.chars().filter(|c| !c.is_control());
    allowed.collect::<String>().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Encodes a CBOR map of texts: <https://www.rfc-editor.org/rfc/rfc8949.html#section-3.1>.
fn cbor_map(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut out = vec![0xA0 | entries.len() as u8];
    for text in entries.iter().flat_map(|(key, value)| [key, value]) {
        // Major type 3, its length in the two bytes that follow.
        let text = &text.as_bytes()[..text.len().min(u16::MAX as usize)];
        out.push(0x79);
        out.extend((text.len() as u16).to_be_bytes());
        out.extend(text);
    }
    out
}
