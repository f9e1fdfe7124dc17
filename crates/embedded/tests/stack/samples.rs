//! Every event of producer, placer and consumer in `events/` does what its `x-expect` says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsEvent;
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_consumer::{Consumer, Totals};
use cellstack_core::dead_letter::{DeadLetter, Place, Reason};
use cellstack_core::limits::pipeline;
use cellstack_core::{Epoch, EventId, EventRecord, Message, NewEvent, SystemClock};
use cellstack_emulator::Observation;
use cellstack_producer::{Producer, StreamEvent};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::first_sight;
use crate::world::StackWorld;

fn directory(function: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../events").join(function)
}

/// Returns the files of a function: name, invocation event, expectation.
fn read<T: DeserializeOwned, X: DeserializeOwned>(function: &str) -> Vec<(String, T, X)> {
    #[derive(Deserialize)]
    struct Expecting<X> {
        #[serde(rename = "x-expect")]
        expect: X,
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory(function)).unwrap() {
        let path = entry.unwrap().path();
        let (name, text) = (path.display().to_string(), std::fs::read_to_string(&path).unwrap());
        let expecting: Expecting<X> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        files.push((name, serde_json::from_str(&text).unwrap(), expecting.expect));
    }
    assert!(files.len() >= 2, "too few samples of {function}");
    files
}

#[tokio::test(start_paused = true)]
async fn producer_samples() {
    #[derive(Deserialize)]
    struct Expect {
        published: BTreeSet<EventId>,
        quarantined: Vec<EventId>,
    }
    let world = StackWorld::new().await;
    let settings = cellstack_producer::Settings {
        cell: "alpha".parse().unwrap(),
        topic_arn: "arn:aws:sns:us-east-1:000000000000:cellstack-cell-alpha-events".to_owned(),
        dlq_url: world.stack.queue_url("cellstack-cell-alpha-stream-dlq").await.unwrap(),
    };
    let clients = cellstack_producer::Clients { sns: world.stack.sns(), sqs: world.stack.sqs() };
    let producer = Producer::new(clients, settings, SystemClock::new());
    for (name, event, expect) in read::<StreamEvent, Expect>("producer") {
        let mut seen = world.stack.aws().observe();
        let response = producer.handle(event, pipeline::PRODUCER_TIMEOUT).await;
        assert!(response.batch_item_failures.is_empty(), "{name}");
        let (mut published, mut quarantined) = (BTreeSet::new(), Vec::new());
        while let Ok(observation) = seen.try_recv() {
            match observation {
                Observation::Published { body, .. } => drop(published.insert(Message::decode(&body).unwrap().id)),
                Observation::Enqueued { queue, body, .. } if queue.ends_with("-stream-dlq") => {
                    let letter = DeadLetter::read(&body, Place::Stream, &"alpha".parse().unwrap(), 1, "");
                    assert_eq!(letter.reason, Reason::Undecodable, "{name}");
                    quarantined.extend(letter.event);
                }
                _ => {}
            }
        }
        assert_eq!((published, quarantined), (expect.published, expect.quarantined), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn placer_samples() {
    #[derive(Deserialize)]
    struct Expect {
        placed: BTreeSet<String>,
    }
    for (name, event, expect) in read::<cellstack_placer::StreamEvent, Expect>("placer") {
        let mut world = first_sight::world().await;
        world.stack.drop_mappings();
        let response = first_sight::placer(&world).handle(event, pipeline::PLACER_TIMEOUT).await;
        assert!(response.batch_item_failures.is_empty(), "{name}");
        let entries = first_sight::placed(&world).await;
        let placed: BTreeSet<_> = entries.iter().map(|entry| entry.route.tenant_id.to_string()).collect();
        assert_eq!(placed, expect.placed, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn consumer_samples() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Total {
        count: u64,
        sum: String,
    }
    #[derive(Deserialize)]
    struct Expect {
        dead: BTreeSet<Reason>,
        totals: BTreeMap<String, Total>,
    }
    for (name, event, expect) in read::<SqsEvent, Expect>("consumer") {
        // A table that no stream mapping watches: only the test processes its items.
        const TABLE: &str = "samples";
        let world = StackWorld::new().await;
        world.create_table(TABLE).await;
        let client = world.stack.dynamodb();
        for record in &event.records {
            let Ok(message) = Message::decode(record.body.as_deref().unwrap()) else { continue };
            let new = NewEvent { id: message.id, event_type: message.event_type, data: message.data, context: None };
            let item = serde_dynamo::to_item(EventRecord::accepted(message.tenant, new, Epoch::FIRST, 0)).unwrap();
            client.put_item().table_name(TABLE).set_item(Some(item)).send().await.unwrap();
        }
        let settings = cellstack_consumer::Settings {
            cell: "alpha".parse().unwrap(),
            table: TABLE.to_owned(),
            queue_url: world.stack.queue_url("cellstack-cell-alpha-events").await.unwrap(),
            dlq_url: world.stack.queue_url("cellstack-cell-alpha-events-dlq").await.unwrap(),
            max_tries: pipeline::MAX_TRIES,
            event_timeout: pipeline::EVENT_TIMEOUT,
        };
        let clients = cellstack_consumer::Clients { dynamodb: client.clone(), sqs: world.stack.sqs() };
        let consumer = Consumer::new(clients, settings, Totals, SystemClock::new());
        let response = consumer.handle(event, Duration::from_secs(30)).await;
        assert!(response.batch_item_failures.is_empty(), "{name}");
        let dead: BTreeSet<Reason> = world.dead_letters("alpha").iter().map(|letter| letter.reason).collect();
        assert_eq!(dead, expect.dead, "{name}");
        let query = client
            .query()
            .table_name(TABLE)
            .key_condition_expression("tenant_id = :t AND begins_with(sk, :p)")
            .expression_attribute_values(":t", AttributeValue::S("acme".into()))
            .expression_attribute_values(":p", AttributeValue::S("total#".into()));
        let totals: BTreeMap<String, Total> = query
            .send()
            .await
            .unwrap()
            .items()
            .iter()
            .map(|item| {
                let number = |name: &str| item[name].as_n().unwrap().clone();
                let event_type = item["sk"].as_s().unwrap().trim_start_matches("total#").to_owned();
                (event_type, Total { count: number("count").parse().unwrap(), sum: number("sum") })
            })
            .collect();
        assert_eq!(totals, expect.totals, "{name}");
    }
}
