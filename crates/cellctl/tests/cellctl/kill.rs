//! The death of a run at an await point.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Runs a future and drops it when it is polled the `kill_at`th time. Returns `None` then.
pub(crate) async fn killed_at<T>(kill_at: usize, run: impl Future<Output = T>) -> Option<T> {
    let mut run = pin!(run);
    let mut polls = 0;
    poll_fn(|context| {
        polls += 1;
        if polls == kill_at {
            return Poll::Ready(None);
        }
        run.as_mut().poll(context).map(Some)
    })
    .await
}
