//! The quarantine of records that can't be read: they are stored whole in the stream's dead-letter queue, so that the
//! shard moves on.

use cellstack_aws::AwsFailure;
use cellstack_core::Clock;
use cellstack_core::dead_letter::{DeadLetter, Draft, Place, Reason};
use cellstack_core::event::rfc3339;
use cellstack_store::dead_letter;
use serde_json::value::RawValue;

use crate::Producer;
use crate::decode::Origin;

impl<A: Clock> Producer<A> {
    /// Puts a record into quarantine.
    ///
    /// # Errors
    /// When the queue can't be reached, or the record does not fit it even when it is compressed. The record must not
    /// be skipped then.
    pub(crate) async fn quarantine(&self, record: &RawValue, origin: &Origin, detail: &str) -> Result<(), AwsFailure> {
        let draft = Draft {
            reason: Reason::Undecodable,
            detail,
            place: Place::Stream,
            cell: &self.settings.cell,
            at: rfc3339(self.clock.wall_ms()),
            attempts: 1,
        };
        let letter = DeadLetter::new(draft, origin.tenant.clone(), origin.event, record.get());
        dead_letter::send(&letter, &self.clients.sqs, &self.settings.dlq_url).await?;
        tracing::warn!(sequence = origin.sequence, detail, "a record is in quarantine");
        Ok(())
    }
}
