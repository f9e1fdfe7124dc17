//! A transaction, tried again while others hold its items.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::TransactWriteItem;
use cellstack_aws::AwsFailure;
use cellstack_aws::backoff::Backoff;
use cellstack_aws::transaction::{cancellation, is_refused, is_transient};
use cellstack_core::limits::PLACE_TIMEOUT;
use tokio::time::Instant;

/// The outcome of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It was committed.
    Done,
    /// Conditions did not hold: those of the actions at these places.
    Refused(Vec<usize>),
}

impl Sent {
    /// Returns whether the condition of the action at this place did not hold.
    pub(crate) fn refused(&self, place: usize) -> bool {
        matches!(self, Self::Refused(places) if places.contains(&place))
    }
}

/// Sends a transaction, and repeats it for [`PLACE_TIMEOUT`].
pub(crate) async fn send(
    client: &Client,
    what: &'static str,
    actions: &[TransactWriteItem],
) -> Result<Sent, AwsFailure> {
    send_until(client, what, actions, Instant::now() + PLACE_TIMEOUT).await
}

/// Sends a transaction, and repeats it until a deadline.
pub(crate) async fn send_until(
    client: &Client,
    what: &'static str,
    actions: &[TransactWriteItem],
    deadline: Instant,
) -> Result<Sent, AwsFailure> {
    let mut backoff = Backoff::until(deadline);
    loop {
        let sent = client.transact_write_items().set_transact_items(Some(actions.to_vec())).send().await;
        let Err(error) = sent else { return Ok(Sent::Done) };
        match cancellation(&error) {
            Some(reasons) if reasons.iter().any(is_refused) => {
                let refused = reasons.iter().enumerate().filter(|(_, reason)| is_refused(reason));
                return Ok(Sent::Refused(refused.map(|(place, _)| place).collect()));
            }
            Some(reasons) if reasons.iter().all(is_transient) && backoff.pause().await => {}
            _ => return Err(AwsFailure::of(what, error)),
        }
    }
}
