//! The end of a try that did not process its event: the event comes again, or is dead-lettered.

use cellstack_core::Clock;
use cellstack_core::dead_letter::Reason;
use cellstack_core::mutation::{Mutation, is_planted};

use crate::conclude::Try;
use crate::failure::Failure;
use crate::handler::Consumer;
use crate::invocation::Invocation;

/// The detail of an event that is dead-lettered without another try: its last one ended with its process, or was cut
/// off with it.
const NO_RESULT: &str =
    "its last try ended without a result: it ended the process, or blocked it until the function's time-out";

impl<P, A: Clock> Consumer<P, A> {
    /// Settles an event that was not processed. Returns whether it is done; otherwise its messages come again.
    pub(crate) async fn settle(&self, invocation: &Invocation, attempt: Try<'_>, failure: &Failure) -> bool {
        let Try { job, number, noted } = attempt;
        let (reason, detail) = match failure {
            Failure::Refused(detail) => (Reason::Refused, detail.as_str()),
            Failure::NotHeld => (Reason::NotHeld, "this cell does not hold the event"),
            Failure::Unprocessed(detail) if number >= self.settings.max_tries => {
                (Reason::RetriesExhausted, detail.as_str())
            }
            Failure::Unprocessed(detail) => {
                let message = &job.message;
                tracing::warn!(tenant = message.tenant.as_str(), event = %message.id, tries = number, detail, "again");
                return false;
            }
            Failure::Uncommitted(detail) => {
                let message = &job.message;
                tracing::warn!(tenant = message.tenant.as_str(), event = %message.id, detail, "not committed");
                if noted {
                    self.items(invocation).take_try_back(message).await;
                }
                return false;
            }
            Failure::Blocked => return false,
        };
        self.try_dead_letter(invocation, attempt, reason, detail).await
    }

    /// Dead-letters an event whose last try ended without a result. Returns whether that worked.
    pub(crate) async fn exhausted(&self, invocation: &Invocation, attempt: Try<'_>) -> bool {
        self.try_dead_letter(invocation, attempt, Reason::RetriesExhausted, NO_RESULT).await
    }

    async fn try_dead_letter(&self, invocation: &Invocation, attempt: Try<'_>, reason: Reason, detail: &str) -> bool {
        if is_planted(Mutation::PoisonRetriedForever) {
            return false;
        }
        let message = &attempt.job.message;
        // An event that can't be dead-lettered now comes again. After its last receive the queue moves it as it is.
        match self.dead_letter(invocation, attempt, reason, detail).await {
            Ok(()) => {
                invocation.dead_lettered(attempt.job);
                true
            }
            Err(failure) => {
                tracing::error!(tenant = message.tenant.as_str(), event = %message.id, %failure, "not dead-lettered");
                false
            }
        }
    }
}
