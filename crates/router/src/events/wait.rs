//! `GET /v1/events/{id}?wait=N`: the answer comes once the event is done, or when the time is over.
//!
//! Every answer is a full read, as in [`read`](super::read). In between the router asks a replica for the event's status only,
//! at half the price. A replica may be behind, so any status but `accepted` leads to a full read. A `held` event is not waited
//! for: its cell comes back when people bring it back.

use std::time::Duration;

use cellstack_core::limits::{CELL_TIMEOUT, WAIT_PAUSE, WAIT_PAUSE_LONGEST};
use cellstack_core::{Ambient, EventId, EventRecord, EventStatus, TenantId};
use lambda_http::{Body, Response};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::read::Found;
use crate::answer;
use crate::handler::Router;
use crate::problem::Problem;
use crate::visit::Visit;

/// Bytes that one read unit covers.
const UNIT: usize = 4 * 1024;

impl<A: Ambient + Clone> Router<A> {
    /// Answers with the event once it is not `accepted` any more, at the latest after `wait`. `deadline` is the request's.
    pub(crate) async fn get_event(
        &self,
        tenant: &TenantId,
        id: EventId,
        wait: Duration,
        deadline: Instant,
        visit: &mut Visit,
    ) -> Result<Response<Body>, Problem> {
        // The last read has to end within the request's time, too.
        let end = (Instant::now() + wait).min(deadline.checked_sub(CELL_TIMEOUT).unwrap_or(deadline));
        let mut pauses = None;
        loop {
            let found = self.read_event(tenant, id, visit).await?;
            if found.record.status != EventStatus::Accepted || Instant::now() >= end {
                return answer::event(&found.record);
            }
            let pauses = pauses.get_or_insert_with(|| Pauses::between_reads_of(&found.record));
            watch(&found, pauses, end).await;
        }
    }
}

/// Waits until the event seems to be done, can't be read, or `end` has come.
async fn watch<A: Ambient>(found: &Found<A>, pauses: &mut Pauses, end: Instant) {
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

/// The pauses between reads of an event. The more read units a read takes, the longer they are, so that a request that waits
/// takes no more units per second of a large event than of a small one.
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
