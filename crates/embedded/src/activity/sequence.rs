//! The order of an event's happenings: `accepted`, with the request that brought it, before all else, then `published`.
//!
//! The table's stream may report an event before the response to its request, and the pipeline may be quicker than
//! both. So a happening that comes too early waits for the one before it, for a short time: events also come in by other
//! ways than the function URL, and what a move copies is never published.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use cellstack_core::{EventId, EventStatus};
use tokio::time::Instant;

use super::table::Change;
use super::{Exchange, Happening, Subject};

/// Time that a happening waits for the one before it.
const PATIENCE: Duration = Duration::from_millis(200);
/// Events that are remembered as reported.
const REMEMBERED: usize = 10_000;

/// A sorter of happenings into each event's own order.
#[derive(Default)]
pub(super) struct Sequence {
    accepted: HashSet<EventId>,
    published: HashSet<EventId>,
    oldest: VecDeque<EventId>,
    waiting: HashMap<EventId, Waiting>,
}

struct Waiting {
    until: Instant,
    accepted: Option<Happening>,
    later: Vec<Happening>,
}

impl Sequence {
    /// Takes a request and its response.
    pub(super) fn exchange(&mut self, exchange: Exchange, ready: &mut VecDeque<Happening>) {
        let event = exchange.said.id.as_deref().and_then(|id| id.parse().ok()).filter(|_| exchange.status == 202);
        let (Some(event), Some(cell)) = (event, exchange.cell.clone()) else {
            ready.push_back(Happening::Responded(exchange));
            return;
        };
        let early = self.waiting.remove(&event);
        let known = early.as_ref().and_then(|early| match &early.accepted {
            Some(Happening::Accepted { subject, .. }) => Some(subject.tenant.clone()),
            _ => None,
        });
        let tenant = exchange.tenant.or(known).unwrap_or_else(|| "-".to_owned());
        ready.push_back(Happening::Accepted {
            subject: Subject { tenant, cell, event },
            event_type: exchange.said.r#type.unwrap_or_default(),
            status: serde_json::from_value(exchange.said.status).unwrap_or(EventStatus::Accepted),
            request: exchange.request_id,
            repeated: exchange.is_replay,
        });
        self.remember(event);
        self.release(early, ready);
    }

    /// Takes a new event of a table, or a new status of one.
    pub(super) fn change(&mut self, change: Change, ready: &mut VecDeque<Happening>) {
        let Change { cell, tenant, event, event_type, before, status, accepted_at, processed_at, error } = change;
        let subject = Subject { tenant, cell: cell.to_string(), event };
        if before.is_none() && status != EventStatus::Processed && status != EventStatus::Failed {
            if !self.accepted.contains(&event) {
                let accepted = Happening::Accepted { subject, event_type, status, request: None, repeated: false };
                self.wait(event).accepted = Some(accepted);
            }
            return;
        }
        let took = accepted_at.zip(processed_at).map(|(from, to)| Duration::from_millis(to.saturating_sub(from)));
        self.later(Happening::Settled { subject, event_type, status, took, error }, ready);
    }

    /// Takes a happening that comes after an event's acceptance, or is about no event.
    pub(super) fn later(&mut self, happening: Happening, ready: &mut VecDeque<Happening>) {
        let Some(event) = happening.event() else { return ready.push_back(happening) };
        let after_published = matches!(happening, Happening::Delivered(..) | Happening::Settled { .. });
        if !self.accepted.contains(&event) || (after_published && !self.published.contains(&event)) {
            self.wait(event).later.push(happening);
            return;
        }
        let published = matches!(happening, Happening::Published(_));
        ready.push_back(happening);
        if published && self.published.insert(event) {
            let early = self.waiting.remove(&event);
            self.release(early, ready);
        }
    }

    /// Takes the happenings that waited, in their order: the next of them may be the one that others wait for.
    fn release(&mut self, early: Option<Waiting>, ready: &mut VecDeque<Happening>) {
        for happening in early.into_iter().flat_map(|early| early.later) {
            self.later(happening, ready);
        }
    }

    /// Releases the happenings that waited in vain.
    pub(super) fn overdue(&mut self, ready: &mut VecDeque<Happening>) {
        let now = Instant::now();
        let mut overdue: Vec<_> = self.waiting.extract_if(|_, waiting| waiting.until <= now).collect();
        overdue.sort_by_key(|(_, waiting)| waiting.until);
        for (event, waiting) in overdue {
            self.remember(event);
            self.published.insert(event);
            ready.extend(waiting.accepted.into_iter().chain(waiting.later));
        }
    }

    fn wait(&mut self, event: EventId) -> &mut Waiting {
        self.waiting.entry(event).or_insert_with(|| Waiting {
            until: Instant::now() + PATIENCE,
            accepted: None,
            later: Vec::new(),
        })
    }

    fn remember(&mut self, event: EventId) {
        if self.accepted.insert(event) {
            self.oldest.push_back(event);
        }
        if self.oldest.len() > REMEMBERED
            && let Some(event) = self.oldest.pop_front()
        {
            self.accepted.remove(&event);
            self.published.remove(&event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::exchange::Said;

    const ID: &str = "019b76da-a800-7000-8000-000000000004";

    fn change(before: Option<EventStatus>, status: EventStatus) -> Change {
        Change {
            cell: "alpha".parse().unwrap(),
            tenant: "acme".to_owned(),
            event: ID.parse().unwrap(),
            event_type: "order.placed".to_owned(),
            before,
            status,
            accepted_at: Some(1_000),
            processed_at: Some(1_012),
            error: None,
        }
    }

    fn response() -> Exchange {
        Exchange {
            call: "POST /v1/events".to_owned(),
            tenant: Some("acme".to_owned()),
            cell: Some("alpha".to_owned()),
            status: 202,
            request_id: Some("r-1".to_owned()),
            is_replay: false,
            said: Said { id: Some(ID.to_owned()), ..Said::default() },
            took: Duration::from_millis(3),
        }
    }

    fn names(ready: &mut VecDeque<Happening>) -> Vec<String> {
        let name = |happening: Happening| match happening {
            Happening::Accepted { request, .. } => format!("accepted by {}", request.as_deref().unwrap_or("another")),
            Happening::Published(_) => "published".to_owned(),
            Happening::Settled { status, took, .. } => format!("{status} after {:?}", took.unwrap()),
            other => format!("{other:?}"),
        };
        ready.drain(..).map(name).collect()
    }

    fn published() -> Happening {
        let (tenant, cell) = ("acme".to_owned(), "alpha".to_owned());
        Happening::Published(Subject { tenant, cell, event: ID.parse().unwrap() })
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_before_its_response_waits_for_it() {
        let (mut sequence, mut ready) = (Sequence::default(), VecDeque::new());
        sequence.later(published(), &mut ready);
        sequence.change(change(None, EventStatus::Accepted), &mut ready);
        sequence.change(change(Some(EventStatus::Accepted), EventStatus::Processed), &mut ready);
        assert!(ready.is_empty());
        sequence.exchange(response(), &mut ready);
        assert_eq!(names(&mut ready), ["accepted by r-1", "published", "processed after 12ms"]);
        sequence.change(change(None, EventStatus::Accepted), &mut ready);
        sequence.later(published(), &mut ready);
        assert_eq!(names(&mut ready), ["published"], "it is reported once");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pipeline_that_is_quicker_than_the_topics_response_waits_for_it() {
        let (mut sequence, mut ready) = (Sequence::default(), VecDeque::new());
        sequence.exchange(response(), &mut ready);
        sequence.change(change(Some(EventStatus::Accepted), EventStatus::Processed), &mut ready);
        assert_eq!(names(&mut ready), ["accepted by r-1"]);
        sequence.later(published(), &mut ready);
        assert_eq!(names(&mut ready), ["published", "processed after 12ms"]);
        assert!(sequence.waiting.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_that_came_another_way_is_told_of_after_a_while() {
        let (mut sequence, mut ready) = (Sequence::default(), VecDeque::new());
        sequence.change(change(None, EventStatus::Accepted), &mut ready);
        sequence.later(published(), &mut ready);
        sequence.overdue(&mut ready);
        assert!(ready.is_empty());
        tokio::time::advance(PATIENCE).await;
        sequence.overdue(&mut ready);
        assert_eq!(names(&mut ready), ["accepted by another", "published"]);
        assert!(sequence.waiting.is_empty());
    }
}
