//! `GET /v1/events/{id}?wait=N`: the response comes once the event is done, or when the time is over.
//!
//! Every response is a full read, as in [`read`](super::read). In between the router reads only the event's status from
//! a replica, at half the price. A replica may be behind, so any status but `accepted` leads to a full read. The router
//! does not wait for a `held` event: its cell comes back when people bring it back. In a cell that has stalled it does not wait
//! for a time: see [`waits`](crate::cell).

use std::time::Duration;

use cellstack_core::limits::{CELL_TIMEOUT, WAIT_PAUSE, WAIT_PAUSE_LONGEST};
use cellstack_core::{Clock, Entropy, EventId, EventRecord, EventStatus, TenantId};
use lambda_http::{Body, Response};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::read::Found;
use crate::context::RequestContext;
use crate::handler::Router;
use crate::http::problem::Problem;
use crate::http::response;

/// Bytes that one read unit covers.
const UNIT: usize = 4 * 1024;

impl<A: Clock + Entropy + Clone> Router<A> {
    /// Returns the event once it is not `accepted` any more, at the latest after `wait`, and at once while waits in its cell are in
    /// vain. `deadline` is the request's.
    pub(crate) async fn get_event(
        &self,
        tenant: &TenantId,
        id: EventId,
        wait: Duration,
        deadline: Instant,
        context: &mut RequestContext,
    ) -> Result<Response<Body>, Problem> {
        // The last read has to end within the request's time, too.
        let end = (Instant::now() + wait).min(deadline.checked_sub(CELL_TIMEOUT).unwrap_or(deadline));
        let (mut begun, mut pauses) = (None, None);
        loop {
            let Found { record, cell } = self.read_event(tenant, id, context).await?;
            let is_done = record.status != EventStatus::Accepted;
            if is_done || Instant::now() >= end || (begun.is_none() && !cell.waits.are_open()) {
                match begun {
                    Some(_) if is_done => cell.waits.note_done(),
                    Some(begun) => {
                        let [.., random] = self.clock.source.random();
                        cell.waits.note_in_vain(tenant, Instant::now() - begun, random);
                    }
                    None => {}
                }
                return response::event(&record);
            }
            begun.get_or_insert_with(Instant::now);
            let pauses = pauses.get_or_insert_with(|| Pauses::between_reads_of(&record));
            watch(&Found { record, cell }, pauses, end).await;
        }
    }
}

/// Waits until the event seems to be done, can't be read, or `end` has come.
async fn watch<A: Clock>(found: &Found<A>, pauses: &mut Pauses, end: Instant) {
    let Found { record, cell } = found;
    loop {
        let next = Instant::now() + pauses.next();
        sleep_until(next.min(end)).await;
        if next >= end {
            return;
        }
        let status = timeout_at(end, cell.replicated_status(&record.tenant_id, record.id())).await;
        if !matches!(status, Ok(Ok(Some(EventStatus::Accepted)))) {
            return;
        }
    }
}

/// The pauses between reads of an event. The more read units a read takes, the longer they are, so that a waiting
/// request uses no more units per second for a large event than for a small one.
struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    fn between_reads_of(record: &EventRecord) -> Self {
        let texts = [&record.data, &record.context, &record.result];
        let size: usize = texts.into_iter().flatten().map(String::len).sum();
        let next = WAIT_PAUSE.saturating_mul(u32::try_from(size / UNIT + 1).unwrap_or(u32::MAX));
        Self { next, longest: next.max(WAIT_PAUSE_LONGEST) }
    }

    fn next(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause
    }
}

#[cfg(test)]
mod tests;
