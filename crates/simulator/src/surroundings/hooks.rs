//! The surroundings of a stack in a run: latencies, processes that can be killed, and a watcher.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cellstack_emulator::{Function, FunctionError};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::broadcast::error::RecvError;

use super::kill::Kills;
use super::network::Way;
use crate::trace::Trace;
use cellstack_embedded::Stack;
use cellstack_embedded::hooks::{Hooks, Role};

/// Wall-clock time at which every run begins: it is part of what a seed decides.
pub(crate) const BEGINNING: Duration = Duration::from_secs(1_800_000_000);

pub(crate) fn hooks(seed: u64, kills: &Kills) -> Hooks {
    let kills = kills.clone();
    Hooks {
        wall: Some(SystemTime::UNIX_EPOCH + BEGINNING),
        network: Some(Arc::new(Way::new(seed))),
        wrap: Some(Arc::new(move |_, role, function| Arc::new(Mortal { kills: kills.clone(), role, function }))),
    }
}

/// A function whose process can be killed.
struct Mortal {
    kills: Kills,
    role: Role,
    function: Arc<dyn Function>,
}

impl Function for Mortal {
    fn invoke(&self, payload: Bytes) -> BoxFuture<'_, Result<Bytes, FunctionError>> {
        async move {
            match self.kills.guard(self.role, self.function.invoke(payload)).await {
                Ok(response) => response,
                Err(killed) => Err(FunctionError::Crashed(killed.to_string())),
            }
        }
        .boxed()
    }
}

/// Writes what the stack does into the trace.
pub(crate) fn watch(stack: &Stack, trace: &Trace) -> tokio::task::JoinHandle<()> {
    let (mut observations, trace) = (stack.aws().observe(), trace.clone());
    tokio::spawn(async move {
        loop {
            match observations.recv().await {
                Ok(observation) => trace.observe(&observation),
                Err(RecvError::Lagged(missed)) => trace.note(format_args!("{missed} things happened unseen")),
                Err(RecvError::Closed) => return,
            }
        }
    })
}
