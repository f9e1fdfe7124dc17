//! The requests of callers, drawn from the seed.

mod text;

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::application::{Draft, Model};
use crate::faults::plan::Trouble;
use crate::setup::Setup;
use crate::surroundings::processor::Behaviour;

/// The share of events with awkward text in their attributes and data.
const AWKWARD: f64 = 0.15;
/// The share of events that have the name of another tenant's event.
const SHARED: f64 = 0.5;
/// The share of events after which the caller reads the totals or the listing.
const LOOKS: f64 = 0.08;

/// The way a caller names an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// By an `Idempotency-Key`.
    Key,
    /// By the id of a CloudEvent, structured or binary.
    CloudEvent,
    /// Not at all: a retry is another event.
    None,
}

/// The way a CloudEvent is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Structured,
    Binary,
}

/// A read by a caller after an event was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Event,
    Totals,
    List,
}

/// The awkward texts of an event.
#[derive(Debug, Clone)]
pub(crate) struct Awkward {
    pub(crate) source: String,
    pub(crate) subject: String,
    pub(crate) extension: String,
    pub(crate) id: String,
    pub(crate) data: String,
}

/// An event that a caller wants accepted.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// Pause since the tenant's last event.
    pub(crate) pause: Duration,
    /// True if it is sent together with such events of other tenants.
    pub(crate) rush: bool,
    /// The name among its tenant's events. The data contain it, in addition to any other name.
    pub(crate) name: String,
    pub(crate) naming: Naming,
    pub(crate) mode: Mode,
    pub(crate) draft: Draft,
    pub(crate) behaviour: Behaviour,
    /// The time its processor takes, in milliseconds.
    pub(crate) takes_ms: u64,
    pub(crate) awkward: Option<Box<Awkward>>,
    /// True if it is sent once more after it was accepted.
    pub(crate) again: bool,
    /// True if it is sent once more after it was accepted, with another body.
    pub(crate) clash: bool,
    pub(crate) look: Option<Look>,
}

/// Draws the orders of each tenant.
pub(crate) fn draw(setup: &Setup, trouble: Trouble, application: &dyn Model) -> Vec<Vec<Order>> {
    let mut rng = StdRng::seed_from_u64(setup.seed ^ 0x0030_AD00);
    let victim = trouble.poison_tenant.then(|| rng.random_range(0..setup.tenants));
    let mut orders: Vec<Vec<Order>> = vec![Vec::new(); setup.tenants];
    // Each tenant sends in bursts, as many as fit the time.
    let mean = setup.load().as_millis() as u64 * setup.tenants as u64 / setup.events.max(1) as u64;
    for event in 0..setup.events {
        // Some tenants send more than others.
        let tenant = rng.random_range(0..setup.tenants).min(rng.random_range(0..setup.tenants));
        let burst = rng.random_bool(0.6);
        let behaviour = if victim == Some(tenant) { Behaviour::Poison } else { trouble.behaviour(&mut rng) };
        let pause = if burst { rng.random_range(0..5) } else { rng.random_range(0..=5 * mean / 2) };
        let shared = format!("n{}", orders[tenant].len());
        let naming = match rng.random_range(0..10) {
            0 => Naming::None,
            1..4 => Naming::CloudEvent,
            _ => Naming::Key,
        };
        orders[tenant].push(Order {
            pause: Duration::from_millis(pause),
            rush: !burst && rng.random_bool(0.5),
            name: if rng.random_bool(SHARED) { shared } else { format!("e{event}") },
            naming,
            mode: if rng.random_bool(0.5) { Mode::Structured } else { Mode::Binary },
            draft: application.draw(behaviour == Behaviour::Poison, &mut rng),
            behaviour,
            takes_ms: if behaviour == Behaviour::Slow { rng.random_range(100..=5_000) } else { 0 },
            awkward: rng.random_bool(AWKWARD).then(|| Box::new(Awkward::draw(&mut rng))),
            again: rng.random_bool(0.05),
            clash: rng.random_bool(0.02),
            look: rng.random_bool(LOOKS).then(|| LOOKED_AT[rng.random_range(0..3)]),
        });
    }
    orders
}

const LOOKED_AT: [Look; 3] = [Look::Event, Look::Totals, Look::List];
impl Awkward {
    fn draw(rng: &mut StdRng) -> Self {
        // One in ten has a control character in an attribute, and has to be refused.
        let subject = if rng.random_bool(0.1) { text::any(rng) } else { text::attribute(rng) };
        Self {
            source: text::attribute(rng),
            subject,
            extension: text::attribute(rng),
            id: text::attribute(rng),
            data: text::any(rng),
        }
    }
}

impl Order {
    pub(crate) fn request(&self, tenant: &str) -> Request<Bytes> {
        self.with(tenant, self.mode, &self.draft.data)
    }

    /// Returns a request with the same event once more: a CloudEvent in its other mode.
    pub(crate) fn repeated(&self, tenant: &str) -> Request<Bytes> {
        let mode = if self.mode == Mode::Structured { Mode::Binary } else { Mode::Structured };
        self.with(tenant, mode, &self.draft.data)
    }

    /// Returns a request with the same name and another body.
    pub(crate) fn clashing(&self, tenant: &str) -> Request<Bytes> {
        self.with(tenant, self.mode, &self.draft.other)
    }

    /// Returns whether the router may refuse it for its text.
    pub(crate) fn may_be_refused(&self) -> bool {
        self.naming == Naming::CloudEvent && self.awkward.is_some()
    }

    /// Returns an application's data with the simulator's members.
    fn data(&self, drawn: &str) -> String {
        let members = drawn.strip_suffix('}').unwrap_or(drawn);
        let comma = if members.ends_with('{') { "" } else { "," };
        let mut data = format!(r#"{members}{comma}"name":"{}","mood":"{}""#, self.name, self.behaviour);
        if self.takes_ms > 0 {
            let _ = write!(data, r#","takes_ms":{}"#, self.takes_ms);
        }
        if let Some(awkward) = &self.awkward {
            let _ = write!(data, r#","text":{}"#, Value::from(awkward.data.as_str()));
        }
        data.push('}');
        data
    }

    fn with(&self, tenant: &str, mode: Mode, drawn: &str) -> Request<Bytes> {
        let data = self.data(drawn);
        let mut request = Request::post("/v1/events").header("x-tenant-id", tenant);
        let body = match (self.naming, mode) {
            (Naming::CloudEvent, Mode::Structured) => {
                request = request.header("content-type", "application/cloudevents+json");
                let mut event = json!({ "datacontenttype": "application/json" });
                for (name, value) in self.attributes() {
                    event[name] = value.into();
                }
                let event = event.to_string();
                format!(r#"{},"data":{data}}}"#, event.trim_end_matches('}'))
            }
            (Naming::CloudEvent, Mode::Binary) => {
                request = request.header("content-type", "application/json");
                for (name, value) in self.attributes() {
                    request = request.header(format!("ce-{name}"), text::header(&value));
                }
                data
            }
            (naming, _) => {
                request = request.header("content-type", "application/json");
                if naming == Naming::Key {
                    request = request.header("idempotency-key", &self.name);
                }
                format!(r#"{{"type":"{}","data":{data}}}"#, self.draft.event_type)
            }
        };
        // Names and tenants are plain ASCII, and headers are encoded, so that this can't fail.
        request.body(body.into()).unwrap_or_default()
    }

    /// Returns the context attributes of a CloudEvent.
    fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes = vec![("specversion", "1.0".to_owned()), ("type", self.draft.event_type.clone())];
        match &self.awkward {
            Some(awkward) => attributes.extend([
                ("id", format!("{}{}", self.name, awkward.id)),
                ("source", awkward.source.clone()),
                ("subject", awkward.subject.clone()),
                ("comment", awkward.extension.clone()),
                ("time", "2026-01-01T00:00:00.123456+01:00".to_owned()),
            ]),
            None => attributes.extend([("id", self.name.clone()), ("source", "/simulate".to_owned())]),
        }
        attributes
    }
}
