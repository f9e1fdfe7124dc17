//! The faults on demand of one stack: added, listed, cleared, and ended when their time is over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cellstack_core::CellId;
use cellstack_emulator::{Aws, FaultId};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::Kind;
use crate::cells::{Roster, listed};

/// The most faults at once: each call of a service is checked against all of them.
const MAX_FAULTS: usize = 100;
/// The latency of a fault that names none.
const LATENCY: Duration = Duration::from_secs(1);
/// The longest latency: no caller waits longer, and what a topic still delivers is held meanwhile.
const MAX_LATENCY_MS: u64 = 60 * 1000;
/// The longest time until a fault ends by itself: a day.
const MAX_FOR_MS: u64 = 24 * 60 * 60 * 1000;
/// The changes a slow watcher may fall behind by.
const CHANGES: usize = 256;

/// An order for a fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The kind of fault.
    pub kind: Kind,
    /// The cell that it hits.
    pub cell: CellId,
    /// The share of the calls that it hits, over 0.0 and up to 1.0; all unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// The time by which calls take longer, for a kind that delays them; a second unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// The time after which it ends by itself. It lasts until it is cleared unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
}

/// A fault in effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Posted {
    /// The fault's number, from 1.
    pub id: u64,
    /// The order for it.
    #[serde(flatten)]
    pub order: Order,
    /// The time until it ends by itself.
    pub left_ms: Option<u64>,
    /// The number of calls and invocations that it has hit.
    pub hits: u64,
}

/// The faults that were cleared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cleared {
    /// The faults, as they were before.
    pub cleared: Vec<Posted>,
}

/// A change of a fault.
#[derive(Debug, Clone)]
pub struct Change {
    /// The fault.
    pub fault: Posted,
    /// The kind of change.
    pub changed: Changed,
}

/// A kind of change of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// The fault was added.
    Added,
    /// The fault was cleared.
    Cleared,
    /// The fault's time was over.
    Ended,
}

/// The faults on demand of a stack. Clones share them.
#[derive(Clone)]
pub struct FaultBoard(Arc<Inner>);

struct Inner {
    aws: Aws,
    roster: Roster,
    posted: Mutex<Board>,
    changes: broadcast::Sender<Change>,
}

#[derive(Default)]
struct Board {
    last: u64,
    posted: BTreeMap<u64, Entry>,
}

struct Entry {
    order: Order,
    faults: Vec<FaultId>,
    ends: Option<Instant>,
}

impl FaultBoard {
    pub(crate) fn new(aws: Aws, roster: Roster) -> Self {
        let changes = broadcast::channel(CHANGES).0;
        Self(Arc::new(Inner { aws, roster, posted: Mutex::default(), changes }))
    }

    /// Adds a fault. Needs a Tokio runtime, in which it ends.
    ///
    /// # Errors
    /// When the order is invalid, with the reason.
    pub fn add(&self, order: Order) -> Result<Posted, String> {
        self.check(&order)?;
        let latency = order.latency_ms.map_or(LATENCY, Duration::from_millis);
        let ends = order.for_ms.map(|ms| Instant::now() + Duration::from_millis(ms));
        let posted = {
            let mut board = self.board();
            if board.posted.len() >= MAX_FAULTS {
                return Err(format!("there are {MAX_FAULTS} faults already; clear some"));
            }
            let faults = order.kind.of_cell(&order.cell, latency).into_iter().map(|fault| match order.probability {
                Some(probability) => fault.with_probability(probability),
                None => fault,
            });
            let faults = faults.map(|fault| self.0.aws.faults().inject(fault)).collect();
            board.last += 1;
            let (id, entry) = (board.last, Entry { order, faults, ends });
            let posted = self.view(id, &entry);
            board.posted.insert(id, entry);
            posted
        };
        self.tell(&posted, Changed::Added);
        if let Some(ends) = ends {
            let (board, id) = (self.clone(), posted.id);
            tokio::spawn(async move {
                tokio::time::sleep_until(ends).await;
                board.take(|entry, _| entry == id, Changed::Ended);
            });
        }
        Ok(posted)
    }

    /// Returns the faults in effect, the oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Posted> {
        self.board().posted.iter().map(|(id, entry)| self.view(*id, entry)).collect()
    }

    /// Clears one fault. Returns `None` if it is not in effect.
    #[must_use]
    pub fn clear(&self, id: u64) -> Option<Posted> {
        self.take(|entry, _| entry == id, Changed::Cleared).pop()
    }

    /// Clears all faults.
    #[must_use]
    pub fn clear_all(&self) -> Vec<Posted> {
        self.take(|_, _| true, Changed::Cleared)
    }

    /// Clears the faults of a cell.
    pub(crate) fn clear_cell(&self, cell: &CellId) {
        self.take(|_, order| order.cell == *cell, Changed::Cleared);
    }

    /// Returns the changes of faults from now on.
    pub(crate) fn changes(&self) -> broadcast::Receiver<Change> {
        self.0.changes.subscribe()
    }

    fn check(&self, order: &Order) -> Result<(), String> {
        let (roster, cell) = (&self.0.roster, &order.cell);
        if !roster.contains(cell) {
            return Err(format!("there is no cell {cell}; expected one of {}", listed(&roster.cells())));
        }
        if order.probability.is_some_and(|share| !(share > 0.0 && share <= 1.0)) {
            return Err("the probability must be over 0.0, and 1.0 at most".to_owned());
        }
        if order.latency_ms.is_some() && !order.kind.is_latency() {
            return Err(format!("a latency is for latency and consumer-latency, not for {}", order.kind));
        }
        let is_out = |ms: Option<u64>, most| ms.is_some_and(|ms| ms == 0 || ms > most);
        if is_out(order.latency_ms, MAX_LATENCY_MS) {
            return Err("a latency must be from 1 ms to 1 min".to_owned());
        }
        if is_out(order.for_ms, MAX_FOR_MS) {
            return Err("the time until a fault ends must be from 1 ms to 24 h".to_owned());
        }
        Ok(())
    }

    fn take(&self, is_meant: impl Fn(u64, &Order) -> bool, changed: Changed) -> Vec<Posted> {
        let taken: Vec<_> = {
            let mut board = self.board();
            let meant = board.posted.iter().filter(|(id, entry)| is_meant(**id, &entry.order));
            let meant: Vec<_> = meant.map(|(id, _)| *id).collect();
            meant.into_iter().filter_map(|id| Some((id, board.posted.remove(&id)?))).collect()
        };
        let posted: Vec<_> = taken.iter().map(|(id, entry)| self.view(*id, entry)).collect();
        for fault in taken.iter().flat_map(|(_, entry)| &entry.faults) {
            self.0.aws.faults().remove(*fault);
        }
        for fault in &posted {
            self.tell(fault, changed);
        }
        posted
    }

    fn view(&self, id: u64, entry: &Entry) -> Posted {
        let faults = self.0.aws.faults();
        let left = entry.ends.map(|ends| ends.saturating_duration_since(Instant::now()));
        Posted {
            id,
            order: entry.order.clone(),
            left_ms: left.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
            hits: entry.faults.iter().map(|fault| faults.hits(*fault)).sum(),
        }
    }

    fn tell(&self, fault: &Posted, changed: Changed) {
        // The send fails only when nobody watches.
        let _ = self.0.changes.send(Change { fault: fault.clone(), changed });
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.0.posted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> FaultBoard {
        FaultBoard::new(Aws::builder().build(), Roster::new(["alpha".parse().unwrap()]))
    }

    fn order(kind: Kind) -> Order {
        Order { kind, cell: "alpha".parse().unwrap(), probability: None, latency_ms: None, for_ms: None }
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_with_a_time_ends_by_itself_and_one_without_when_it_is_cleared() {
        let board = board();
        let mut changes = board.changes();
        let short = board.add(Order { for_ms: Some(30_000), ..order(Kind::Down) }).unwrap();
        let long = board.add(order(Kind::Throttle)).unwrap();
        assert_eq!((short.id, short.left_ms, long.id, long.left_ms), (1, Some(30_000), 2, None));
        tokio::time::sleep(Duration::from_secs(29)).await;
        assert_eq!(board.list().iter().map(|fault| fault.id).collect::<Vec<_>>(), [1, 2]);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(board.list().iter().map(|fault| fault.id).collect::<Vec<_>>(), [2]);
        assert_eq!(board.clear(1), None);
        assert_eq!(board.clear_all().len(), 1);
        let told = std::iter::from_fn(|| changes.try_recv().ok()).map(|told| (told.fault.id, told.changed));
        let expected = [(1, Changed::Added), (2, Changed::Added), (1, Changed::Ended), (2, Changed::Cleared)];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }

    #[tokio::test]
    async fn an_order_that_makes_no_sense_is_refused_with_what_was_expected() {
        let board = board();
        let refused = |order| board.add(order).unwrap_err();
        let elsewhere = Order { cell: "omega".parse().unwrap(), ..order(Kind::Down) };
        assert_eq!(refused(elsewhere), "there is no cell omega; expected one of alpha");
        assert!(refused(Order { probability: Some(0.0), ..order(Kind::Error) }).contains("over 0.0"));
        assert!(refused(Order { latency_ms: Some(5), ..order(Kind::Down) }).contains("not for down"));
        assert!(refused(Order { for_ms: Some(0), ..order(Kind::Down) }).contains("from 1 ms to 24 h"));
        for _ in 0..MAX_FAULTS {
            board.add(order(Kind::Error)).unwrap();
        }
        assert!(refused(order(Kind::Error)).contains("clear some"));
    }
}
