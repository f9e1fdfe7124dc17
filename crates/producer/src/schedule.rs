//! The order in which messages are published: which may go next, in which batch.

use std::collections::HashSet;

use cellstack_core::TenantId;
use cellstack_core::limits::{PUBLISH_BATCH_BYTES, PUBLISH_BATCH_ENTRIES, PUBLISH_CALLS};
use cellstack_core::mutation::{Mutation, is_planted};

use crate::decode::Outgoing;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EntryState {
    Waiting,
    UnderWay,
    Published,
    Failed,
}

/// Messages on their way to the topic. Lambda repeats all records from the lowest one that did not pass, so nothing
/// behind a failed message is started any more.
pub(crate) struct Schedule<'a> {
    messages: &'a [Outgoing],
    states: Vec<EntryState>,
    /// True if a message goes only after its tenant's message before it was accepted. A FIFO topic keeps the order in
    /// which it accepts messages, and `PublishBatch` accepts each entry on its own: of two entries of one tenant in a
    /// batch the second may pass where the first fails.
    one_per_tenant: bool,
    /// The place of the lowest message that failed.
    failed: usize,
}

impl<'a> Schedule<'a> {
    pub(crate) fn new(messages: &'a [Outgoing], fifo: bool) -> Self {
        let one_per_tenant = fifo && !is_planted(Mutation::EntryOvertakes);
        Self { messages, states: vec![EntryState::Waiting; messages.len()], one_per_tenant, failed: usize::MAX }
    }

    /// Returns the number of calls that may be under way at once. A standard topic's batch may hold any messages, so
    /// one call is enough.
    pub(crate) const fn calls(&self) -> usize {
        if self.one_per_tenant { PUBLISH_CALLS } else { 1 }
    }

    /// Takes the next batch: the places of at most ten messages of 256 KiB together, in order; empty where no message
    /// may go now. A message that is too large gets a batch of its own: the service refuses it, and its neighbours
    /// pass.
    pub(crate) fn next_batch(&mut self) -> Vec<usize> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        let mut blocked: HashSet<&TenantId> = HashSet::new();
        for (at, message) in self.messages.iter().enumerate().take(self.failed) {
            if self.states[at] == EntryState::Published || (self.one_per_tenant && blocked.contains(&message.tenant)) {
                continue;
            }
            blocked.insert(&message.tenant);
            if self.states[at] != EntryState::Waiting {
                continue;
            }
            let full = batch.len() == PUBLISH_BATCH_ENTRIES || bytes + message.size() > PUBLISH_BATCH_BYTES;
            if full && !batch.is_empty() {
                break;
            }
            bytes += message.size();
            batch.push(at);
        }
        batch.iter().for_each(|at| self.states[*at] = EntryState::UnderWay);
        batch
    }

    /// Notes the outcome of a batch.
    pub(crate) fn finish(&mut self, batch: &[usize], failed: &[usize]) {
        for at in batch {
            let passed = !failed.contains(at);
            self.states[*at] = if passed { EntryState::Published } else { EntryState::Failed };
            if !passed {
                self.failed = self.failed.min(*at);
            }
        }
    }

    /// Returns the place of the lowest message that is not published: all before it are.
    pub(crate) fn unpublished(&self) -> Option<usize> {
        self.states.iter().position(|state| *state != EntryState::Published)
    }
}

#[cfg(test)]
mod tests {
    use cellstack_core::EventId;
    use proptest::prelude::*;

    use super::*;

    /// Returns messages, each of a tenant and with a body of this length.
    fn messages(of: &[(u8, usize)]) -> Vec<Outgoing> {
        let message = |(at, (tenant, size)): (usize, &(u8, usize))| Outgoing {
            tenant: format!("t{tenant}").parse().unwrap(),
            event_type: "t".parse().unwrap(),
            id: EventId::named("test", &at.to_string()),
            body: "x".repeat(*size),
        };
        of.iter().enumerate().map(message).collect()
    }

    fn batches(messages: &[Outgoing], fifo: bool) -> Vec<Vec<usize>> {
        let mut schedule = Schedule::new(messages, fifo);
        let mut batches = Vec::new();
        loop {
            let batch = schedule.next_batch();
            if batch.is_empty() {
                return batches;
            }
            schedule.finish(&batch, &[]);
            batches.push(batch);
        }
    }

    #[test]
    fn batches_end_at_ten_entries_and_at_256_kib() {
        assert!(batches(&[], false).is_empty());
        let of = |sizes: &[usize]| batches(&messages(&sizes.iter().map(|size| (1, *size)).collect::<Vec<_>>()), false);
        assert_eq!(of(&[1; 11]), [(0..10).collect::<Vec<_>>(), vec![10]]);
        let half = PUBLISH_BATCH_BYTES / 2 - 100;
        assert_eq!(of(&[half, half, 1_000]), [vec![0, 1], vec![2]]);
        assert_eq!(of(&[PUBLISH_BATCH_BYTES + 1, 1]), [[0], [1]]);
    }

    #[test]
    fn a_tenants_next_message_waits_for_the_one_before_it_and_others_do_not() {
        let messages = messages(&[(1, 1), (1, 1), (2, 1), (1, 1), (3, 1), (2, 1)]);
        let mut schedule = Schedule::new(&messages, true);
        assert_eq!(schedule.next_batch(), [0, 2, 4]);
        assert!(schedule.next_batch().is_empty(), "nothing goes while it is not known");
        schedule.finish(&[0, 2, 4], &[]);
        assert_eq!(schedule.next_batch(), [1, 5]);
        schedule.finish(&[1, 5], &[1]);
        assert!(schedule.next_batch().is_empty());
        assert_eq!(schedule.unpublished(), Some(1));
    }

    #[test]
    fn behind_a_failure_nothing_is_started_and_before_it_everything() {
        let messages = messages(&[(1, 1), (1, 1), (2, 1), (2, 1)]);
        let mut schedule = Schedule::new(&messages, true);
        assert_eq!(schedule.next_batch(), [0, 2]);
        schedule.finish(&[0, 2], &[2]);
        assert_eq!(schedule.next_batch(), [1], "it is before the one that failed");
        schedule.finish(&[1], &[]);
        assert!(schedule.next_batch().is_empty());
        assert_eq!(schedule.unpublished(), Some(2));
    }

    proptest! {
        #[test]
        fn every_message_is_in_one_batch_each_tenants_in_order_and_no_batch_is_over_a_limit(
            of in proptest::collection::vec((0..6_u8, 0..PUBLISH_BATCH_BYTES / 3), 0..60), fifo in any::<bool>(),
        ) {
            let messages = messages(&of);
            let batches = batches(&messages, fifo);
            let mut covered: Vec<usize> = batches.iter().flatten().copied().collect();
            if !fifo {
                prop_assert!(covered.is_sorted());
            }
            for tenant in 0..6 {
                let own: Vec<_> = covered.iter().filter(|at| of[**at].0 == tenant).collect();
                prop_assert!(own.is_sorted());
            }
            covered.sort_unstable();
            prop_assert_eq!(covered, (0..of.len()).collect::<Vec<_>>());
            for batch in batches {
                prop_assert!(batch.len() <= PUBLISH_BATCH_ENTRIES);
                prop_assert!(batch.iter().map(|at| messages[*at].size()).sum::<usize>() <= PUBLISH_BATCH_BYTES);
                let tenants: HashSet<_> = batch.iter().map(|at| of[*at].0).collect();
                prop_assert!(!fifo || tenants.len() == batch.len());
            }
        }
    }
}
