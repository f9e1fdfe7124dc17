//! One run of the processor, under its limits.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use cellstack_core::Message;
use cellstack_core::ids::PROBE_TENANT;
use futures::FutureExt as _;
use tokio::time::timeout;

use crate::failure::Failure;
use crate::handler::Consumer;
use crate::{Effects, ProcessError, Processor};

impl<P: Processor, A> Consumer<P, A> {
    /// Runs the processor on an event, for `limit` at most. A panic fails its event, not the batch. Its cause may pass,
    /// so the event is tried again.
    pub(crate) async fn run(&self, message: &Message, limit: Duration) -> Result<Effects, Failure> {
        // A probe asks whether events pass, not what a processor makes of them.
        if message.tenant.as_str() == PROBE_TENANT {
            return Ok(Effects::none());
        }
        // The call is inside, too: a processor that is not an `async fn` may panic before there is a future.
        let processing = AssertUnwindSafe(async { self.processor.process(message).await }).catch_unwind();
        match timeout(limit, processing).await {
            Ok(Ok(Ok(effects))) => match effects.fault() {
                Some(fault) => Err(Failure::Refused(fault.to_owned())),
                None => Ok(effects),
            },
            Ok(Ok(Err(error @ ProcessError::Retryable(_)))) => Err(Failure::Unprocessed(error.to_string())),
            Ok(Ok(Err(ProcessError::Permanent(reason)))) => Err(Failure::Refused(reason)),
            Ok(Err(panic)) => {
                let text = panic.downcast_ref::<&str>().copied();
                let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
                Err(Failure::Unprocessed(format!("the processor panicked: {text}")))
            }
            Err(_) => Err(Failure::Unprocessed(format!("the processor gave no result within {limit:?}"))),
        }
    }
}
