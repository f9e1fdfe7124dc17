//! The dead-lettering of messages: a letter in the cell's dead-letter queue, and a mark on the event's item.

use cellstack_aws::AwsFailure;
use cellstack_core::dead_letter::{DeadLetter, Draft, Place, Reason};
use cellstack_core::event::rfc3339;
use cellstack_core::limits::MAX_REASON;
use cellstack_core::message::redrives;
use cellstack_core::mutation::{Mutation, is_planted};
use cellstack_core::text::head;
use cellstack_core::{Clock, Message};
use cellstack_store::dead_letter;

use crate::batch::Rejected;
use crate::conclude::Try;
use crate::handler::Consumer;
use crate::invocation::Invocation;
use crate::item::Standing;

impl<P, A: Clock> Consumer<P, A> {
    /// Dead-letters a message that can't be processed here.
    pub(crate) async fn dead_letter_rejected(&self, rejected: &Rejected) -> Result<(), AwsFailure> {
        let Rejected { delivery, reason, detail, message } = rejected;
        self.send(*reason, detail, delivery.receives, message.as_ref(), &delivery.body).await
    }

    /// Dead-letters an event. The letter comes first: a crash after it leads to a second letter, which a redrive finds
    /// done. The other order could leave a failed event without a letter.
    pub(crate) async fn dead_letter(
        &self,
        invocation: &Invocation,
        attempt: Try<'_>,
        reason: Reason,
        detail: &str,
    ) -> Result<(), AwsFailure> {
        let Some(delivery) = attempt.job.deliveries.last() else { return Ok(()) };
        let (message, detail, tries) = (&attempt.job.message, head(detail, MAX_REASON), attempt.number);
        let items = self.items(invocation);
        // Any other obstacle may pass: the event stays `accepted` and can be redriven as it is.
        let mark = reason == Reason::Refused;
        match items.read(message).await? {
            // Another delivery of the event was faster.
            Standing::Done => Ok(()),
            Standing::Missing => {
                let detail = "this cell does not hold the event";
                self.send(Reason::NotHeld, detail, tries, Some(message), &delivery.body).await
            }
            Standing::Waiting { .. } | Standing::Unknown(_) => {
                if mark && is_planted(Mutation::MarkedBeforeLetter) {
                    items.mark_failed(message, redrives(&delivery.body), detail).await?;
                }
                self.send(reason, detail, tries, Some(message), &delivery.body).await?;
                if mark { items.mark_failed(message, redrives(&delivery.body), detail).await } else { Ok(()) }
            }
        }
    }

    async fn send(
        &self,
        reason: Reason,
        detail: &str,
        attempts: u32,
        message: Option<&Message>,
        body: &str,
    ) -> Result<(), AwsFailure> {
        let draft = Draft {
            reason,
            detail,
            place: Place::Queue,
            cell: &self.settings.cell,
            at: rfc3339(self.clock.wall_ms()),
            attempts,
        };
        let (tenant, event) = (message.map(|message| message.tenant.clone()), message.map(|message| message.id));
        let letter = DeadLetter::new(draft, tenant, event, body);
        dead_letter::send(&letter, &self.clients.sqs, &self.settings.dlq_url).await?;
        let (tenant, event) = (message.map(|message| message.tenant.as_str()), event.map(tracing::field::display));
        tracing::warn!(%reason, detail, tenant, event, "dead-lettered");
        Ok(())
    }
}
