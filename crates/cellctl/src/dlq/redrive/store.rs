//! The calls that read an event, set it back and send it.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use aws_sdk_sqs::types::MessageAttributeValue;
use cellstack_aws::AwsFailure;
use cellstack_aws::backoff::Backoff;
use cellstack_aws::transaction::{cancellation, is_refused};
use cellstack_core::cell_table::{key, number};
use cellstack_core::event::EventKey;
use cellstack_core::fence::{self, FenceState};
use cellstack_core::limits::OPERATION_TIMEOUT;
use cellstack_core::message::{REDRIVES, deduplication_id};
use cellstack_core::{Epoch, EventRecord, EventStatus, Message};

use crate::deployment::Deployment;
use crate::dlq::Subject;
use cellstack_store::cells::Cell;

/// The item under an event's key in a cell's table.
pub(super) enum Held {
    Nothing,
    Record {
        record: Box<EventRecord>,
        /// The redrive that the event was last prepared for.
        redrives: u32,
    },
    Unreadable(String),
}

/// Reads an event's item, strongly consistent.
pub(super) async fn look(deployment: &Deployment, table: &str, subject: &Subject) -> Result<Held, AwsFailure> {
    let response = deployment
        .dynamodb
        .get_item()
        .table_name(table)
        .set_key(Some(key(&subject.tenant, EventKey(subject.event).to_string())))
        .consistent_read(true)
        .send()
        .await
        .map_err(|error| AwsFailure::of("read an event", error))?;
    Ok(match response.item {
        None => Held::Nothing,
        Some(item) => {
            let redrives = item.get(REDRIVES).and_then(|count| count.as_n().ok()).and_then(|count| count.parse().ok());
            match serde_dynamo::from_item(item) {
                Ok(record) => Held::Record { record: Box::new(record), redrives: redrives.unwrap_or_default() },
                Err(error) => Held::Unreadable(error.to_string()),
            }
        }
    })
}

/// The result of preparing an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prepared {
    /// The event is `accepted`, and its message may be sent.
    Yes,
    /// The event has another status by now: read it again.
    Changed,
    /// The fence forbids it.
    Fenced,
}

/// The cell in which an event is changed, and the fence of the change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) cell: &'a Cell,
    pub(super) epoch: Epoch,
    pub(super) fence: FenceState,
}

/// The attribute in which a consumer counts its tries of an event.
const TRIES: &str = "tries";

/// Prepares an event for its message: `accepted`, with no tries used up, and with the number of the redrive on its
/// item. The fence is checked in the same transaction: a move that has copied the event must not find it changed
/// afterwards.
pub(super) async fn prepare(
    deployment: &Deployment,
    ground: Ground<'_>,
    subject: &Subject,
    status: EventStatus,
    redrive: u32,
) -> Result<Prepared, AwsFailure> {
    const WHAT: &str = "prepare an event";
    let unbuilt = |error: aws_sdk_dynamodb::error::BuildError| AwsFailure::unreadable(WHAT, error.to_string());
    let Ground { cell, epoch, fence } = ground;
    let fence = fence::check(&cell.config.table, &subject.tenant, subject.event, epoch, fence).map_err(unbuilt)?;
    let text = |status: EventStatus| AttributeValue::S(status.as_str().to_owned());
    let event = Update::builder()
        .table_name(&cell.config.table)
        .set_key(Some(key(&subject.tenant, EventKey(subject.event).to_string())))
        .update_expression("SET #status = :accepted, #redrives = :redrive REMOVE #error, #tries")
        .condition_expression("#status = :status")
        .expression_attribute_names("#status", "status")
        .expression_attribute_names("#error", "error")
        .expression_attribute_names("#redrives", REDRIVES)
        .expression_attribute_names("#tries", TRIES)
        .expression_attribute_values(":accepted", text(EventStatus::Accepted))
        .expression_attribute_values(":status", text(status))
        .expression_attribute_values(":redrive", number(redrive.into()))
        .build()
        .map_err(unbuilt)?;
    let actions = vec![
        TransactWriteItem::builder().condition_check(fence).build(),
        TransactWriteItem::builder().update(event).build(),
    ];
    let mut backoff = Backoff::within(OPERATION_TIMEOUT);
    loop {
        let sent = deployment.dynamodb.transact_write_items().set_transact_items(Some(actions.clone())).send().await;
        let Err(error) = sent else { return Ok(Prepared::Yes) };
        match cancellation(&error) {
            Some([fence, ..]) if is_refused(fence) => return Ok(Prepared::Fenced),
            Some([_, event]) if is_refused(event) => return Ok(Prepared::Changed),
            // A conflict or a throttle says nothing about the event.
            Some(_) if backoff.pause().await => {}
            _ => return Err(AwsFailure::of(WHAT, error)),
        }
    }
}

/// Sends a message to a cell's queue, with the attributes that its topic would give it.
pub(super) async fn send(
    deployment: &Deployment,
    cell: &Cell,
    message: &Message,
    redrives: u32,
) -> Result<(), AwsFailure> {
    const WHAT: &str = "send a message";
    let attribute = |kind: &str, value: &str| {
        let attribute = MessageAttributeValue::builder().data_type(kind).string_value(value).build();
        attribute.map_err(|error| AwsFailure::unreadable(WHAT, error.to_string()))
    };
    let body = message.encode().map_err(|error| AwsFailure::unreadable(WHAT, error.to_string()))?;
    let mut request = deployment
        .sqs
        .send_message()
        .queue_url(&cell.config.queue_url)
        .message_body(body)
        .message_attributes("type", attribute("String", message.event_type.as_str())?)
        .message_attributes("tenantid", attribute("String", message.tenant.as_str())?)
        .message_attributes(REDRIVES, attribute("Number", &redrives.to_string())?);
    if cell.is_fifo() {
        // The id differs from that of the first publication, since five minutes of deduplication would drop the message
        // otherwise. It is the same for a run that is run again.
        request = request
            .message_group_id(message.tenant.as_str())
            .message_deduplication_id(format!("{}-{redrives}", deduplication_id(&message.tenant, message.id)));
    }
    request.send().await.map(drop).map_err(|error| AwsFailure::of(WHAT, error))
}
