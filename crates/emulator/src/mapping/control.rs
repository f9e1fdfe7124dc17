//! Starting, pausing and stopping a mapping.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::dynamodb::Shard;
use crate::dynamodb::streams::sequence_number;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Enabled,
    Disabled,
    Stopped,
}

/// A running mapping. Dropping it ends it at once, wherever it is, as a crash would; see [`MappingHandle::stop`].
#[derive(Debug)]
pub struct MappingHandle {
    state: watch::Sender<State>,
    tasks: Vec<JoinHandle<()>>,
    positions: Vec<Arc<AtomicU64>>,
    shard: Option<Arc<Shard>>,
}

impl MappingHandle {
    pub(super) fn new() -> (Self, Control) {
        let (sender, receiver) = watch::channel(State::Enabled);
        let handle = Self { state: sender, tasks: Vec::new(), positions: Vec::new(), shard: None };
        (handle, Control(receiver))
    }

    pub(super) fn add(&mut self, task: JoinHandle<()>) {
        self.tasks.push(task);
    }

    pub(super) fn add_position(&mut self, shard: &Arc<Shard>, position: Arc<AtomicU64>) {
        self.positions.push(position);
        self.shard.get_or_insert_with(|| Arc::clone(shard));
    }

    /// How many records of its stream a mapping is not done with yet; 0 for a queue.
    pub fn lag(&self) -> u64 {
        let done = self.positions.iter().map(|p| p.load(Ordering::Acquire)).min();
        done.zip(self.shard.as_ref()).map_or(0, |(done, shard)| shard.after(done))
    }

    /// Stops polling once the invocations under way have ended (as `Enabled = false` does). The checkpoint stays.
    pub fn disable(&self) {
        self.state.send_replace(State::Disabled);
    }

    /// Goes on polling.
    pub fn enable(&self) {
        self.state.send_replace(State::Enabled);
    }

    /// How far a stream mapping has come: everything up to this sequence number is done with. `None` for a queue.
    pub fn checkpoint(&self) -> Option<String> {
        let all = self.positions.iter().map(|p| p.load(Ordering::Acquire));
        all.min().map(sequence_number)
    }

    /// Stops for good, after the invocations under way have ended.
    pub async fn stop(mut self) {
        self.state.send_replace(State::Stopped);
        for task in std::mem::take(&mut self.tasks) {
            // An error is a cancelled task: it has stopped, too.
            let _ = task.await;
        }
    }
}

impl Drop for MappingHandle {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// A task's view of what its mapping should do.
#[derive(Debug, Clone)]
pub(super) struct Control(watch::Receiver<State>);

impl Control {
    /// Waits until the mapping is enabled; `false` if it has been stopped.
    pub(super) async fn enabled(&mut self) -> bool {
        let state = self.0.wait_for(|state| *state != State::Disabled).await;
        state.is_ok_and(|state| *state == State::Enabled)
    }

    /// Returns when something changes.
    pub(super) async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            // The handle is gone, and this task is about to be aborted.
            std::future::pending::<()>().await;
        }
    }

    pub(super) fn stopped(&self) -> bool {
        *self.0.borrow() == State::Stopped
    }
}
