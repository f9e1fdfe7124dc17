//! The event's item in the cell's table, which is the guard of its effects: its status, and the tries noted on it.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use cellstack_aws::AwsFailure;
use cellstack_aws::backoff::Backoff;
use cellstack_core::cell_table::{Item, key, number};
use cellstack_core::event::{EventKey, EventStatus};
use cellstack_core::message::REDRIVES;
use cellstack_core::{EventId, Message, TenantId};
use tokio::time::Instant;

/// The attribute that holds an event's status.
pub(crate) const STATUS: &str = "status";
/// The attribute that counts the noted tries: all but the first.
const TRIES: &str = "tries";

/// The state of an event, read from its item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The event waits to be processed.
    Waiting {
        /// The tries noted on the item.
        tries: u32,
    },
    /// The event needs nothing here. It is processed, failed or carried, or it is held until it is carried home, and
    /// then has a message of its own.
    Done,
    /// There is no item of the event.
    Missing,
    /// The status is one that a later version knows.
    Unknown(String),
}

impl Standing {
    pub(crate) fn of(item: Option<&Item>) -> Self {
        let Some(item) = item.filter(|item| !item.is_empty()) else { return Self::Missing };
        let Some(status) = item.get(STATUS) else { return Self::Unknown("none".to_owned()) };
        match serde_dynamo::from_attribute_value(status.clone()) {
            Ok(EventStatus::Accepted) => Self::Waiting { tries: tries(item) },
            Ok(EventStatus::Held | EventStatus::Processed | EventStatus::Failed | EventStatus::Carried) => Self::Done,
            Err(_) => Self::Unknown(status.as_s().map_or_else(|_| "not a text".to_owned(), Clone::clone)),
        }
    }
}

fn tries(item: &Item) -> u32 {
    item.get(TRIES).and_then(|tries| tries.as_n().ok()?.parse().ok()).unwrap_or_default()
}

/// Access to the events' items in a cell's table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Items<'a> {
    pub(crate) client: &'a Client,
    pub(crate) table: &'a str,
    pub(crate) deadline: Instant,
}

impl Items<'_> {
    /// Reads an event's state, strongly consistent. Each event has its own read: a batch of reads may come back in
    /// part, and would need another permission.
    ///
    /// # Errors
    /// When the table can't be read.
    pub(crate) async fn read(&self, message: &Message) -> Result<Standing, AwsFailure> {
        let read = self
            .client
            .get_item()
            .table_name(self.table)
            .set_key(Some(event_key(&message.tenant, message.id)))
            .projection_expression("#status, #tries")
            .expression_attribute_names("#status", STATUS)
            .expression_attribute_names("#tries", TRIES)
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| AwsFailure::of("read an event", error))?;
        Ok(Standing::of(read.item()))
    }

    /// Notes a try before it is made. Returns the noted tries, this one included, or the state that forbids the try.
    ///
    /// # Errors
    /// When the table can't take the note.
    pub(crate) async fn note_try(&self, message: &Message) -> Result<Result<u32, Standing>, AwsFailure> {
        let update = self
            .update(message)
            .update_expression("ADD #tries :one")
            .expression_attribute_names("#tries", TRIES)
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::UpdatedNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match self.send(update).await {
            Ok(noted) => Ok(Ok(noted.attributes().map(tries).unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(Err(Standing::of(refused.item())))
                }
                _ => Err(AwsFailure::of("note a try", error)),
            },
        }
    }

    /// Takes a noted try back. If that fails, the event has one try less, which is acceptable.
    pub(crate) async fn take_try_back(&self, message: &Message) {
        let update = self
            .update(message)
            .update_expression("ADD #tries :minus_one")
            .expression_attribute_names("#tries", TRIES)
            .expression_attribute_values(":minus_one", AttributeValue::N("-1".to_owned()));
        if let Err(error) = self.send(update).await {
            let failure = AwsFailure::of("take a try back", error);
            tracing::warn!(tenant = message.tenant.as_str(), event = %message.id, %failure, "a try too many is noted");
        }
    }

    /// Marks an event failed whose message was sent after so many redrives, unless it is done already or was redriven since.
    ///
    /// A mark whose response is lost is sent again, and a redrive may have set the event back in between. To mark it failed
    /// then would stop the redrive's message, for which there is no letter.
    ///
    /// # Errors
    /// When the table can't take the mark.
    pub(crate) async fn mark_failed(&self, message: &Message, redrives: u32, detail: &str) -> Result<(), AwsFailure> {
        let update = self
            .update(message)
            .condition_expression("#status = :accepted AND (attribute_not_exists(#redrives) OR #redrives <= :redrives)")
            .update_expression("SET #status = :failed, #error = :error")
            .expression_attribute_names("#error", "error")
            .expression_attribute_names("#redrives", REDRIVES)
            .expression_attribute_values(":redrives", number(redrives.into()))
            .expression_attribute_values(":failed", status(EventStatus::Failed))
            .expression_attribute_values(":error", AttributeValue::S(detail.to_owned()));
        match self.send(update).await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                // Another delivery of the event was faster, or a redrive.
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(AwsFailure::of("mark an event failed", error)),
            },
        }
    }

    /// Returns an update of an event that still waits to be processed.
    fn update(&self, message: &Message) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(self.table)
            .set_key(Some(event_key(&message.tenant, message.id)))
            .condition_expression("#status = :accepted")
            .expression_attribute_names("#status", STATUS)
            .expression_attribute_values(":accepted", status(EventStatus::Accepted))
    }

    /// Sends an update, and repeats it for as long as a transaction conflicts with it.
    async fn send(&self, update: UpdateItemFluentBuilder) -> Result<UpdateItemOutput, SdkError<UpdateItemError>> {
        let mut backoff = Backoff::until(self.deadline);
        loop {
            match update.clone().send().await {
                Err(error) if error.code() == Some("TransactionConflictException") && backoff.pause().await => {}
                sent => return sent,
            }
        }
    }
}

/// Returns a status as an attribute.
pub(crate) fn status(status: EventStatus) -> AttributeValue {
    AttributeValue::S(status.as_str().to_owned())
}

/// Returns the key of an event's item.
pub(crate) fn event_key(tenant: &TenantId, id: EventId) -> Item {
    key(tenant, EventKey(id).to_string())
}
