//! A batch of messages, sorted out: which can be read, and whose they are.

use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use cellstack_core::dead_letter::Reason;
use cellstack_core::{CellId, Message, TenantId};

/// A message as the queue delivered it.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// What a partial batch response names it by.
    pub(crate) message_id: String,
    /// How often it was received, this time included.
    pub(crate) receives: u32,
    /// Its text.
    pub(crate) body: String,
}

/// An event to process, and the messages that brought it: a queue may deliver it more than once in one batch.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) message: Message,
    pub(crate) deliveries: Vec<Delivery>,
}

impl Job {
    /// What a partial batch response names its messages by.
    pub(crate) fn message_ids(&self) -> impl Iterator<Item = String> + '_ {
        self.deliveries.iter().map(|delivery| delivery.message_id.clone())
    }

    /// How often it was received, by the message that was received most.
    pub(crate) fn receives(&self) -> u32 {
        self.deliveries.iter().map(|delivery| delivery.receives).max().unwrap_or_default()
    }
}

/// A message that can't be processed here, whatever is tried.
#[derive(Debug)]
pub(crate) struct Unfit {
    pub(crate) delivery: Delivery,
    pub(crate) reason: Reason,
    pub(crate) detail: String,
    /// Its event, where it can be read.
    pub(crate) message: Option<Message>,
}

/// A batch, sorted out.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    /// Each tenant's events in the order they came.
    pub(crate) tenants: Vec<(TenantId, Vec<Job>)>,
    pub(crate) unfit: Vec<Unfit>,
    /// Whether the queue keeps each tenant's events in order, so that none may overtake another.
    pub(crate) ordered: bool,
}

/// Sorts a batch out for `cell`.
pub(crate) fn sort_out(event: SqsEvent, cell: &CellId) -> Sorted {
    let mut sorted = Sorted::default();
    for record in event.records {
        sorted.ordered |= record.event_source_arn.as_deref().is_some_and(|arn| arn.ends_with(".fifo"));
        let delivery = deliver(record);
        let message = match Message::decode(&delivery.body) {
            Ok(message) => message,
            Err(error) => {
                let detail = format!("not a CloudEvent of ours: {error}");
                sorted.unfit.push(Unfit { delivery, reason: Reason::Undecodable, detail, message: None });
                continue;
            }
        };
        if message.cell != *cell {
            let detail = format!("it belongs to cell {}, this is cell {cell}", message.cell);
            sorted.unfit.push(Unfit { delivery, reason: Reason::ForeignCell, detail, message: Some(message) });
            continue;
        }
        let at = sorted.tenants.iter().position(|(tenant, _)| *tenant == message.tenant).unwrap_or_else(|| {
            sorted.tenants.push((message.tenant.clone(), Vec::new()));
            sorted.tenants.len() - 1
        });
        let jobs = &mut sorted.tenants[at].1;
        match jobs.iter_mut().find(|job| job.message.id == message.id) {
            Some(job) => job.deliveries.push(delivery),
            None => jobs.push(Job { message, deliveries: vec![delivery] }),
        }
    }
    sorted
}

fn deliver(record: SqsMessage) -> Delivery {
    let receives = record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
    Delivery {
        message_id: record.message_id.unwrap_or_default(),
        receives: receives.unwrap_or(1),
        body: record.body.unwrap_or_default(),
    }
}
