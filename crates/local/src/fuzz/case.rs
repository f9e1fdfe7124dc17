//! A case: a payload, and what is known of it.

use fastrand::Rng;

use super::event::{batch, event, odd_header};
use super::request::Request;
use super::text::{chance, damage, pick, text};
use super::token::authorization;

/// Tenants that are placed.
pub(super) const TENANTS: [&str; 3] = ["acme", "globex", "initech"];

/// Ids that some events have.
pub(super) const IDS: [&str; 2] = ["01930000-0000-7000-8000-000000000001", "01930000-0000-7000-8000-000000000002"];

/// The form of request that the generator meant to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// A plain event.
    Plain,
    /// A structured CloudEvent.
    Structured,
    /// A binary CloudEvent.
    Binary,
    /// Several CloudEvents.
    Batch,
    /// A request that reads.
    Read,
    /// A method, path or header that nobody asked for.
    Odd,
    /// A sample of `events/router`, damaged.
    Sample,
    /// An invocation event that AWS does not make.
    Broken,
}

impl Form {
    /// Returns the form in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Structured => "structured",
            Self::Binary => "binary",
            Self::Batch => "batch",
            Self::Read => "read",
            Self::Odd => "odd",
            Self::Sample => "sample",
            Self::Broken => "broken",
        }
    }
}

/// A payload, and what is known of it.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) form: Form,
    pub(super) payload: Vec<u8>,
    /// True if nothing is wrong with it: it must be accepted, or be in conflict with an event of its name.
    pub(super) valid: bool,
}

/// The samples' invocation events.
const SAMPLES: [&str; 16] = [
    include_str!("../../../../events/router/01-post-plain.json"),
    include_str!("../../../../events/router/02-post-structured.json"),
    include_str!("../../../../events/router/03-post-binary.json"),
    include_str!("../../../../events/router/04-post-named.json"),
    include_str!("../../../../events/router/05-post-repeat.json"),
    include_str!("../../../../events/router/06-post-conflict.json"),
    include_str!("../../../../events/router/07-post-poison.json"),
    include_str!("../../../../events/router/08-post-unknown-tenant.json"),
    include_str!("../../../../events/router/09-post-not-json.json"),
    include_str!("../../../../events/router/10-get-event.json"),
    include_str!("../../../../events/router/11-get-totals.json"),
    include_str!("../../../../events/router/12-get-route.json"),
    include_str!("../../../../events/router/13-get-health.json"),
    include_str!("../../../../events/router/14-list-events.json"),
    include_str!("../../../../events/router/15-list-too-many.json"),
    include_str!("../../../../events/router/16-post-batch.json"),
];

impl Case {
    /// Returns the case that follows from these random numbers.
    pub(super) fn generate(rng: &mut Rng) -> Self {
        let form = [
            Form::Plain,
            Form::Plain,
            Form::Structured,
            Form::Structured,
            Form::Binary,
            Form::Binary,
            Form::Batch,
            Form::Read,
            Form::Odd,
            Form::Sample,
            Form::Broken,
        ][rng.usize(..11)];
        let (payload, valid) = match form {
            Form::Plain | Form::Structured | Form::Binary => {
                let (request, valid) = event(rng, form);
                (request.payload(rng), valid)
            }
            Form::Batch => {
                let (request, valid) = batch(rng);
                (request.payload(rng), valid)
            }
            Form::Read => (read(rng).payload(rng), false),
            Form::Odd => (odd(rng).payload(rng), false),
            Form::Sample => (sample(rng), false),
            Form::Broken => {
                let form = [Form::Plain, Form::Structured, Form::Binary, Form::Batch][rng.usize(..4)];
                let (request, _) = if form == Form::Batch { batch(rng) } else { event(rng, form) };
                (request.broken_payload(rng), false)
            }
        };
        Self { form, payload, valid }
    }
}

/// Returns a request that reads something, with parameters right and wrong.
fn read(rng: &mut Rng) -> Request {
    let id = pick(rng, &[IDS[0], IDS[1], "", "x", "%2e%2e", "00000000000000000000000000000000"]);
    let path = match rng.u32(..6) {
        0 => format!("/v1/events/{id}"),
        1 => "/v1/totals".to_owned(),
        2 => "/v1/route".to_owned(),
        _ => "/v1/events".to_owned(),
    };
    let mut request = Request::new(if chance(rng, 10) { "HEAD" } else { "GET" }, &path);
    request.header("x-tenant-id", pick(rng, &TENANTS));
    if chance(rng, 15) {
        request.header("authorization", authorization(rng));
    }
    let mut parameters = Vec::new();
    while chance(rng, 60) {
        let name = pick(rng, &["type", "status", "limit", "cursor", "tenantid", "tenant_id", "wait", "unknown"]);
        let value = match rng.u32(..4) {
            0 => pick(rng, &["order.placed", "processed", "accepted", "25", "acme", "100", "1", "5"]).to_owned(),
            1 => pick(rng, &["0", "101", "-1", "1.0", "+5", "00025", "%20", "é", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"])
                .to_owned(),
            _ => text(rng),
        };
        parameters.push(if chance(rng, 95) { format!("{name}={value}") } else { text(rng) });
    }
    request.query = parameters.join("&");
    request
}

/// Returns a request that fits no operation, or one with odd headers.
fn odd(rng: &mut Rng) -> Request {
    let method = pick(
        rng,
        &["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get", "", "é", "A B"],
    );
    let path = match rng.u32(..4) {
        0 => format!("/v1/{}", text(rng)),
        1 => text(rng),
        _ => pick(rng, &["/v1/events", "/v1/events/", "/v1/totals", "/v1/route", "/health", "/", "", "//v1/events"])
            .to_owned(),
    };
    let mut request = Request::new(method, &path);
    while chance(rng, 60) {
        odd_header(rng, &mut request);
    }
    request.body = text(rng).into_bytes();
    request
}

fn sample(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = pick(rng, &SAMPLES).as_bytes().to_vec();
    for _ in 0..rng.usize(..4) {
        damage(rng, &mut bytes);
    }
    bytes
}
