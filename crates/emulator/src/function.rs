//! The interface of the functions that mappings invoke.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;

/// A Lambda function: real event JSON in, real response JSON out.
pub trait Function: Send + Sync {
    /// Handles one invocation. A panic counts as a crash of the invocation and of nothing else.
    fn invoke(&self, payload: Bytes) -> BoxFuture<'_, Result<Bytes, FunctionError>>;
}

/// A failed invocation. To a mapping all three kinds are the same: a function error.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FunctionError {
    /// The handler returned an error.
    #[error("handled error: {0}")]
    Handled(String),
    /// The invocation ran into the function's timeout.
    #[error("timed out after {0:?}")]
    TimedOut(Duration),
    /// The process died or the handler panicked.
    #[error("crashed: {0}")]
    Crashed(String),
}

/// Makes a [`Function`] of a closure.
pub fn function_fn<F, Fut>(f: F) -> Arc<dyn Function>
where
    F: Fn(Bytes) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Bytes, FunctionError>> + Send + 'static,
{
    struct FunctionFn<F>(F);
    impl<F, Fut> Function for FunctionFn<F>
    where
        F: Fn(Bytes) -> Fut + Send + Sync,
        Fut: Future<Output = Result<Bytes, FunctionError>> + Send + 'static,
    {
        fn invoke(&self, payload: Bytes) -> BoxFuture<'_, Result<Bytes, FunctionError>> {
            (self.0)(payload).boxed()
        }
    }
    Arc::new(FunctionFn(f))
}

/// Runs a function under its timeout; a panic comes back as [`FunctionError::Crashed`].
pub(crate) async fn invoke(function: &dyn Function, payload: Bytes, timeout: Duration) -> Result<Bytes, FunctionError> {
    // The closure, not only its future, may panic: both run inside the guard.
    let guarded = AssertUnwindSafe(async { function.invoke(payload).await }).catch_unwind();
    match tokio::time::timeout(timeout, guarded).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => Err(FunctionError::Crashed(panic_text(panic.as_ref()))),
        Err(_) => Err(FunctionError::TimedOut(timeout)),
    }
}

pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic".into())
}
