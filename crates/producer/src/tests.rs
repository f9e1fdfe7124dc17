//! Batches of records against a topic that fails at random.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cellstack_core::{EventId, Message, TenantId, message::deduplication_id};
use proptest::prelude::*;
use serde_json::json;

use crate::StreamEvent;
use crate::scripted::{Entry, Reply, producer};

const TIME: Duration = Duration::from_secs(30);

/// Returns new events of these tenants, one after the other.
fn records(tenants: &[usize], data: &str) -> Vec<serde_json::Value> {
    let record = |(at, tenant): (usize, &usize)| {
        json!({
            "eventID": sequence(at), "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": "us-east-1",
            "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/cellstack-cell-alpha/stream/1",
            "eventName": "INSERT",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_767_225_600,
                "Keys": { "tenant_id": { "S": name(*tenant) }, "sk": { "S": format!("event#{}", id(at)) } },
                "NewImage": {
                    "tenant_id": { "S": name(*tenant) }, "sk": { "S": format!("event#{}", id(at)) },
                    "type": { "S": "t" }, "status": { "S": "accepted" }, "epoch": { "N": "1" },
                    "accepted_at": { "N": "0" }, "body_sha256": { "S": "" }, "data": { "S": data },
                },
                "SequenceNumber": sequence(at), "SizeBytes": 1, "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
        })
    };
    tenants.iter().enumerate().map(record).collect()
}

fn name(tenant: usize) -> String {
    format!("tenant-{tenant}")
}

fn id(at: usize) -> EventId {
    EventId::named("test", &at.to_string())
}

fn sequence(at: usize) -> String {
    format!("{at:021}")
}

/// Trouble of one call of `PublishBatch`.
#[derive(Debug, Clone)]
enum Trouble {
    None,
    /// The entries whose bits are set fail.
    Entries(u16),
    /// The whole call fails.
    Error,
    /// All entries pass, and the response is lost.
    Lost,
}

/// A FIFO topic: it accepts messages that it has not seen, and keeps them.
#[derive(Default)]
struct Topic {
    trouble: Vec<Trouble>,
    accepted: Vec<(String, EventId)>,
    seen: BTreeSet<String>,
    batches: Vec<Vec<String>>,
}

impl Topic {
    fn take(&mut self, entries: &[Entry]) -> Reply {
        self.batches.push(entries.iter().map(|entry| entry.group.clone()).collect());
        let trouble = self.trouble.pop().unwrap_or(Trouble::None);
        let fails = |at: usize| match trouble {
            Trouble::Entries(mask) => mask >> at & 1 == 1,
            Trouble::Error => true,
            Trouble::None | Trouble::Lost => false,
        };
        for (_, entry) in entries.iter().enumerate().filter(|(at, _)| !fails(*at)) {
            let event = Message::decode(&entry.body).unwrap().id;
            if entry.deduplication.as_ref().is_none_or(|id| self.seen.insert(id.clone())) {
                self.accepted.push((entry.group.clone(), event));
            }
        }
        match trouble {
            Trouble::Error | Trouble::Lost => Reply::Error,
            _ => Reply::Failed((0..entries.len()).filter(|at| fails(*at)).collect()),
        }
    }
}

/// Hands records to a producer as a stream mapping does: again from the lowest sequence number that failed.
async fn publish(topic: &str, tenants: &[usize], trouble: Vec<Trouble>) -> Topic {
    let topic_state = Arc::new(Mutex::new(Topic { trouble, ..Topic::default() }));
    let taking = Arc::clone(&topic_state);
    let producer = producer(topic, move |entries| taking.lock().unwrap().take(entries));
    let records = records(tenants, "1");
    let (mut start, mut tries) = (0, 0);
    while start < records.len() {
        tries += 1;
        assert!(tries < 200, "stuck at {start}");
        let event: StreamEvent = serde_json::from_value(json!({ "Records": records[start..] })).unwrap();
        let response = producer.handle(event, TIME).await;
        let failures = response.batch_item_failures;
        assert!(failures.len() <= 1, "{failures:?}");
        start = match failures.first() {
            Some(failure) => failure.item_identifier.as_ref().unwrap().parse().unwrap(),
            None => records.len(),
        };
    }
    drop(producer);
    Arc::into_inner(topic_state).unwrap().into_inner().unwrap()
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        4 => Just(Trouble::None),
        4 => (1_u16..1_024).prop_map(Trouble::Entries),
        1 => Just(Trouble::Error),
        1 => Just(Trouble::Lost),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whichever_entries_fail_each_tenants_order_is_kept_and_nothing_is_swallowed(
        tenants in proptest::collection::vec(0..8_usize, 1..100),
        trouble in proptest::collection::vec(trouble(), 0..20),
        fifo in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let topic = runtime.block_on(publish(if fifo { "events.fifo" } else { "events" }, &tenants, trouble));
        let mut expected: BTreeMap<String, Vec<EventId>> = BTreeMap::new();
        for (at, tenant) in tenants.iter().enumerate() {
            expected.entry(name(*tenant)).or_default().push(id(at));
        }
        let mut accepted: BTreeMap<String, Vec<EventId>> = BTreeMap::new();
        for (tenant, event) in &topic.accepted {
            accepted.entry(tenant.clone()).or_default().push(*event);
        }
        if !fifo {
            // A repeat is another message, and a standard topic keeps no order.
            for events in accepted.values_mut().chain(expected.values_mut()) {
                events.sort();
                events.dedup();
            }
        }
        prop_assert_eq!(accepted, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_middle_entry_that_fails_is_overtaken_by_none_of_its_tenant() {
    // Troubles are taken from the end: the second entry of a batch that held all three, then the second call of three.
    for trouble in [vec![Trouble::Entries(0b010)], vec![Trouble::Entries(0b001), Trouble::None]] {
        let topic = publish("events.fifo", &[1, 1, 1], trouble).await;
        let order: Vec<_> = topic.accepted.iter().map(|(_, event)| *event).collect();
        assert_eq!(order, [id(0), id(1), id(2)], "{:?}", topic.batches);
    }
}

#[tokio::test(start_paused = true)]
async fn equal_events_of_two_tenants_are_both_published() {
    let topic = Arc::new(Mutex::new(Topic::default()));
    let taking = Arc::clone(&topic);
    let producer = producer("events.fifo", move |entries| taking.lock().unwrap().take(entries));
    let mut records = records(&[1], "1");
    let other = serde_json::to_string(&records[0]).unwrap().replace("tenant-1", "tenant-2");
    records.push(serde_json::from_str(&other).unwrap());
    producer.handle(serde_json::from_value(json!({ "Records": records })).unwrap(), TIME).await;
    let tenants: BTreeSet<_> = topic.lock().unwrap().accepted.iter().map(|(tenant, _)| tenant.clone()).collect();
    assert_eq!(tenants, BTreeSet::from([name(1), name(2)]));
    let tenant: TenantId = name(1).parse().unwrap();
    assert!(topic.lock().unwrap().seen.contains(&deduplication_id(&tenant, id(0))));
}

#[tokio::test(start_paused = true)]
async fn a_slow_topic_is_left_before_the_deadline_and_what_was_published_counts() {
    let begun = tokio::time::Instant::now();
    let producer = producer("events.fifo", |_| Reply::Slow(Duration::from_secs(2)));
    let records = records(&[1; 100], "1");
    let event = serde_json::from_value(json!({ "Records": records })).unwrap();
    let response = producer.handle(event, TIME).await;
    assert!(begun.elapsed() < TIME, "{:?}", begun.elapsed());
    assert_eq!(response.batch_item_failures[0].item_identifier, Some(sequence(14)));
}
