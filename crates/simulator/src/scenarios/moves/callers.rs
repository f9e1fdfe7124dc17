//! The callers: each sends the events of one tenant, and repeats each until it is acknowledged.

use std::time::Duration;

use bytes::Bytes;
use cellstack_core::EventId;
use hyper::Request;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use super::run::World;

/// Times that a caller sends an event before it stops.
const TRIES: u32 = 400;

/// An acknowledged event, and the times of its first request and of the acknowledgement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acknowledged {
    pub(super) id: EventId,
    pub(super) begun: Duration,
    pub(super) at: Duration,
}

impl World {
    /// Sends one tenant's events, one after the other.
    pub(super) async fn call(&self, seed: u64, tenant: usize) {
        let mut rng = StdRng::seed_from_u64(seed ^ (tenant as u64 + 1) << 40);
        for number in 0.. {
            tokio::time::sleep(rng.random_range(Duration::from_millis(200)..Duration::from_secs(7))).await;
            if self.ended.get() {
                return;
            }
            let (name, begun) = (format!("n{number}"), self.trace.elapsed());
            let Some(id) = self.send(tenant, &name).await else {
                self.wrong(format!("{name} of t{tenant} was not acknowledged in {TRIES} tries"));
                return;
            };
            let at = self.trace.elapsed();
            self.acknowledged.borrow_mut().insert((tenant, name.clone()), Acknowledged { id, begun, at });
            self.moved.borrow_mut().note(at - begun);
            if rng.random_bool(0.2) {
                let known = rng.random_range(0..=number);
                self.repeat(tenant, &format!("n{known}")).await;
            }
        }
    }

    /// Sends an event again that was acknowledged before: it is the same event, in whichever cell its tenant is now.
    async fn repeat(&self, tenant: usize, name: &str) {
        let first = self.acknowledged.borrow().get(&(tenant, name.to_owned())).map(|event| event.id);
        let again = self.send(tenant, name).await;
        if again.is_some() && first != again {
            self.wrong(format!("{name} of t{tenant} was {first:?} and is {again:?} when it is repeated"));
        }
    }

    async fn send(&self, tenant: usize, name: &str) -> Option<EventId> {
        let body = format!(r#"{{"type":"order","data":{{"amount":1,"name":"{name}","mood":"good"}}}}"#);
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            let request = Request::post("/v1/events")
                .header("content-type", "application/json")
                .header("idempotency-key", name)
                .header("x-tenant-id", self.tenants[tenant].as_str())
                .body(Bytes::from(body.clone()))
                .unwrap_or_default();
            let Ok(response) = self.routers.request(self.tenants[tenant].as_str(), request).await else { continue };
            let status = response.status().as_u16();
            self.trace.note(format_args!("{name} of t{tenant} gets {status}"));
            match status {
                202 => {
                    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
                    return body["id"].as_str()?.parse().ok();
                }
                429 | 500.. => {}
                _ => {
                    self.wrong(format!("{name} of t{tenant} got {status}"));
                    return None;
                }
            }
        }
        None
    }
}
