//! Connections at rest.

use cellstack_core::sync::lock;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use super::connect::{Connection, Target};

/// Most connections at rest: more than any function has concurrent calls.
const CAPACITY: usize = 64;
/// Longest rest, by the wall clock: the monotonic one stands still while a function's environment is frozen. AWS closes
/// idle connections after a minute or so, and a network may forget them without a word.
const LONGEST_REST: Duration = Duration::from_secs(50);

struct Resting {
    target: Target,
    connection: Connection,
    since: SystemTime,
}

/// The connections at rest.
#[derive(Default)]
pub(super) struct Pool {
    resting: Mutex<Vec<Resting>>,
}

impl Pool {
    /// Takes the connection to `target` that was used last.
    #[expect(clippy::disallowed_methods, reason = "a wall clock notices that an environment was frozen")]
    pub(super) fn take(&self, target: &Target) -> Option<Connection> {
        let mut resting = self.lock();
        let now = SystemTime::now();
        // After a wall clock was set back, connections from the future are not reused.
        resting.retain(|one| now.duration_since(one.since).is_ok_and(|rest| rest < LONGEST_REST));
        let place = resting.iter().rposition(|one| one.target == *target)?;
        Some(resting.remove(place).connection)
    }

    /// Lets a connection rest.
    #[expect(clippy::disallowed_methods, reason = "a wall clock notices that an environment was frozen")]
    pub(super) fn put(&self, target: Target, connection: Connection) {
        let mut resting = self.lock();
        if resting.len() == CAPACITY {
            resting.remove(0);
        }
        resting.push(Resting { target, connection, since: SystemTime::now() });
    }

    /// Moves the start of each connection's rest back by a time.
    #[cfg(test)]
    pub(super) fn age(&self, by: Duration) {
        for resting in self.lock().iter_mut() {
            resting.since -= by;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Resting>> {
        // A panic while the lock was held can't leave a connection half inserted.
        lock(&self.resting)
    }
}
