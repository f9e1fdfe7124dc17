//! A batch of messages, sorted out: which can be read, and whose they are.

use aws_lambda_events::event::sqs::SqsEvent;
use cellstack_core::{CellId, Message, TenantId};

/// An event to process, and the messages that brought it: a queue may deliver it more than once in one batch.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) message: Message,
    pub(crate) receipts: Vec<String>,
}

/// A message that can't be processed: its id and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub(crate) receipt: String,
    pub(crate) reason: String,
}

/// Groups a batch by tenant, each tenant's events in the order they came.
pub(crate) fn sort_out(event: SqsEvent, cell: &CellId) -> (Vec<(TenantId, Vec<Job>)>, Vec<Unfit>) {
    let mut groups: Vec<(TenantId, Vec<Job>)> = Vec::new();
    let mut unfit = Vec::new();
    for record in event.records {
        let receipt = record.message_id.unwrap_or_default();
        let message = match read(record.body.as_deref(), cell) {
            Ok(message) => message,
            Err(reason) => {
                unfit.push(Unfit { receipt, reason });
                continue;
            }
        };
        let at = groups.iter().position(|(tenant, _)| *tenant == message.tenant).unwrap_or_else(|| {
            groups.push((message.tenant.clone(), Vec::new()));
            groups.len() - 1
        });
        let jobs = &mut groups[at].1;
        match jobs.iter_mut().find(|job| job.message.id == message.id) {
            Some(job) => job.receipts.push(receipt),
            None => jobs.push(Job { message, receipts: vec![receipt] }),
        }
    }
    (groups, unfit)
}

fn read(body: Option<&str>, cell: &CellId) -> Result<Message, String> {
    let message =
        Message::decode(body.unwrap_or_default()).map_err(|error| format!("not a CloudEvent of ours: {error}"))?;
    if message.cell != *cell {
        return Err(format!("it belongs to cell {}, this is cell {cell}", message.cell));
    }
    Ok(message)
}
