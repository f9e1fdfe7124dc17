//! The signals that end a served stack.

use std::time::Duration;

use anyhow::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// The time the process may take to end after the first signal: longer than the stack waits before it cuts off what is
/// under way.
const PATIENCE: Duration = Duration::from_secs(4);

/// Returns a receiver that resolves with the first Ctrl-C, or with the signal by which a supervisor ends a program.
/// From then on the process ends, even if its functions do not return: at once with the second signal, else when their
/// time is over.
///
/// A thread of its own watches, since a processor that blocks can hold up every other one.
pub(super) fn interrupted() -> Result<oneshot::Receiver<()>> {
    let (first, interrupted) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = {
        let _entered = runtime.enter();
        Signals::listen()?
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let code = runtime.block_on(watch(signals, first));
        std::process::exit(code);
    })?;
    Ok(interrupted)
}

/// Waits until the process has to end, and returns its exit code.
async fn watch(mut signals: Signals, first: oneshot::Sender<()>) -> i32 {
    signals.next().await;
    // The receiver is gone only where the server has failed already.
    let _ = first.send(());
    tokio::select! {
        code = signals.next() => code,
        () = tokio::time::sleep(PATIENCE) => 0,
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next signal, and returns the exit code of a process that it ends.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
        }
    }
}
