//! An invocation through a function URL, and its response (payload format 2.0,
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads>).
//!
//! `lambda_http` has the types and would have the conversion, too. Its conversion parses each URL and query into maps
//! that nothing here reads, and panics on a body that is not the base64 it claims to be. Here such a body is a bad
//! request.

use cellstack_core::text::excerpt;
use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cellstack_core::limits::{MAX_BODY, MAX_HEADERS};
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue, Method};
use lambda_http::{Body, Response};
use serde::de::MapAccess;
use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::http::problem::{Kind, Problem};

/// An HTTP request as the function URL delivers it.
#[derive(Debug)]
pub struct Invocation {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) request_id: Option<String>,
    /// The fault of the headers. It is the response to a request with such headers.
    pub(crate) problem: Option<Problem>,
    pub(crate) body: RequestBody,
}

/// A body as it came. It is decoded when it is needed: a request that does not prove whose it is costs no more than it
/// must.
#[derive(Debug)]
pub(crate) enum RequestBody {
    Text(String),
    Base64(String),
    /// A body that decodes to this many bytes, and was not kept.
    TooLarge(usize),
}

impl RequestBody {
    fn new(text: Cow<'_, str>, is_base64: bool) -> Self {
        if !is_base64 && text.len() <= MAX_BODY {
            Self::Text(text.into_owned())
        } else if is_base64 && text.len() <= MAX_BODY.div_ceil(3) * 4 {
            Self::Base64(text.into_owned())
        } else {
            Self::TooLarge(if is_base64 { text.len() / 4 * 3 } else { text.len() })
        }
    }

    pub(crate) fn bytes(self) -> Result<Vec<u8>, Problem> {
        match self {
            Self::Text(text) => Ok(text.into_bytes()),
            Self::Base64(text) => STANDARD.decode(text).map_err(|error| {
                Problem::new(Kind::InvalidEvent, format!("The body must be base64, as its event says: {error}."))
            }),
            Self::TooLarge(size) => Err(crate::ingest::too_large(size)),
        }
    }
}

impl<'de> Deserialize<'de> for Invocation {
    /// Fails on JSON that is not such an event at all. Faults of the caller are kept, to be reported in the response.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Event<'a> {
            #[serde(borrow)]
            raw_path: Text<'a>,
            #[serde(borrow, default)]
            raw_query_string: Text<'a>,
            #[serde(default)]
            headers: Headers,
            request_context: Context,
            #[serde(borrow, default)]
            body: Option<Text<'a>>,
            #[serde(default)]
            is_base64_encoded: bool,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Context {
            http: Http,
            #[serde(default)]
            request_id: Option<String>,
        }
        #[derive(Deserialize)]
        struct Http {
            method: String,
        }

        let event = Event::deserialize(deserializer).map_err(|error| {
            serde::de::Error::custom(format!("expected a request through a function URL (payload format 2.0): {error}"))
        })?;
        let method = Method::from_bytes(event.request_context.http.method.as_bytes()).map_err(|_| {
            serde::de::Error::custom(format!("'{}' is not an HTTP method", event.request_context.http.method))
        })?;
        let body = event.body.map(|body| body.0).unwrap_or_default();
        let Headers { map: headers, problem } = event.headers;
        Ok(Self {
            method,
            path: event.raw_path.0.into_owned(),
            query: event.raw_query_string.0.into_owned(),
            headers,
            // An id that can't be sent back counts as missing.
            request_id: event
                .request_context
                .request_id
                .filter(|id| !id.is_empty() && HeaderValue::from_str(id).is_ok()),
            problem,
            body: RequestBody::new(body, event.is_base64_encoded),
        })
    }
}

/// Text that is borrowed if it holds no escape.
#[derive(Debug, Default, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The request's headers, and their fault.
#[derive(Debug, Default)]
struct Headers {
    map: HeaderMap,
    problem: Option<Problem>,
}

/// Headers that the router never reads: they count towards the limit and are not kept.
const NOT_READ: [&str; 9] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "host",
    "user-agent",
    "x-amzn-trace-id",
    "x-forwarded-for",
    "x-forwarded-port",
    "x-forwarded-proto",
];

impl Headers {
    fn add(&mut self, name: &str, value: &str) {
        // The router reads only half of the headers that every client and AWS send.
        if NOT_READ.contains(&name) {
            return;
        }
        // A header that no HTTP client can send comes from a direct invocation only.
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes())) {
            (Ok(name), Ok(value)) => {
                self.map.append(name, value);
            }
            _ => self.fail(Kind::InvalidRequest, || {
                let name = excerpt(name);
                format!("The name or the value of header {name} is invalid.")
            }),
        }
    }

    fn fail(&mut self, kind: Kind, detail: impl FnOnce() -> String) {
        self.problem.get_or_insert_with(|| Problem::new(kind, detail()));
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Headers;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("headers: an object of strings")
            }

            fn visit_unit<E>(self) -> Result<Headers, E> {
                Ok(Headers::default())
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Headers, M::Error> {
                let mut headers = Headers::default();
                let mut size = 0;
                while let Some((Text(name), Text(value))) = map.next_entry()? {
                    size += name.len() + value.len();
                    if size <= MAX_HEADERS {
                        headers.add(&name, &value);
                    }
                }
                if size > MAX_HEADERS {
                    headers.fail(Kind::HeadersTooLarge, || {
                        format!(
                            "The headers are {size} bytes; at most {MAX_HEADERS} are taken. Send fewer or shorter ones."
                        )
                    });
                }
                Ok(headers)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// The response, as the function URL expects it.
#[derive(Debug)]
pub struct Reply(pub Response<Body>);

impl Serialize for Reply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Map<'a>(&'a HeaderMap);
        impl Serialize for Map<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(Some(self.0.len()))?;
                for (name, value) in self.0 {
                    // The router sets ASCII only.
                    map.serialize_entry(name.as_str(), value.to_str().unwrap_or_default())?;
                }
                map.end()
            }
        }
        let body = match self.0.body() {
            Body::Text(text) => text.as_str(),
            _ => "",
        };
        let mut reply = serializer.serialize_struct("Reply", 4)?;
        reply.serialize_field("statusCode", &self.0.status().as_u16())?;
        reply.serialize_field("headers", &Map(self.0.headers()))?;
        reply.serialize_field("body", body)?;
        reply.serialize_field("isBase64Encoded", &false)?;
        reply.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(members: &str) -> serde_json::Result<Invocation> {
        serde_json::from_str(&format!(
            r#"{{"version":"2.0","rawPath":"/v1/events","requestContext":{{"http":{{"method":"POST"}}}}{members}}}"#
        ))
    }

    fn kind(members: &str) -> Option<Kind> {
        let Invocation { problem, body, .. } = event(members).unwrap();
        problem.or(body.bytes().err()).map(|problem| problem.kind)
    }

    #[test]
    fn a_request_is_read_once_and_whole() {
        let read =
            event(r#","rawQueryString":"a=b","headers":{"x-a":"1\u0032","x-b":"é"},"body":"{\"a\":1}""#).unwrap();
        assert_eq!((read.path.as_str(), read.query.as_str()), ("/v1/events", "a=b"));
        assert_eq!(read.headers["x-a"], "12");
        assert_eq!(read.headers["x-b"].as_bytes(), "é".as_bytes());
        assert_eq!(read.body.bytes().unwrap(), br#"{"a":1}"#);
        assert_eq!(event(r#","body":"eyJ9","isBase64Encoded":true"#).unwrap().body.bytes().unwrap(), br#"{"}"#);
        assert_eq!(event(r#","headers":null,"body":null"#).unwrap().body.bytes().unwrap(), b"");
    }

    #[test]
    fn what_a_caller_did_wrong_is_a_problem_and_no_failed_invocation() {
        assert_eq!(kind(r#","body":"%%%","isBase64Encoded":true"#), Some(Kind::InvalidEvent));
        assert_eq!(kind(r#","headers":{"a b":"c"}"#), Some(Kind::InvalidRequest));
        assert_eq!(kind(r#","headers":{"a":"c\n"}"#), Some(Kind::InvalidRequest));
        let header = |bytes: usize| format!(r#","headers":{{"a":"{}"}}"#, "x".repeat(bytes));
        assert_eq!(kind(&header(MAX_HEADERS - 1)), None);
        assert_eq!(kind(&header(MAX_HEADERS)), Some(Kind::HeadersTooLarge));
        let large = format!(r#","isBase64Encoded":true,"body":"{}""#, "A".repeat(MAX_BODY * 2));
        assert_eq!(kind(&large), Some(Kind::TooLarge));
    }

    #[test]
    fn a_request_id_that_no_header_can_hold_is_none() {
        let id = |id: &str| {
            let event = format!(r#"{{"rawPath":"/","requestContext":{{"http":{{"method":"GET"}},"requestId":{id}}}}}"#);
            serde_json::from_str::<Invocation>(&event).unwrap().request_id
        };
        assert_eq!(id(r#""a-1""#).as_deref(), Some("a-1"));
        for none in ["null", r#""""#, r#""a\nb""#] {
            assert_eq!(id(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_no_request_fails_the_invocation_and_says_so() {
        for text in ["{}", "[]", "null", "1", r#"{"Records":[]}"#, r#"{"rawPath":"/"}"#] {
            assert!(serde_json::from_str::<Invocation>(text).is_err(), "{text}");
        }
        let error = serde_json::from_str::<Invocation>("[1]").unwrap_err().to_string();
        assert!(error.contains("payload format 2.0"), "{error}");
    }

    #[test]
    fn a_response_is_written_as_a_function_url_takes_it() {
        let response =
            Response::builder().status(202).header("location", "/v1/events/x").body(Body::from("{}".to_owned()));
        let json = serde_json::to_value(Reply(response.unwrap())).unwrap();
        let expected = serde_json::json!({
            "statusCode": 202, "headers": { "location": "/v1/events/x" }, "body": "{}", "isBase64Encoded": false,
        });
        assert_eq!(json, expected);
    }
}
