//! What a run puts around a stack: latencies, processes that can be killed, planted bugs, and somebody who watches.

use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use bytes::Bytes;
use cellstack_emulator::{Function, FunctionError};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::broadcast::error::RecvError;

use crate::Stack;
use crate::hooks::{Hooks, Role};
use crate::simulate::Setup;
use crate::simulate::kill::Kills;
use crate::simulate::network::Way;
use crate::simulate::trace::Trace;
use crate::simulate::world::BEGINNING;

pub(crate) fn hooks(setup: &Setup, kills: &Kills, config: &Arc<OnceLock<aws_config::SdkConfig>>) -> Hooks {
    let (kills, config, plant) = (kills.clone(), Arc::clone(config), setup.plant);
    Hooks {
        wall: Some(SystemTime::UNIX_EPOCH + BEGINNING),
        network: Some(Arc::new(Way::new(setup.seed))),
        wrap: Some(Arc::new(move |cell, role, function| {
            let function = match plant {
                Some(plant) => plant.plant(cell, role, function, &config),
                None => function,
            };
            Arc::new(Mortal { kills: kills.clone(), role, function })
        })),
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
                Ok(answer) => answer,
                Err(killed) => Err(FunctionError::Crashed(format!("killed at await point {}", killed.0))),
            }
        }
        .boxed()
    }
}

/// Writes down what the stack does.
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
