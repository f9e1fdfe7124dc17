//! Gives messages up: a letter in the cell's dead-letter queue, and the event's item says so.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_core::aws::AwsFailure;
use cellstack_core::cell_table::key;
use cellstack_core::dead_letter::{DeadLetter, Draft, Place, Reason};
use cellstack_core::event::{EventKey, EventStatus, rfc3339};
use cellstack_core::limits::MAX_REASON;
use cellstack_core::{Message, TenantId};

use crate::batch::{Delivery, Job, Unfit};
use crate::handler::Consumer;

/// What the cell's table holds of an event that is to be given up.
enum Held {
    /// It still waits to be processed.
    Waiting,
    /// It is done with: another delivery of it was faster.
    Done,
    /// There is none.
    Nothing,
}

impl<P, A: cellstack_core::Ambient> Consumer<P, A> {
    /// Gives up a message that can't be processed here.
    pub(crate) async fn give_up_unfit(&self, unfit: &Unfit) -> Result<(), AwsFailure> {
        let Unfit { delivery, reason, detail, message } = unfit;
        self.send(*reason, detail, delivery, message.as_ref()).await
    }

    /// Gives up an event. The letter comes first: a crash after it leaves an event that is given up again, with a
    /// second letter that a redrive finds done; the other way round it could leave a failed event without a letter.
    pub(crate) async fn give_up(&self, job: &Job, reason: Reason, detail: &str) -> Result<(), AwsFailure> {
        let Some(delivery) = job.deliveries.last() else { return Ok(()) };
        let (message, detail) = (&job.message, shorten(detail));
        match self.held(message).await? {
            Held::Done => Ok(()),
            Held::Nothing => {
                self.send(Reason::NotHeld, "this cell does not hold the event", delivery, Some(message)).await
            }
            Held::Waiting => {
                self.send(reason, detail, delivery, Some(message)).await?;
                match reason {
                    Reason::Refused => self.mark_failed(message, detail).await,
                    // Whatever stood in its way may pass: it stays `accepted` and can be redriven as it is.
                    _ => Ok(()),
                }
            }
        }
    }

    async fn held(&self, message: &Message) -> Result<Held, AwsFailure> {
        let answer = self
            .clients
            .dynamodb
            .get_item()
            .table_name(&self.settings.table)
            .set_key(Some(key(&message.tenant, EventKey(message.id).to_string())))
            .projection_expression("#status")
            .expression_attribute_names("#status", "status")
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| AwsFailure::of("read an event that is to be given up", error))?;
        let Some(item) = answer.item else { return Ok(Held::Nothing) };
        let status = item.get("status").and_then(|status| status.as_s().ok()).map(String::as_str);
        Ok(if status == Some(EventStatus::Accepted.as_str()) { Held::Waiting } else { Held::Done })
    }

    async fn mark_failed(&self, message: &Message, detail: &str) -> Result<(), AwsFailure> {
        let marked = self
            .clients
            .dynamodb
            .update_item()
            .table_name(&self.settings.table)
            .set_key(Some(key(&message.tenant, EventKey(message.id).to_string())))
            .update_expression("SET #status = :failed, #error = :error")
            .condition_expression("#status = :accepted")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#error", "error")
            .expression_attribute_values(":accepted", AttributeValue::S(EventStatus::Accepted.as_str().to_owned()))
            .expression_attribute_values(":failed", AttributeValue::S(EventStatus::Failed.as_str().to_owned()))
            .expression_attribute_values(":error", AttributeValue::S(detail.to_owned()))
            .send()
            .await;
        match marked {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                // Another delivery of it was faster.
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(AwsFailure::of("mark an event failed", error)),
            },
        }
    }

    async fn send(
        &self,
        reason: Reason,
        detail: &str,
        delivery: &Delivery,
        message: Option<&Message>,
    ) -> Result<(), AwsFailure> {
        let draft = Draft {
            reason,
            detail,
            place: Place::Queue,
            cell: &self.settings.cell,
            at: rfc3339(self.ambient.wall_ms()),
            attempts: delivery.receives,
        };
        let (tenant, event) = (message.map(|message| message.tenant.clone()), message.map(|message| message.id));
        let letter = DeadLetter::new(draft, tenant, event, &delivery.body);
        letter.send(&self.clients.sqs, &self.settings.dlq_url).await?;
        let (tenant, event) = (letter.tenant.as_ref().map(TenantId::as_str), letter.event.map(tracing::field::display));
        tracing::warn!(%reason, detail, tenant, event, "given up");
        Ok(())
    }
}

/// A reason that fits an item and a letter.
fn shorten(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_REASON)]
}
