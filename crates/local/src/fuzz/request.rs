//! A request, and the invocation event that a function URL makes of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;

use super::json::{object, odd_value, quoted};
use super::text::{chance, damage, text};

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn new(method: &str, path: &str) -> Self {
        let (method, path) = (method.to_owned(), path.to_owned());
        Self { method, path, query: String::new(), headers: Vec::new(), body: Vec::new() }
    }

    pub(super) fn header(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push((name.to_owned(), value.into()));
    }

    /// Returns the invocation event, as AWS makes it of what a caller sends: payload format 2.0.
    pub(super) fn payload(&self, rng: &mut Rng) -> Vec<u8> {
        let text = std::str::from_utf8(&self.body).ok().filter(|_| rng.bool());
        let body = text.map_or_else(|| STANDARD.encode(&self.body), ToOwned::to_owned);
        object(&self.members(&body, text.is_none())).into_bytes()
    }

    /// Returns an invocation event that AWS does not make: a body that is not what `isBase64Encoded` says, members of
    /// other types, given twice or not at all, and text that is not JSON.
    pub(super) fn broken_payload(&self, rng: &mut Rng) -> Vec<u8> {
        let mut body = if rng.bool() { STANDARD.encode(&self.body) } else { text(rng) };
        if rng.bool() {
            let mut bytes = body.into_bytes();
            damage(rng, &mut bytes);
            body = String::from_utf8_lossy(&bytes).into_owned();
        }
        let encoded = chance(rng, 80);
        let mut members = self.members(&body, encoded);
        if chance(rng, 60) {
            super::json::mutate(rng, &mut members);
        }
        if chance(rng, 20) {
            let context = rng.usize(..members.len().max(1));
            let odd = odd_value(rng);
            if let Some(member) = members.get_mut(context) {
                member.1 = odd;
            }
        }
        let mut bytes = object(&members).into_bytes();
        if chance(rng, 30) {
            damage(rng, &mut bytes);
        }
        bytes
    }

    fn members(&self, body: &str, encoded: bool) -> Vec<(String, String)> {
        let (method, path) = (quoted(&self.method), quoted(&self.path));
        let http = format!(
            r#"{{"method":{method},"path":{path},"protocol":"HTTP/1.1","sourceIp":"192.0.2.1","userAgent":"fuzz"}}"#
        );
        let context = format!(
            r#"{{"accountId":"anonymous","apiId":"fuzz","domainName":"fuzz","domainPrefix":"fuzz","http":{http},"requestId":"00000000-0000-4000-8000-000000000001","routeKey":"$default","stage":"$default","time":"01/Jan/2026:00:00:00 +0000","timeEpoch":1767225600000}}"#
        );
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.clone(), quoted(value))).collect();
        let member = |name: &str, value: String| (name.to_owned(), value);
        vec![
            member("version", quoted("2.0")),
            member("routeKey", quoted("$default")),
            member("rawPath", path),
            member("rawQueryString", quoted(&self.query)),
            member("headers", object(&headers)),
            member("requestContext", context),
            member("body", quoted(body)),
            member("isBase64Encoded", encoded.to_string()),
        ]
    }
}
