//! Functions that remember what they were given.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use cellstack_emulator::{Function, FunctionError, function_fn};
use serde_json::{Value, json};

/// The invocations of a function: the records of each batch, and its time in seconds since the start of the case.
#[derive(Clone)]
pub(crate) struct Invocations {
    all: Arc<Mutex<Vec<Invocation>>>,
}

type Invocation = (f64, Vec<Value>);

impl Invocations {
    /// Returns the records of each invocation.
    pub(crate) fn batches(&self) -> Vec<Vec<Value>> {
        self.all.lock().unwrap().iter().map(|(_, batch)| batch.clone()).collect()
    }

    /// Returns one word per record of each invocation.
    pub(crate) fn words(&self) -> Vec<Vec<String>> {
        self.batches().iter().map(|batch| batch.iter().map(word).collect()).collect()
    }

    /// Returns the words of each invocation, joined: "a b" is an invocation with two records.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.words().iter().map(|words| words.join(" ")).collect()
    }

    pub(crate) fn times(&self) -> Vec<f64> {
        self.all.lock().unwrap().iter().map(|(at, _)| *at).collect()
    }
}

/// Returns the word for a record in a case: the body of a message, the sort key of an item.
pub(crate) fn word(record: &Value) -> String {
    let sort_key = &record["dynamodb"]["Keys"]["sk"]["S"];
    record["body"].as_str().or(sort_key.as_str()).unwrap_or("?").to_string()
}

/// Returns a function that responds to each batch as `respond` says.
pub(crate) fn function(
    respond: impl Fn(&[Value]) -> Result<String, FunctionError> + Send + Sync + 'static,
) -> (Arc<dyn Function>, Invocations) {
    let start = tokio::time::Instant::now();
    let invocations = Invocations { all: Arc::default() };
    let all = invocations.all.clone();
    let function = function_fn(move |payload: Bytes| {
        let event: Value = serde_json::from_slice(&payload).unwrap();
        let batch = event["Records"].as_array().unwrap().clone();
        let result = respond(&batch).map(Bytes::from);
        all.lock().unwrap().push((start.elapsed().as_secs_f64(), batch));
        async { result }
    });
    (function, invocations)
}

/// Returns a function that succeeds.
pub(crate) fn succeeding() -> (Arc<dyn Function>, Invocations) {
    function(|_| Ok("null".into()))
}

/// Returns a function that throws if one of these is in the batch.
pub(crate) fn failing_on(words: &'static [&'static str]) -> (Arc<dyn Function>, Invocations) {
    function(move |batch| {
        let poison = batch.iter().any(|record| words.contains(&word(record).as_str()));
        if poison { Err(FunctionError::Handled("poison".into())) } else { Ok("null".into()) }
    })
}

/// Returns a function that reports these as failed.
pub(crate) fn reporting(words: &'static [&'static str]) -> (Arc<dyn Function>, Invocations) {
    function(move |batch| {
        let failed = batch.iter().filter(|record| words.contains(&word(record).as_str()));
        let failures: Vec<_> = failed.map(|record| json!({ "itemIdentifier": identifier(record) })).collect();
        Ok(json!({ "batchItemFailures": failures }).to_string())
    })
}

/// Returns the identifier of a record in a partial batch response.
pub(crate) fn identifier(record: &Value) -> Value {
    let number = &record["dynamodb"]["SequenceNumber"];
    if number.is_string() { number.clone() } else { record["messageId"].clone() }
}
