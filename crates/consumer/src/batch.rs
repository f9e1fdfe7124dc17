//! A batch of messages, sorted: the readable ones by tenant, and new messages apart from those that came before.

use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use cellstack_core::dead_letter::Reason;
use cellstack_core::{CellId, Message, TenantId};

/// The names of a message, for the response and for its deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) message_id: String,
    pub(crate) handle: String,
}

/// A message as the queue delivered it.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// The message's place in the batch.
    pub(crate) at: usize,
    /// The receives of the message, this one included.
    pub(crate) receives: u32,
    /// The message's text.
    pub(crate) body: String,
}

/// An event to process, and the messages that brought it: a queue may deliver it more than once in one batch.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) message: Message,
    pub(crate) deliveries: Vec<Delivery>,
}

impl Job {
    /// Returns whether a message of the event was received before. Its outcome is unknown then: the event may have been
    /// tried, or not, or even have ended the process.
    pub(crate) fn is_returning(&self) -> bool {
        self.deliveries.iter().any(|delivery| delivery.receives > 1)
    }
}

/// Events of one tenant, in the order they came.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) tenant: TenantId,
    pub(crate) jobs: Vec<Job>,
}

/// A message that can never be processed here.
#[derive(Debug)]
pub(crate) struct Rejected {
    pub(crate) delivery: Delivery,
    pub(crate) reason: Reason,
    pub(crate) detail: String,
    /// The message's event, where it can be read.
    pub(crate) message: Option<Message>,
}

/// A batch, sorted.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Lanes to process at once.
    pub(crate) fresh: Vec<Lane>,
    /// Lanes to process after those, one after the other. Where order is kept, a tenant's lane is whole, its fresh
    /// events included; elsewhere each event is a lane of its own.
    pub(crate) returning: Vec<Lane>,
    pub(crate) rejected: Vec<Rejected>,
    /// True if the queue keeps each tenant's events in order, so that none may overtake another.
    pub(crate) ordered: bool,
    /// The names of all messages, by their places.
    pub(crate) receipts: Vec<Receipt>,
}

/// Sorts a batch for `cell`.
pub(crate) fn sort_out(event: SqsEvent, cell: &CellId) -> Batch {
    let mut batch = Batch::default();
    let mut lanes: Vec<Lane> = Vec::new();
    for (at, record) in event.records.into_iter().enumerate() {
        batch.ordered |= record.event_source_arn.as_deref().is_some_and(|arn| arn.ends_with(".fifo"));
        let (delivery, receipt) = deliver(at, record);
        batch.receipts.push(receipt);
        let message = match Message::decode(&delivery.body) {
            Ok(message) => message,
            Err(error) => {
                let detail = format!("not a CloudEvent of ours: {error}");
                batch.rejected.push(Rejected { delivery, reason: Reason::Undecodable, detail, message: None });
                continue;
            }
        };
        if message.cell != *cell {
            let detail = format!("it belongs to cell {}, this is cell {cell}", message.cell);
            batch.rejected.push(Rejected { delivery, reason: Reason::ForeignCell, detail, message: Some(message) });
            continue;
        }
        let lane = lanes.iter().position(|lane| lane.tenant == message.tenant).unwrap_or_else(|| {
            lanes.push(Lane { tenant: message.tenant.clone(), jobs: Vec::new() });
            lanes.len() - 1
        });
        let jobs = &mut lanes[lane].jobs;
        match jobs.iter_mut().find(|job| job.message.id == message.id) {
            Some(job) => job.deliveries.push(delivery),
            None => jobs.push(Job { message, deliveries: vec![delivery] }),
        }
    }
    batch.divide(lanes);
    batch
}

impl Batch {
    fn divide(&mut self, lanes: Vec<Lane>) {
        if self.ordered {
            (self.returning, self.fresh) = lanes.into_iter().partition(|lane| lane.jobs.iter().any(Job::is_returning));
            return;
        }
        for Lane { tenant, jobs } in lanes {
            let (returning, fresh): (Vec<_>, Vec<_>) = jobs.into_iter().partition(Job::is_returning);
            self.returning.extend(returning.into_iter().map(|job| Lane { tenant: tenant.clone(), jobs: vec![job] }));
            if !fresh.is_empty() {
                self.fresh.push(Lane { tenant, jobs: fresh });
            }
        }
    }
}

fn deliver(at: usize, record: SqsMessage) -> (Delivery, Receipt) {
    let receives = record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
    let delivery = Delivery { at, receives: receives.unwrap_or(1), body: record.body.unwrap_or_default() };
    let handle = record.receipt_handle.unwrap_or_default();
    (delivery, Receipt { message_id: record.message_id.unwrap_or_default(), handle })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Returns a batch of messages, each with a tenant, an event and its receives.
    fn batch(queue: &str, messages: &[(&str, &str, u32)]) -> Batch {
        let records = messages.iter().enumerate().map(|(at, (tenant, event, receives))| {
            let body = json!({
                "specversion": "1.0", "id": cellstack_core::EventId::named("test", event), "source": "/test", "type": "t",
                "time": "2026-01-01T00:00:00.000Z", "tenantid": tenant, "cell": "alpha", "epoch": 1,
            });
            json!({
                "messageId": at.to_string(), "receiptHandle": format!("receipt-{at}"), "body": body.to_string(),
                "attributes": { "ApproximateReceiveCount": receives.to_string() }, "messageAttributes": {},
                "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:{queue}"),
            })
        });
        let event = json!({ "Records": records.collect::<Vec<_>>() });
        sort_out(serde_json::from_value(event).unwrap(), &"alpha".parse().unwrap())
    }

    /// Returns the places of each lane's messages.
    fn places(lanes: &[Lane]) -> Vec<Vec<usize>> {
        let of = |lane: &Lane| lane.jobs.iter().flat_map(|job| job.deliveries.iter().map(|d| d.at)).collect();
        lanes.iter().map(of).collect()
    }

    const MESSAGES: [(&str, &str, u32); 6] =
        [("acme", "1", 1), ("acme", "2", 3), ("globex", "1", 1), ("acme", "3", 1), ("acme", "1", 1), ("acme", "4", 2)];

    #[test]
    fn returning_events_are_lanes_of_their_own_where_no_order_is_kept() {
        let batch = batch("events", &MESSAGES);
        assert_eq!(places(&batch.fresh), [vec![0, 4, 3], vec![2]]);
        assert_eq!(places(&batch.returning), [[1], [5]]);
    }

    #[test]
    fn a_tenants_lane_stays_whole_where_order_is_kept() {
        let batch = batch("events.fifo", &MESSAGES);
        assert_eq!(places(&batch.fresh), [[2]]);
        assert_eq!(places(&batch.returning), [[0, 4, 1, 3, 5]]);
    }

    #[test]
    fn an_event_is_returning_when_one_of_its_messages_is() {
        let batch = batch("events", &[("acme", "1", 1), ("acme", "1", 2)]);
        assert_eq!((batch.fresh.len(), places(&batch.returning)), (0, vec![vec![0, 1]]));
    }

    proptest! {
        #[test]
        fn every_message_is_somewhere_whatever_it_holds(
            bodies in proptest::collection::vec(proptest::option::of("\\PC*"), 0..20), fifo in any::<bool>(),
        ) {
            let record = |body: &Option<String>| json!({ "body": body, "eventSourceARN": if fifo { "q.fifo" } else { "q" } });
            let event = json!({ "Records": bodies.iter().map(record).collect::<Vec<_>>() });
            let batch = sort_out(serde_json::from_value(event).unwrap(), &"alpha".parse().unwrap());
            let rejected = batch.rejected.iter().map(|rejected| rejected.delivery.at);
            let fit = places(&batch.fresh).into_iter().chain(places(&batch.returning)).flatten();
            let mut all: Vec<_> = rejected.chain(fit).collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..bodies.len()).collect::<Vec<_>>());
            prop_assert_eq!(batch.receipts.len(), bodies.len());
        }
    }
}
