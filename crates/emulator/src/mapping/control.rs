//! The control of a mapping: start, pause, stop.

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

/// A running mapping. Dropping it ends it at once, at any point, as a crash would; [`MappingHandle::stop`] ends it in
/// order.
#[derive(Debug)]
pub struct MappingHandle {
    state: watch::Sender<State>,
    tasks: Vec<JoinHandle<()>>,
    /// The position of each lane in its shard; the lanes of a shard are listed together.
    positions: Vec<(Arc<Shard>, Arc<AtomicU64>)>,
}

impl MappingHandle {
    pub(super) fn new() -> (Self, Control) {
        let (sender, receiver) = watch::channel(State::Enabled);
        let handle = Self { state: sender, tasks: Vec::new(), positions: Vec::new() };
        (handle, Control(receiver))
    }

    pub(super) fn add(&mut self, task: JoinHandle<()>) {
        self.tasks.push(task);
    }

    pub(super) fn add_position(&mut self, shard: &Arc<Shard>, position: Arc<AtomicU64>) {
        self.positions.push((Arc::clone(shard), position));
    }

    /// Returns the number of records of its stream that a mapping has not finished; 0 for a queue.
    pub fn lag(&self) -> u64 {
        let of_shard = |lanes: &[(Arc<Shard>, Arc<AtomicU64>)]| {
            let done = lanes.iter().map(|(_, position)| position.load(Ordering::Acquire)).min();
            done.map_or(0, |done| lanes[0].0.after(done))
        };
        self.positions.chunk_by(|(a, _), (b, _)| Arc::ptr_eq(a, b)).map(of_shard).sum()
    }

    /// Stops polling once the invocations under way have ended (as `Enabled = false` does). The checkpoint stays.
    pub fn disable(&self) {
        self.state.send_replace(State::Disabled);
    }

    /// Resumes polling.
    pub fn enable(&self) {
        self.state.send_replace(State::Enabled);
    }

    /// Returns the position of a stream mapping: everything up to this sequence number is finished. `None` for a queue.
    ///
    /// Of several shards it is the one furthest behind, so that a mapping that begins there gets some records of the
    /// others again.
    pub fn checkpoint(&self) -> Option<String> {
        // A shard without further records holds no mapping back, however long ago its last one was written.
        let position = |(shard, position): &(Arc<Shard>, Arc<AtomicU64>)| match position.load(Ordering::Acquire) {
            done if self.positions.len() > 1 && shard.after(done) == 0 => shard.last().max(done),
            done => done,
        };
        self.positions.iter().map(position).min().map(sequence_number)
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

/// A task's view of the state that its mapping should be in.
#[derive(Debug, Clone)]
pub(super) struct Control(watch::Receiver<State>);

impl Control {
    /// Waits until the mapping is enabled; returns `false` if it has been stopped.
    pub(super) async fn enabled(&mut self) -> bool {
        let state = self.0.wait_for(|state| *state != State::Disabled).await;
        state.is_ok_and(|state| *state == State::Enabled)
    }

    /// Waits until something changes.
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
