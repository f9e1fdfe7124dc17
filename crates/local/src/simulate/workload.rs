//! What callers ask for, drawn from the seed.

use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use crate::simulate::Setup;

/// How an event fares in the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Good,
    /// It can never be processed.
    Poison,
    /// The processor panics.
    Panic,
    /// The first try fails.
    Flaky,
}

impl Mood {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Poison => "poison",
            Self::Panic => "panic",
            Self::Flaky => "flaky",
        }
    }
}

/// How a caller names an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// By an `Idempotency-Key`.
    Key,
    /// It is a CloudEvent with an id.
    CloudEvent,
    /// Not at all: a retry is another event.
    None,
}

/// One event that a caller wants accepted.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// Pause since the tenant's last event.
    pub(crate) pause: Duration,
    /// Sent together with those of other tenants that are.
    pub(crate) rush: bool,
    /// Its name: in its data, whatever else names it.
    pub(crate) name: String,
    pub(crate) naming: Naming,
    pub(crate) event_type: &'static str,
    pub(crate) amount: u32,
    pub(crate) mood: Mood,
    /// Sent once more after it was accepted.
    pub(crate) again: bool,
    /// Sent once more after it was accepted, with another body.
    pub(crate) clash: bool,
    /// Followed by a look at the event or the totals.
    pub(crate) look: bool,
}

/// The orders of each tenant.
pub(crate) fn draw(setup: &Setup, poison: bool, poison_tenant: bool) -> Vec<Vec<Order>> {
    let mut rng = StdRng::seed_from_u64(setup.seed ^ 0x0030_AD00);
    let victim = poison_tenant.then(|| rng.random_range(0..setup.tenants));
    let mut orders: Vec<Vec<Order>> = vec![Vec::new(); setup.tenants];
    // Each tenant sends in bursts, as many as fit the time.
    let mean = setup.load().as_millis() as u64 * setup.tenants as u64 / setup.events.max(1) as u64;
    for event in 0..setup.events {
        // Some tenants send more than others.
        let tenant = rng.random_range(0..setup.tenants).min(rng.random_range(0..setup.tenants));
        let burst = rng.random_bool(0.6);
        let mood = match rng.random_range(0..100) {
            _ if victim == Some(tenant) => Mood::Poison,
            0..3 if poison => Mood::Poison,
            3..5 if poison => Mood::Panic,
            5..9 if poison => Mood::Flaky,
            _ => Mood::Good,
        };
        orders[tenant].push(Order {
            pause: Duration::from_millis(if burst {
                rng.random_range(0..5)
            } else {
                rng.random_range(0..=5 * mean / 2)
            }),
            rush: !burst && rng.random_bool(0.5),
            name: format!("e{event}"),
            naming: match rng.random_range(0..10) {
                0 => Naming::None,
                1..3 => Naming::CloudEvent,
                _ => Naming::Key,
            },
            event_type: ["order.placed", "order.paid", "item.sold"][rng.random_range(0..3)],
            amount: rng.random_range(0..1_000),
            mood,
            again: rng.random_bool(0.05),
            clash: rng.random_bool(0.02),
            look: rng.random_bool(0.05),
        });
    }
    orders
}

impl Order {
    pub(crate) fn request(&self, tenant: &str) -> Request<Bytes> {
        self.with(tenant, self.amount)
    }

    /// The same name, another body.
    pub(crate) fn clashing(&self, tenant: &str) -> Request<Bytes> {
        self.with(tenant, self.amount + 1)
    }

    fn with(&self, tenant: &str, amount: u32) -> Request<Bytes> {
        let shown = if self.mood == Mood::Poison { json!(format!("{amount} or so")) } else { json!(amount) };
        let data = json!({ "amount": shown, "name": self.name, "mood": self.mood.as_str() });
        let mut request = Request::post("/v1/events").header("x-tenant-id", tenant);
        let body = if self.naming == Naming::CloudEvent {
            request = request.header("content-type", "application/cloudevents+json");
            let (id, source) = (&self.name, "/simulate");
            json!({ "specversion": "1.0", "id": id, "source": source, "type": self.event_type, "data": data })
        } else {
            request = request.header("content-type", "application/json");
            if self.naming == Naming::Key {
                request = request.header("idempotency-key", &self.name);
            }
            json!({ "type": self.event_type, "data": data })
        };
        // Names and tenants are plain ASCII, so that this can't fail.
        request.body(body.to_string().into()).unwrap_or_default()
    }
}
