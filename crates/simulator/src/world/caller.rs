//! Callers: each sends an event, and sends it again under the same name until a response arrives.

use std::time::Duration;

use bytes::Bytes;
use cellstack_core::{EventId, TenantId};
use hyper::{Request, Response};
use serde_json::Value;

use super::World;
use crate::oracle::Acknowledged;
use crate::workload::{Look, Naming, Order};

/// Times that a caller sends an event before it stops.
const TRIES: u32 = 6;
/// Interval at which many callers send at once.
const RUSH: Duration = Duration::from_secs(20);

/// The caller of a tenant.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) world: &'a World,
    pub(crate) cell: usize,
    pub(crate) tenant: &'a TenantId,
}

impl Caller<'_> {
    pub(crate) async fn send_all(self, orders: Vec<Order>) {
        for order in orders {
            tokio::time::sleep(order.pause).await;
            if order.rush {
                let into = self.world.trace.elapsed().as_millis() as u64 % RUSH.as_millis() as u64;
                tokio::time::sleep(RUSH - Duration::from_millis(into)).await;
            }
            let begun = self.world.trace.elapsed();
            let Some(id) = self.send(&order, order.request(self.tenant.as_str())).await else { continue };
            if order.again {
                let again = self.send(&order, order.repeated(self.tenant.as_str())).await;
                if again.is_some_and(|again| again != id) && order.naming != Naming::None {
                    self.wrong(format!("'{}' was sent twice and got {id} and {again:?}", order.name));
                }
            }
            if order.clash && order.naming != Naming::None {
                let status =
                    self.request(order.clashing(self.tenant.as_str())).await.map(|response| response.status().as_u16());
                let elsewhere = status == Some(202) && (self.moves() || self.marked_since(begun));
                self.expect(status.is_none_or(|status| status >= 500 || status == 409) || elsewhere, || {
                    format!("'{}' with another body got {status:?}", order.name)
                });
            }
            if let Some(look) = order.look {
                self.look(look, id).await;
            }
        }
    }

    /// Sends an event until it is accepted. Returns its id then.
    async fn send(self, order: &Order, request: Request<Bytes>) -> Option<EventId> {
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(Duration::from_secs(1 << attempt)).await;
            }
            let response = self.request(request.clone()).await;
            let status = response.as_ref().map(|response| response.status().as_u16());
            let told = status.map_or_else(|| "no response".to_owned(), |status| status.to_string());
            self.world.trace.note(format_args!("{} of {} gets {told}", order.name, self.tenant));
            if attempt == 0 {
                let mut seen = self.world.seen.borrow_mut();
                *seen.sent.entry(self.cell).or_default() += 1;
                if status.is_none_or(|status| status >= 500) {
                    seen.unserved.push((self.cell, told));
                }
            }
            match (status, response) {
                (Some(202), Some(response)) => return self.accepted(order, &response),
                // The caller can't know whether the event was written.
                (None | Some(500..), _) => {}
                (Some(400), _) if order.may_be_refused() => {
                    self.world.seen.borrow_mut().refused.push((self.tenant.to_string(), order.name.clone()));
                    return None;
                }
                (Some(status), response) => {
                    let body = response.map(|response| String::from_utf8_lossy(response.body()).into_owned());
                    self.wrong(format!("'{}' of {} got {status}: {body:?}", order.name, self.tenant));
                    return None;
                }
            }
        }
        None
    }

    fn accepted(self, order: &Order, response: &Response<Bytes>) -> Option<EventId> {
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        let Some(id) = body["id"].as_str().and_then(|id| id.parse().ok()) else {
            self.wrong(format!("'{}' was accepted without an id: {body}", order.name));
            return None;
        };
        self.world.trace.note(format_args!("{} of {} is {id}", order.name, self.tenant));
        self.world.seen.borrow_mut().acknowledged.push(Acknowledged {
            tenant: self.tenant.to_string(),
            id,
            name: order.name.clone(),
            naming: order.naming,
        });
        Some(id)
    }

    /// Reads the API after an event was accepted: the event is found in any status.
    async fn look(self, look: Look, id: EventId) {
        let path = match look {
            Look::Event => format!("/v1/events/{id}"),
            Look::Totals => "/v1/totals".to_owned(),
            Look::List => "/v1/events?limit=50".to_owned(),
        };
        for path in [&path, "/v1/route"] {
            let request = Request::get(path).header("x-tenant-id", self.tenant.as_str()).body(Bytes::new());
            let Some(response) = self.request(request.unwrap_or_default()).await else { continue };
            let status = response.status().as_u16();
            self.world.trace.note(format_args!("{path} of {} gets {status}", self.tenant));
            let left_behind = status == 404 && self.moves() && look == Look::Event;
            self.expect(status == 200 || status >= 500 || left_behind, || {
                format!("GET {path} of {} got {status}", self.tenant)
            });
        }
    }

    /// Returns whether the tenant moves or has moved. Its events stay behind then: a later cell does not have them.
    fn moves(self) -> bool {
        self.world.mover.tenure(self.tenant).is_none_or(|tenure| !tenure.stays())
    }

    /// Returns whether the tenant's cell was marked between two requests. One may then have gone to the standby and the
    /// other not, and neither cell knows of the other's event until the standby's events are carried home.
    fn marked_since(self, begun: Duration) -> bool {
        self.world.marker.changed(self.cell, begun, self.world.trace.elapsed())
    }

    /// Sends a request. Returns `None` if the router was killed.
    async fn request(self, request: Request<Bytes>) -> Option<Response<Bytes>> {
        match self.world.routers.request(self.tenant.as_str(), request).await {
            Ok(response) => {
                self.world.seen.borrow_mut().responses += 1;
                Some(response)
            }
            Err(killed) => {
                self.world.trace.note(format_args!("a router was {killed}"));
                None
            }
        }
    }

    fn expect(self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.wrong(otherwise());
        }
    }

    fn wrong(self, what: String) {
        self.world.trace.note(format_args!("wrong: {what}"));
        self.world.seen.borrow_mut().wrong.push(what);
    }
}
