//! The producer's, the consumer's and the placer's handlers as functions that an event source mapping invokes.

use std::sync::Arc;

use bytes::Bytes;
use cellstack_consumer::{Consumer, Processor};
use cellstack_core::Clock;
use cellstack_core::limits::pipeline::{CONSUMER_TIMEOUT, PLACER_TIMEOUT, PRODUCER_TIMEOUT};
use cellstack_emulator::{Function, FunctionError};
use cellstack_placer::Placer;
use cellstack_producer::Producer;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The producer's handler.
pub(crate) struct ProducerFunction(pub(crate) Producer<Arc<dyn Clock>>);

impl Function for ProducerFunction {
    fn invoke(&self, payload: Bytes) -> BoxFuture<'_, Result<Bytes, FunctionError>> {
        async move { encode(&self.0.handle(decode(&payload)?, PRODUCER_TIMEOUT).await) }.boxed()
    }
}

/// The consumer's handler.
pub(crate) struct ConsumerFunction<P>(pub(crate) Consumer<P, Arc<dyn Clock>>);

impl<P: Processor> Function for ConsumerFunction<P> {
    fn invoke(&self, payload: Bytes) -> BoxFuture<'_, Result<Bytes, FunctionError>> {
        async move { encode(&self.0.handle(decode(&payload)?, CONSUMER_TIMEOUT).await) }.boxed()
    }
}

/// The placer's handler.
pub(crate) struct PlacerFunction(pub(crate) Placer);

impl Function for PlacerFunction {
    fn invoke(&self, payload: Bytes) -> BoxFuture<'_, Result<Bytes, FunctionError>> {
        async move { encode(&self.0.handle(decode(&payload)?, PLACER_TIMEOUT).await) }.boxed()
    }
}

/// Decodes a payload. As in the Lambda runtime, an event that can't be read is a function error.
fn decode<T: DeserializeOwned>(payload: &Bytes) -> Result<T, FunctionError> {
    serde_json::from_slice(payload).map_err(|error| FunctionError::Handled(error.to_string()))
}

fn encode(response: &impl Serialize) -> Result<Bytes, FunctionError> {
    serde_json::to_vec(response).map(Bytes::from).map_err(|error| FunctionError::Handled(error.to_string()))
}
