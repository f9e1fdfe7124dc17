//! The write units that a tool takes of a cell.

use std::sync::Mutex;
use std::time::Duration;

use cellstack_core::limits::MAX_TRANSACTION;
use cellstack_core::sync::lock;
use tokio::time::Instant;

/// Units of 1 KiB in one transaction, at most. DynamoDB takes 4 MB
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
const TRANSACTION_UNITS: u32 = 3 * 1024;

/// A limit on the rate of writes into a cell whose other tenants need its capacity, too.
#[derive(Debug)]
pub struct RateLimit {
    per_second: u32,
    at_once: usize,
    next: Mutex<Option<Instant>>,
}

impl RateLimit {
    /// Time by which writes may run ahead of their rate: a timer is not finer.
    const AHEAD: Duration = Duration::from_millis(5);

    /// Makes a limit of so many write units per second, and of so many writes at once.
    #[must_use]
    pub const fn new(per_second: u32, at_once: usize) -> Self {
        Self { per_second, at_once, next: Mutex::new(None) }
    }

    /// Returns the number of writes at once.
    #[must_use]
    pub const fn at_once(&self) -> usize {
        self.at_once
    }

    /// Cuts deletions into transactions that take twice the items' units: no more than a second's units, no more bytes than DynamoDB
    /// takes, and room for the action that checks something.
    pub(crate) fn transactions<'a, T>(&self, items: &'a [T], units: impl Fn(&T) -> u32) -> Vec<(&'a [T], u32)> {
        let most = (self.per_second / 2).clamp(1, TRANSACTION_UNITS);
        let (mut cut, mut begin, mut sum) = (Vec::new(), 0, 0_u32);
        for (at, item) in items.iter().enumerate() {
            let units = units(item);
            if at > begin && (at - begin == MAX_TRANSACTION - 1 || sum.saturating_add(units) > most) {
                cut.push((&items[begin..at], sum.saturating_mul(2)));
                (begin, sum) = (at, 0);
            }
            sum = sum.saturating_add(units);
        }
        if begin < items.len() {
            cut.push((&items[begin..], sum.saturating_mul(2)));
        }
        cut
    }

    /// Waits until so many units may be written.
    pub(crate) async fn wait(&self, units: u32) {
        let at = {
            let mut next = lock(&self.next);
            let now = Instant::now();
            let at = next.unwrap_or(now).max(now);
            *next = Some(at + Duration::from_secs(1).saturating_mul(units) / self.per_second.max(1));
            at
        };
        if at > Instant::now() + Self::AHEAD {
            tokio::time::sleep_until(at).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletions_are_cut_by_number_rate_and_size() {
        let cut = |per_second, units: &[u32]| -> Vec<(usize, u32)> {
            let limit = RateLimit::new(per_second, 1);
            limit.transactions(units, |units| *units).into_iter().map(|(items, units)| (items.len(), units)).collect()
        };
        assert_eq!(cut(500, &[]), []);
        assert_eq!(cut(500, &[1; 150]), [(99, 198), (51, 102)]);
        assert_eq!(cut(500, &[100, 100, 100, 400, 1]), [(2, 400), (1, 200), (1, 800), (1, 2)]);
        assert_eq!(cut(1, &[1, 1]), [(1, 2), (1, 2)]);
        assert_eq!(cut(u32::MAX, &[400; 20]), [(7, 5_600), (7, 5_600), (6, 4_800)]);
    }
}
