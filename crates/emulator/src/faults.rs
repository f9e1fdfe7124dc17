//! Faults scripted per operation.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::resource::Resource;
use crate::sync::lock;

/// The kind of a fault.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The service's own throttling error. The SDK retries it.
    Throttle,
    /// `500 InternalServerError` / `InternalFailure`. The SDK retries it.
    ServerError,
    /// The service swallows the request: no effect, no response, until the caller times out.
    Hang,
    /// The request takes this much longer, then continues (to further faults, if any match).
    Latency(Duration),
    /// The effect happens, the response never comes: the caller runs into its own time-out.
    HangAfterCommit,
    /// The effect happens, the connection breaks before the response. The SDK retries it.
    ResetAfterCommit,
    /// The connection breaks before anything happens. The SDK retries it.
    Reset,
    /// Entries from this index on fail inside a 200 (`PublishBatch`, `SendMessageBatch`, `DeleteMessageBatch`,
    /// `ChangeMessageVisibilityBatch`) or come back unprocessed (`BatchWriteItem`, `BatchGetItem`).
    PartialFailure {
        /// Index of the first entry that fails.
        from: usize,
    },
    /// Entries fail as under [`Self::PartialFailure`], at any place.
    EntriesFail(Entries),
    /// `TransactionCanceledException` with `TransactionConflict` for the first item of a transaction,
    /// `TransactionConflictException` for any other DynamoDB write.
    TransactionConflict,
    /// `TransactionCanceledException` with these reason codes (`None`, `ConditionalCheckFailed`, ...), one per item.
    TransactionCanceled(Vec<String>),
    /// The function ends with an error before it does anything (`("Lambda", "Invoke")`; elsewhere a
    /// [`Self::ServerError`]).
    FunctionError,
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

/// The entries of a batch that fail.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Entries {
    /// The entries at these places, from 0.
    At(Vec<usize>),
    /// Each entry with this probability (0.0 to 1.0), drawn from the seed per batch.
    Each(f64),
}

impl Entries {
    pub(crate) fn contains(&self, index: usize) -> bool {
        matches!(self, Self::At(places) if places.contains(&index))
    }
}

impl FaultKind {
    /// Returns the places of the entries that fail in a batch of this size, ascending; `None` if this kind hits whole
    /// calls.
    fn failing(&self, entries: impl FnOnce() -> usize, rng: &mut StdRng) -> Option<Vec<usize>> {
        let chosen: &dyn Fn(&mut StdRng, usize) -> bool = match self {
            Self::PartialFailure { from } => &|_, index| index >= *from,
            Self::EntriesFail(Entries::At(places)) => &|_, index| places.contains(&index),
            Self::EntriesFail(Entries::Each(p)) => &|rng, _| rng.random_bool(p.clamp(0.0, 1.0)),
            _ => return None,
        };
        Some((0..entries()).filter(|index| chosen(rng, *index)).collect())
    }
}

/// The condition under which a fault fires.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Schedule {
    Next(u32),
    Always,
    Probability(f64),
}

/// A fault to inject: the calls it hits, how often, and its effect.
///
/// Services and operations: `"DynamoDB"`, `"DynamoDBStreams"`, `"SQS"`, `"SNS"` with AWS's operation names. A fault
/// hits calls through the API and those inside the stack: `("SQS", "SendMessage")` also hits the delivery of a topic to
/// a queue, `("SQS", "ReceiveMessage")`, `("SQS", "DeleteMessage")` and `("DynamoDBStreams", "GetRecords")` also hit
/// the pollers of mappings, and `("Lambda", "Invoke")` hits the invocations by mappings.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    service: String,
    operation: Option<String>,
    resource: Option<Resource>,
    skip: u32,
    schedule: Schedule,
    kind: FaultKind,
}

impl Fault {
    /// Returns a fault that hits every call of `operation` until it is removed.
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

    /// Returns a fault that hits every operation of a service.
    pub fn any(service: &str, kind: FaultKind) -> Self {
        Self { operation: None, ..Self::new(service, "", kind) }
    }

    /// Restricts the fault to requests that contain this text (a table name, queue name, ARN, key, function name).
    #[must_use]
    pub fn on(mut self, resource: &str) -> Self {
        self.resource = Some(Resource::Containing(resource.into()));
        self
    }

    /// Restricts the fault to requests that name one of these resources in full: a fault of the table `cell-a` does not
    /// hit `cell-ab`.
    #[must_use]
    pub fn on_names(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.resource = Some(Resource::Named(names.into_iter().map(Into::into).collect()));
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

/// The id of an injected fault, by which it can be removed and counted.
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
    /// False while no fault is injected, which saves the lock on the hot path.
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

    /// Removes one fault; returns `false` if it is gone already.
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

    /// Returns the number of times a fault has fired, also after it is gone. A batch without a failed entry does not
    /// count.
    pub fn hits(&self, id: FaultId) -> u64 {
        lock(&self.state).hits.get(&id).copied().unwrap_or(0)
    }

    /// Returns the number of times each fault ever injected has fired, in the order of their injection.
    pub fn all_hits(&self) -> Vec<(FaultId, u64)> {
        let state = lock(&self.state);
        let hits = |id| (id, state.hits.get(&id).copied().unwrap_or(0));
        (0..state.next_id).map(FaultId).map(hits).collect()
    }

    /// Decides what happens to this call: the latency first, then the fault, if any. `entries` counts the entries of a
    /// batch, and is 0 for any other call. A fault of entries names those that fail, and skips a batch in which none
    /// would.
    pub(crate) fn decide(
        &self,
        service: &str,
        operation: &str,
        entries: impl Fn() -> usize,
        mentions: impl Fn(&Resource) -> bool,
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
                || fault.resource.as_ref().is_some_and(|r| !mentions(r))
            {
                continue;
            }
            let failing = fault.kind.failing(&entries, rng);
            if failing.as_ref().is_some_and(Vec::is_empty) {
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
                    let entries = failing.map(|places| FaultKind::EntriesFail(Entries::At(places)));
                    fired = Some(entries.unwrap_or_else(|| kind.clone()));
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
        faults.decide("DynamoDB", operation, || 0, |r| r.is_in("table-a")).1
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
        let call = || faults.decide("SQS", "SendMessage", || 0, |_| true);
        assert_eq!(call(), (ms(12), Some(FaultKind::ServerError)));
        assert_eq!(call(), (ms(12), None));
    }

    #[test]
    fn any_entry_of_a_batch_can_fail_and_a_batch_without_one_is_no_hit() {
        let faults = Faults::new(1);
        let call = |entries: usize| faults.decide("SNS", "PublishBatch", || entries, |_| true).1;
        let at = |places: &[usize]| Some(FaultKind::EntriesFail(Entries::At(places.into())));
        let middle =
            faults.inject(Fault::new("SNS", "PublishBatch", FaultKind::EntriesFail(Entries::At(vec![1]))).times(1));
        assert_eq!((call(0), call(1), faults.hits(middle)), (None, None, 0));
        assert_eq!((call(3), call(3), faults.hits(middle)), (at(&[1]), None, 1));
        let suffix = faults.inject(Fault::new("SNS", "PublishBatch", FaultKind::PartialFailure { from: 2 }));
        assert_eq!((call(2), call(4)), (None, at(&[2, 3])));
        assert!(faults.remove(suffix));
        let each = faults.inject(Fault::new("SNS", "PublishBatch", FaultKind::EntriesFail(Entries::Each(0.5))));
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            if let Some(FaultKind::EntriesFail(Entries::At(places))) = call(3) {
                seen.insert(places);
            }
        }
        assert_eq!(seen.len(), 7, "every set of entries but the empty one: {seen:?}");
        let hits = faults.all_hits();
        assert_eq!(hits[..2], [(middle, 1), (suffix, 1)]);
        assert!(hits[2].0 == each && hits[2].1 > 100 && hits[2].1 < 200, "{hits:?}");
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
