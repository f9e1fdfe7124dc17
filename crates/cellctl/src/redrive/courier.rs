//! The calls by which an event is looked at, set back and sent.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use aws_sdk_sqs::types::MessageAttributeValue;
use cellstack_core::aws::AwsFailure;
use cellstack_core::backoff::Backoff;
use cellstack_core::cell_table::{key, number};
use cellstack_core::event::EventKey;
use cellstack_core::fence::{self, FenceState};
use cellstack_core::limits::OPERATION_TIMEOUT;
use cellstack_core::transaction::{cancellation, is_refused};
use cellstack_core::{Epoch, EventRecord, EventStatus, Message};

use crate::cells::Cell;
use crate::estate::Estate;
use crate::letters::{REDRIVES, Subject};

/// What a cell's table holds under an event's key.
pub(super) enum Held {
    Nothing,
    Record {
        record: Box<EventRecord>,
        /// For which redrive it was set back last.
        reopened: u32,
    },
    Unreadable(String),
}

/// Reads an event's item, strongly consistent.
pub(super) async fn look(estate: &Estate, table: &str, subject: &Subject) -> Result<Held, AwsFailure> {
    let answer = estate
        .dynamodb
        .get_item()
        .table_name(table)
        .set_key(Some(key(&subject.tenant, EventKey(subject.event).to_string())))
        .consistent_read(true)
        .send()
        .await
        .map_err(|error| AwsFailure::of("read an event", error))?;
    Ok(match answer.item {
        None => Held::Nothing,
        Some(item) => {
            let reopened = item.get(REDRIVES).and_then(|count| count.as_n().ok()).and_then(|count| count.parse().ok());
            match serde_dynamo::from_item(item) {
                Ok(record) => Held::Record { record: Box::new(record), reopened: reopened.unwrap_or_default() },
                Err(error) => Held::Unreadable(error.to_string()),
            }
        }
    })
}

/// How setting an event back ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reopened {
    /// It is `accepted` again.
    Yes,
    /// It is not `failed` any more: look again.
    Changed,
    /// The fence does not let it.
    Fenced,
}

/// Sets a `failed` event back to `accepted`. The fence is checked in the same transaction: a move that has copied the
/// event as `failed` must not find it changed behind its back. The item says for which redrive it was set back.
pub(super) async fn reopen(
    estate: &Estate,
    cell: &Cell,
    epoch: Epoch,
    subject: &Subject,
    redrives: u32,
) -> Result<Reopened, AwsFailure> {
    const WHAT: &str = "set an event back to accepted";
    let unbuilt = |error: aws_sdk_dynamodb::error::BuildError| AwsFailure::unreadable(WHAT, error.to_string());
    let fence = fence::check(&cell.table, &subject.tenant, subject.event, epoch, FenceState::Open).map_err(unbuilt)?;
    let status = |status: EventStatus| AttributeValue::S(status.as_str().to_owned());
    let event = Update::builder()
        .table_name(&cell.table)
        .set_key(Some(key(&subject.tenant, EventKey(subject.event).to_string())))
        .update_expression("SET #status = :accepted, #redrives = :redrives REMOVE #error")
        .condition_expression("#status = :failed")
        .expression_attribute_names("#status", "status")
        .expression_attribute_names("#error", "error")
        .expression_attribute_values(":accepted", status(EventStatus::Accepted))
        .expression_attribute_names("#redrives", REDRIVES)
        .expression_attribute_values(":redrives", number(redrives.into()))
        .expression_attribute_values(":failed", status(EventStatus::Failed))
        .build()
        .map_err(unbuilt)?;
    let actions = vec![
        TransactWriteItem::builder().condition_check(fence).build(),
        TransactWriteItem::builder().update(event).build(),
    ];
    let mut backoff = Backoff::within(OPERATION_TIMEOUT);
    loop {
        let sent = estate.dynamodb.transact_write_items().set_transact_items(Some(actions.clone())).send().await;
        let Err(error) = sent else { return Ok(Reopened::Yes) };
        match cancellation(&error) {
            Some([fence, ..]) if is_refused(fence) => return Ok(Reopened::Fenced),
            Some([_, event]) if is_refused(event) => return Ok(Reopened::Changed),
            // A conflict or a throttle: neither says anything of the event.
            Some(_) if backoff.pause().await => {}
            _ => return Err(AwsFailure::of(WHAT, error)),
        }
    }
}

/// Sends a message to a cell's queue, with the attributes that its topic would give it.
pub(super) async fn send(estate: &Estate, cell: &Cell, message: &Message, redrives: u32) -> Result<(), AwsFailure> {
    const WHAT: &str = "send a message";
    let attribute = |kind: &str, value: &str| {
        let attribute = MessageAttributeValue::builder().data_type(kind).string_value(value).build();
        attribute.map_err(|error| AwsFailure::unreadable(WHAT, error.to_string()))
    };
    let body = message.encode().map_err(|error| AwsFailure::unreadable(WHAT, error.to_string()))?;
    let mut request = estate
        .sqs
        .send_message()
        .queue_url(&cell.queue_url)
        .message_body(body)
        .message_attributes("type", attribute("String", message.event_type.as_str())?)
        .message_attributes("tenantid", attribute("String", message.tenant.as_str())?)
        .message_attributes(REDRIVES, attribute("Number", &redrives.to_string())?);
    if cell.is_fifo() {
        // Another id than the first publication's, or five minutes of deduplication would swallow it; the same one for
        // a run that is run again.
        request = request
            .message_group_id(message.tenant.as_str())
            .message_deduplication_id(format!("{}-{redrives}", message.id));
    }
    request.send().await.map(drop).map_err(|error| AwsFailure::of(WHAT, error))
}
