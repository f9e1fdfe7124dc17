//! Faults scripted per operation.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::context::lock;

/// What goes wrong.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The service's own throttling error. The SDK retries it.
    Throttle,
    /// `500 InternalServerError` / `InternalFailure`. The SDK retries it.
    ServerError,
    /// The request is swallowed: no effect, no answer, until the caller gives up.
    Hang,
    /// The request takes this much longer, then goes on (to further faults, if any match).
    Latency(Duration),
    /// The effect happens, the answer never comes: the caller runs into its own time-out.
    HangAfterCommit,
    /// The effect happens, the connection breaks before the answer. The SDK retries it.
    ResetAfterCommit,
    /// The connection breaks before anything happens. The SDK retries it.
    Reset,
    /// Entries from this index on fail inside a 200 (`PublishBatch`, `SendMessageBatch`, `DeleteMessageBatch`,
    /// `ChangeMessageVisibilityBatch`) or come back unprocessed (`BatchWriteItem`, `BatchGetItem`).
    PartialFailure {
        /// Index of the first entry that fails.
        from: usize,
    },
    /// `TransactionCanceledException` with `TransactionConflict` for the first item of a transaction,
    /// `TransactionConflictException` for any other DynamoDB write.
    TransactionConflict,
    /// `TransactionCanceledException` with these reason codes (`None`, `ConditionalCheckFailed`, ...), one an item.
    TransactionCanceled(Vec<String>),
    /// Any other error.
    Error {
        /// HTTP status.
        status: u16,
        /// Error code, short (`AuthorizationError`).
        code: String,
        /// Message.
        message: String,
    },
}

/// When a fault fires.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Schedule {
    Next(u32),
    Always,
    Probability(f64),
}

/// A fault to inject: which calls it hits, how often, and what happens.
///
/// Services and operations: `"DynamoDB"`, `"DynamoDBStreams"`, `"SQS"`, `"SNS"` with AWS's operation names. They hit
/// calls through the API and what happens inside: `("SQS", "SendMessage")` also hits the delivery of a topic to a queue,
/// `("SQS", "ReceiveMessage")`, `("SQS", "DeleteMessage")` and `("DynamoDBStreams", "GetRecords")` also hit the pollers
/// of mappings, and `("Lambda", "Invoke")` hits the invocations by mappings.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    service: String,
    operation: Option<String>,
    resource: Option<String>,
    skip: u32,
    schedule: Schedule,
    kind: FaultKind,
}

impl Fault {
    /// A fault that hits every call of `operation` until it is removed.
    pub fn new(service: &str, operation: &str, kind: FaultKind) -> Self {
        Self {
            service: service.into(),
            operation: Some(operation.into()),
            resource: None,
            skip: 0,
            schedule: Schedule::Always,
            kind,
        }
    }

    /// A fault that hits every operation of a service.
    pub fn any(service: &str, kind: FaultKind) -> Self {
        Self { operation: None, ..Self::new(service, "", kind) }
    }

    /// Only requests that contain this text (a table name, queue name, ARN, key, function name) are hit.
    #[must_use]
    pub fn on(mut self, resource: &str) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Lets the first `n` matching calls pass.
    #[must_use]
    pub fn after(mut self, n: u32) -> Self {
        self.skip = n;
        self
    }

    /// Hits the next `n` matching calls, then is gone.
    #[must_use]
    pub fn times(mut self, n: u32) -> Self {
        self.schedule = Schedule::Next(n);
        self
    }

    /// Hits each matching call with this probability (0.0 to 1.0), drawn from the seed.
    #[must_use]
    pub fn with_probability(mut self, p: f64) -> Self {
        self.schedule = Schedule::Probability(p.clamp(0.0, 1.0));
        self
    }
}

/// Names an injected fault, so that it can be removed and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultId(u64);

struct Active {
    id: FaultId,
    fault: Fault,
    hits: u64,
}

struct State {
    faults: Vec<Active>,
    hits: std::collections::HashMap<FaultId, u64>,
    next_id: u64,
    rng: StdRng,
}

/// The faults of one stack.
pub struct Faults {
    /// Saves the lock on the hot path while no fault is injected.
    any: AtomicBool,
    state: Mutex<State>,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            any: AtomicBool::new(false),
            state: Mutex::new(State {
                faults: Vec::new(),
                hits: std::collections::HashMap::new(),
                next_id: 0,
                // Its own stream of numbers: injecting a fault does not change any message id.
                rng: StdRng::seed_from_u64(seed ^ 0x000F_A017),
            }),
        }
    }

    /// Injects a fault. Faults are tried in the order of their injection; the first that fires decides.
    pub fn inject(&self, fault: Fault) -> FaultId {
        let mut state = lock(&self.state);
        let id = FaultId(state.next_id);
        state.next_id += 1;
        state.faults.push(Active { id, fault, hits: 0 });
        self.any.store(true, Ordering::Release);
        id
    }

    /// Removes one fault; `false` if it is gone already.
    pub fn remove(&self, id: FaultId) -> bool {
        let mut state = lock(&self.state);
        let before = state.faults.len();
        state.faults.retain(|active| active.id != id);
        self.any.store(!state.faults.is_empty(), Ordering::Release);
        before != state.faults.len()
    }

    /// Removes all faults.
    pub fn clear(&self) {
        let mut state = lock(&self.state);
        state.faults.clear();
        self.any.store(false, Ordering::Release);
    }

    /// How often a fault has fired, also after it is gone.
    pub fn hits(&self, id: FaultId) -> u64 {
        lock(&self.state).hits.get(&id).copied().unwrap_or(0)
    }

    /// What happens to this call: how much latency, then which fault, if any.
    pub(crate) fn decide(
        &self,
        service: &str,
        operation: &str,
        mentions: impl Fn(&str) -> bool,
    ) -> (Duration, Option<FaultKind>) {
        let mut latency = Duration::ZERO;
        if !self.any.load(Ordering::Acquire) {
            return (latency, None);
        }
        let mut state = lock(&self.state);
        let State { faults, hits, rng, .. } = &mut *state;
        let mut fired = None;
        for active in faults.iter_mut() {
            let fault = &mut active.fault;
            if fault.service != service
                || fault.operation.as_deref().is_some_and(|o| o != operation)
                || fault.resource.as_deref().is_some_and(|r| !mentions(r))
            {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            let fires = match &mut fault.schedule {
                Schedule::Always => true,
                Schedule::Probability(p) => rng.random_bool(*p),
                Schedule::Next(0) => false,
                Schedule::Next(n) => {
                    *n -= 1;
                    true
                }
            };
            if !fires {
                continue;
            }
            active.hits += 1;
            hits.insert(active.id, active.hits);
            match &fault.kind {
                FaultKind::Latency(more) => latency += *more,
                kind => {
                    fired = Some(kind.clone());
                    break;
                }
            }
        }
        faults.retain(|active| active.fault.schedule != Schedule::Next(0));
        self.any.store(!faults.is_empty(), Ordering::Release);
        (latency, fired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fire(faults: &Faults, operation: &str) -> Option<FaultKind> {
        faults.decide("DynamoDB", operation, |r| r == "table-a").1
    }

    #[test]
    fn a_fault_fires_as_often_as_asked_and_only_where_asked() {
        let faults = Faults::new(1);
        let id = faults.inject(Fault::new("DynamoDB", "PutItem", FaultKind::Throttle).on("table-a").after(1).times(2));
        assert_eq!(fire(&faults, "GetItem"), None);
        let fired: Vec<_> = (0..4).map(|_| fire(&faults, "PutItem").is_some()).collect();
        assert_eq!(fired, [false, true, true, false]);
        assert_eq!(faults.hits(id), 2);
        faults.inject(Fault::any("DynamoDB", FaultKind::Hang).on("table-b"));
        assert_eq!(fire(&faults, "PutItem"), None);
    }

    #[test]
    fn latency_adds_up_and_leaves_room_for_another_fault() {
        let faults = Faults::new(1);
        let ms = Duration::from_millis;
        faults.inject(Fault::any("SQS", FaultKind::Latency(ms(5))));
        faults.inject(Fault::any("SQS", FaultKind::Latency(ms(7))));
        faults.inject(Fault::any("SQS", FaultKind::ServerError).times(1));
        let call = || faults.decide("SQS", "SendMessage", |_| true);
        assert_eq!(call(), (ms(12), Some(FaultKind::ServerError)));
        assert_eq!(call(), (ms(12), None));
    }

    #[test]
    fn probability_comes_from_the_seed() {
        let run = |seed| {
            let faults = Faults::new(seed);
            faults.inject(Fault::any("DynamoDB", FaultKind::Reset).with_probability(0.5));
            (0..64).map(|_| fire(&faults, "Scan").is_some()).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }
}
