//! One invocation, with the faults of the Lambda service around it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::context::Context;
use crate::faults::FaultKind;
use crate::function::{self, Function};
use crate::observe::Observation;

/// The outcome of an invocation.
#[derive(Debug)]
pub(super) enum Invoked {
    Responded(Bytes),
    /// The function failed, or ran and its response was lost.
    FunctionError,
    /// The batch never reached the function: throttled, or a service error.
    NotReached,
}

pub(super) async fn invoke(
    context: &Context,
    name: &Arc<str>,
    function: &dyn Function,
    payload: Bytes,
    timeout: Duration,
    records: usize,
) -> Invoked {
    let failed = |error: String| {
        context.observers.tell(|| Observation::Failed { function: name.clone(), error: error.into() });
    };
    let (latency, fault) = context.faults.decide("Lambda", "Invoke", || 0, |r| r.is_in(name));
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    match fault {
        Some(FaultKind::Hang) => {
            tokio::time::sleep(timeout).await;
            failed("hung until its timeout".into());
            return Invoked::FunctionError;
        }
        Some(FaultKind::FunctionError) => {
            failed("ended with an error, as injected".into());
            return Invoked::FunctionError;
        }
        Some(FaultKind::HangAfterCommit | FaultKind::ResetAfterCommit) | None => {}
        Some(other) => {
            failed(format!("not invoked: {other:?}"));
            return Invoked::NotReached;
        }
    }
    context.observers.tell(|| Observation::Invoked { function: name.clone(), records });
    let start = tokio::time::Instant::now();
    let response = function::invoke(function, payload, timeout).await;
    if fault == Some(FaultKind::HangAfterCommit) {
        tokio::time::sleep_until(start + timeout).await;
    }
    match (fault, response) {
        (None, Ok(response)) => Invoked::Responded(response),
        (None, Err(error)) => {
            failed(error.to_string());
            Invoked::FunctionError
        }
        (Some(_), _) => {
            failed("ran, and its response was lost".into());
            Invoked::FunctionError
        }
    }
}
