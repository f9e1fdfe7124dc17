//! A model of a queue: no call loses a message, doubles it, or puts it into two hands at once.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::attributes::QueueAttributes;
use super::message::Send;
use super::queue::Queue;

const VISIBILITY_MS: u64 = 30_000;

#[derive(Debug, Clone)]
enum Step {
    Send { group: u8, delay: u32 },
    Receive { max: usize },
    Delete { nth: usize },
    Return { nth: usize },
    Wait { ms: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3u8, prop_oneof![Just(0u32), 0..20u32]).prop_map(|(group, delay)| Step::Send { group, delay }),
        4 => (1..5usize).prop_map(|max| Step::Receive { max }),
        3 => (0..8usize).prop_map(|nth| Step::Delete { nth }),
        1 => (0..8usize).prop_map(|nth| Step::Return { nth }),
        2 => (0..40_000u64).prop_map(|ms| Step::Wait { ms }),
    ];
    proptest::collection::vec(step, 1..80)
}

/// A message in a receiver's hands.
struct Held {
    id: String,
    slot: u64,
    receipt: u64,
    until: u64,
}

fn run(fifo: bool, seed: Option<u64>, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let attributes = QueueAttributes { fifo, ..QueueAttributes::default() };
    let mut queue = Queue::new("q", "arn".into(), attributes, seed.map(StdRng::seed_from_u64), 0);
    let (mut now, mut sent) = (1_000u64, 0u64);
    let mut alive: HashMap<String, u8> = HashMap::new();
    let mut held: Vec<Held> = Vec::new();
    for step in steps {
        held.retain(|h| h.until > now);
        match step {
            Step::Send { group, delay } => {
                sent += 1;
                let send = Send {
                    body: "x".into(),
                    delay_seconds: (!fifo).then_some(delay),
                    group: fifo.then(|| group.to_string()),
                    deduplication: fifo.then(|| sent.to_string()),
                    ..Send::default()
                };
                prop_assert!(queue.check(&send).is_ok());
                // Ids grow, so that they show the order.
                queue.send(send, || format!("{sent:06}"), now);
                alive.insert(format!("{sent:06}"), group);
            }
            Step::Receive { max } => {
                let (received, dead) = queue.receive(max, None, true, now).unwrap();
                prop_assert!(dead.is_empty() && received.len() <= max);
                let groups_held: HashSet<_> = held.iter().filter_map(|h| alive.get(&h.id)).copied().collect();
                let mut handed_out: HashMap<u8, Vec<String>> = HashMap::new();
                for r in received {
                    let id = r.message.id.to_string();
                    prop_assert!(alive.contains_key(&id), "{id} came back after it was deleted");
                    prop_assert!(held.iter().all(|h| h.id != id), "{id} is in two hands");
                    if fifo {
                        let group = alive[&id];
                        prop_assert!(!groups_held.contains(&group), "the group was in flight");
                        handed_out.entry(group).or_default().push(id.clone());
                    }
                    let until = now + VISIBILITY_MS;
                    held.push(Held { id, slot: r.slot, receipt: r.receipt, until });
                }
                for (group, ids) in handed_out {
                    let mut oldest: Vec<_> =
                        alive.iter().filter(|(_, g)| **g == group).map(|(id, _)| id.clone()).collect();
                    oldest.sort();
                    oldest.truncate(ids.len());
                    prop_assert_eq!(ids, oldest, "the first of the group, in order");
                }
            }
            Step::Delete { nth } if nth < held.len() => {
                let h = held.swap_remove(nth);
                prop_assert!(queue.delete(h.slot, h.receipt).unwrap().is_some());
                alive.remove(&h.id);
            }
            Step::Return { nth } if nth < held.len() => {
                let h = held.swap_remove(nth);
                prop_assert!(queue.change_visibility(h.slot, h.receipt, 0, now).is_ok());
            }
            Step::Delete { .. } | Step::Return { .. } => {}
            Step::Wait { ms } => now += ms,
        }
        queue.tick(now);
        held.retain(|h| h.until > now);
        let counts = queue.counts();
        prop_assert_eq!(counts.ready + counts.in_flight + counts.delayed, alive.len());
        prop_assert_eq!(counts.in_flight, held.len());
        prop_assert_eq!(queue.has_ready(), fifo_ready(fifo, &alive, &held, counts.ready));
    }
    Ok(())
}

/// Returns whether a message can be received: in a FIFO queue, the first one of a group that is not in flight.
fn fifo_ready(fifo: bool, alive: &HashMap<String, u8>, held: &[Held], ready: usize) -> bool {
    if !fifo {
        return ready > 0;
    }
    let blocked: HashSet<_> = held.iter().filter_map(|h| alive.get(&h.id)).collect();
    alive.values().any(|group| !blocked.contains(group))
}

proptest! {
    #[test]
    fn a_standard_queue_keeps_its_messages(seed: Option<u64>, steps in steps()) {
        run(false, seed, steps)?;
    }

    #[test]
    fn a_fifo_queue_keeps_its_messages_and_their_order(seed: Option<u64>, steps in steps()) {
        run(true, seed, steps)?;
    }
}
