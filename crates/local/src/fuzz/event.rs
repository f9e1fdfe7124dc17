//! Events in their three forms, right and wrong.

use fastrand::Rng;

use super::case::{Form, IDS, TENANTS};
use super::json::{self, object, quoted, value};
use super::request::Request;
use super::text::{attribute, chance, header, name, pick, text};
use super::token::authorization;

/// Returns an event in one of its three forms, and whether nothing is wrong with it.
pub(super) fn event(rng: &mut Rng, form: Form) -> (Request, bool) {
    let tenant = pick(rng, &TENANTS);
    let mut request = Request::new("POST", "/v1/events");
    request.header("x-tenant-id", tenant);
    let mut valid = true;
    if chance(rng, 15) {
        let value = authorization(rng);
        // The header means nothing here, as long as it can be sent.
        valid = value.len() < 1_000 && value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        request.header("authorization", value);
    }
    if chance(rng, 20) {
        // Few keys, so that they meet again; an id among them can be read.
        let key = if rng.bool() { format!("key-{}", rng.u32(..20)) } else { pick(rng, &IDS).to_owned() };
        request.header("idempotency-key", key);
    }
    let data = value(rng, 3);
    let mut attributes = vec![("type".to_owned(), name(rng))];
    if form != Form::Plain {
        attributes.push(("specversion".to_owned(), "1.0".to_owned()));
        attributes.push(("source".to_owned(), format!("/{}", attribute(rng))));
        attributes.push(("id".to_owned(), format!("{}", rng.u32(..10_000))));
        if rng.bool() {
            attributes.push(("time".to_owned(), "2026-01-01T00:00:00.125+01:00".to_owned()));
        }
        for extension in 0..rng.usize(..3) {
            attributes.push((format!("{}{extension}", name(rng)), attribute(rng)));
        }
    }
    if form == Form::Binary {
        binary(rng, &mut request, attributes, data, &mut valid);
    } else {
        if form == Form::Structured {
            request.header("content-type", "application/cloudevents+json");
        } else if rng.bool() {
            request.header("content-type", "application/json");
        }
        let mut members: Vec<_> = attributes.into_iter().map(|(name, text)| (name, quoted(&text))).collect();
        if chance(rng, 80) {
            members.push(("data".to_owned(), data));
        }
        if chance(rng, 10) {
            members.push(("tenantid".to_owned(), quoted(tenant)));
        }
        while chance(rng, 40) {
            json::mutate(rng, &mut members);
            valid = false;
        }
        request.body = object(&members).into_bytes();
    }
    while chance(rng, 12) {
        request.body = json::spoil(rng, &String::from_utf8_lossy(&request.body));
        valid = false;
    }
    if chance(rng, 8) {
        odd_header(rng, &mut request);
        valid = false;
    }
    if rng.u32(..4_000) == 0 {
        // A size around the cap of a body and of a message.
        let length = 224 * 1024 - 64 + rng.usize(..128);
        let unit = pick(rng, &["x", "\u{ffff}", "\\u0000"]);
        request.body = format!(r#"{{"type":"large","data":"{}"}}"#, unit.repeat(length / unit.len())).into_bytes();
        valid = false;
    }
    (request, valid)
}

/// Returns a batch of structured events, and whether nothing is wrong with any.
pub(super) fn batch(rng: &mut Rng) -> (Request, bool) {
    let mut request = Request::new("POST", "/v1/events");
    request.header("x-tenant-id", pick(rng, &TENANTS));
    request.header("content-type", "application/cloudevents-batch+json");
    let mut valid = true;
    let events = (0..rng.usize(..6)).map(|_| {
        let (event, good) = event(rng, Form::Structured);
        valid &= good;
        String::from_utf8_lossy(&event.body).into_owned()
    });
    let mut events: Vec<String> = events.collect();
    if rng.u32(..200) == 0 {
        events = vec![json::odd_value(rng); rng.usize(99..103)];
        valid = false;
    }
    request.body = format!("[{}]", events.join(",")).into_bytes();
    if chance(rng, 10) {
        request.body = json::spoil(rng, &String::from_utf8_lossy(&request.body));
        valid = false;
    }
    if chance(rng, 8) {
        odd_header(rng, &mut request);
        valid = false;
    }
    (request, valid)
}

fn binary(rng: &mut Rng, request: &mut Request, attributes: Vec<(String, String)>, data: String, valid: &mut bool) {
    for (name, value) in attributes {
        let value = header(rng, &value);
        request.header(&format!("ce-{name}"), value);
    }
    if chance(rng, 80) {
        let types = ["application/json", "application/json; charset=utf-8", "application/vnd.fuzz+json;v=\"1\""];
        request.header("content-type", pick(rng, &types));
        request.body = data.into_bytes();
    }
    if chance(rng, 1) {
        // Many attributes, each of them small.
        for number in 0..rng.usize(..300) {
            request.header(&format!("ce-many{number}"), "x");
        }
        *valid = false;
    }
    while chance(rng, 40) {
        *valid = false;
        let at = rng.usize(..request.headers.len());
        match rng.u32(..4) {
            0 => request.headers[at].1 = text(rng),
            1 => drop(request.headers.remove(at)),
            2 => request.headers[at].0 = format!("ce-{}", text(rng).to_lowercase()),
            _ => {
                let own = ["ce-tenantid", "ce-cell", "ce-data", "ce-", "ce-subject", "ce-datacontenttype", "ce-time"];
                let value = text(rng);
                request.header(pick(rng, &own), value);
            }
        }
        if request.headers.is_empty() {
            break;
        }
    }
}

/// Adds a header, or replaces the value of one.
pub(super) fn odd_header(rng: &mut Rng, request: &mut Request) {
    let names = ["x-tenant-id", "content-type", "idempotency-key", "authorization", "ce-id", "cookie", "x-request-id"];
    let name = if chance(rng, 80) { pick(rng, &names).to_owned() } else { text(rng) };
    let types = ["image/png", "application/cloudevents-batch+json", "application/cloudevents+avro", "text/plain; a=b"];
    let value = if chance(rng, 30) { pick(rng, &types).to_owned() } else { text(rng) };
    request.headers.retain(|(known, _)| *known != name);
    request.header(&name, value);
}
