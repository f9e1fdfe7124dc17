//! A stack that is kept in a directory, over its end and over a crash.

use std::path::PathBuf;
use std::process::Command;

use super::world::{Served, request, run, soon};

const EVENT: &str = r#"{"type":"order.placed","data":{"amount":1}}"#;
const POISON: &str = r#"{"type":"invoice.paid","data":{"amount":"ninety-nine"}}"#;

/// A directory of a test's own, gone with it.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cellstack-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    pub(super) fn serve(&self) -> Served {
        Served::start(&["--cells", "alpha,beta", "--data", self.path()])
    }

    /// Serves it, which is refused; with what.
    fn refused(&self, more: &[&str]) -> String {
        let serve = ["serve", "--port", "0", "--endpoint-port", "0", "--data", self.path()];
        let output = run(&[&serve, more].concat());
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) fn post(served: &Served, tenant: &str, event: &str) -> String {
    let (status, body) = served.post(tenant, event);
    assert_eq!(status, 202, "{body}");
    let response: serde_json::Value = serde_json::from_str(&body).unwrap();
    response["id"].as_str().unwrap().to_owned()
}

pub(super) fn status(served: &Served, tenant: &str, id: &str) -> String {
    let (_, body) = served.get(tenant, &format!("/v1/events/{id}"));
    let event: serde_json::Value = serde_json::from_str(&body).unwrap();
    event["status"].as_str().unwrap_or_default().to_owned()
}

/// Returns the number of events in a tenant's totals.
fn processed(served: &Served, tenant: &str) -> u64 {
    let (_, body) = served.get(tenant, "/v1/totals");
    let totals: serde_json::Value = serde_json::from_str(&body).unwrap();
    totals["totals"][0]["count"].as_u64().unwrap_or_default()
}

fn aws(served: &Served, target: &str, body: &str) -> serde_json::Value {
    let headers = format!("x-amz-target: {target}\r\ncontent-length: {}\r\n", body.len());
    let (status, response) = request(served.endpoint, "POST /", &headers, body);
    assert_eq!(status, 200, "{response}");
    serde_json::from_str(&response).unwrap()
}

fn sqs(served: &Served, operation: &str, body: &str) -> serde_json::Value {
    aws(served, &format!("AmazonSQS.{operation}"), body)
}

fn messages(served: &Served, queue: &str) -> Vec<String> {
    let url = format!("http://{}/000000000000/{queue}", served.endpoint);
    let body = format!(r#"{{"QueueUrl":"{url}","MaxNumberOfMessages":10,"VisibilityTimeout":0}}"#);
    let response = sqs(served, "ReceiveMessage", &body);
    let messages = response["Messages"].as_array().cloned().unwrap_or_default();
    messages.iter().map(|message| message["Body"].as_str().unwrap().to_owned()).collect()
}

/// Ends it with a signal while events are at each place of their way, and serves it again: all are there, and processed once.
fn ends_and_goes_on(signal: &str) {
    let scratch = Scratch::new(&format!("goes-on{signal}"));
    let mut served = scratch.serve();
    let done = post(&served, "acme", EVENT);
    let dead = post(&served, "acme", POISON);
    soon("one is processed", || (status(&served, "acme", &done) == "processed").then_some(()));
    soon("one has its letter", || (messages(&served, "cellstack-cell-alpha-events-dlq").len() == 1).then_some(()));
    // Acme's wait in the queue, globex's in the table.
    served.fault(&["add", "consumer-error", "--cell", "alpha"]).unwrap();
    served.fault(&["add", "down", "--cell", "beta", "--for", "1h"]).unwrap();
    served.fault(&["clear", "2"]).unwrap();
    let mut waiting: Vec<_> = (0..30).map(|_| ("acme", post(&served, "acme", EVENT))).collect();
    waiting.extend((0..30).map(|_| ("globex", post(&served, "globex", EVENT))));
    sqs(&served, "CreateQueue", r#"{"QueueName":"mine","Attributes":{"VisibilityTimeout":"7"}}"#);
    let url = format!("http://{}/000000000000/mine", served.endpoint);
    sqs(&served, "SendMessage", &format!(r#"{{"QueueUrl":"{url}","MessageBody":"hello"}}"#));
    served.signal(signal);
    served.ended();

    let served = scratch.serve();
    for (tenant, id) in &waiting {
        soon("all that was accepted is processed", || (status(&served, tenant, id) == "processed").then_some(()));
    }
    assert_eq!((status(&served, "acme", &done), status(&served, "acme", &dead)), ("processed".into(), "failed".into()));
    assert_eq!((processed(&served, "acme"), processed(&served, "globex")), (31, 30));
    let dead_letters = messages(&served, "cellstack-cell-alpha-events-dlq");
    assert!(dead_letters.len() == 1 && dead_letters[0].contains(&dead), "{dead_letters:?}");
    assert_eq!(messages(&served, "mine"), ["hello"]);
    let queue = format!(
        r#"{{"QueueUrl":"http://{}/000000000000/mine","AttributeNames":["VisibilityTimeout"]}}"#,
        served.endpoint
    );
    assert_eq!(sqs(&served, "GetQueueAttributes", &queue)["Attributes"]["VisibilityTimeout"], "7");
}

#[test]
fn a_stack_goes_on_after_its_end() {
    ends_and_goes_on("-TERM");
}

#[test]
fn a_stack_that_was_killed_has_lost_nothing_and_does_nothing_twice() {
    ends_and_goes_on("-KILL");
}

#[test]
fn a_directory_is_served_once_at_a_time_and_with_its_own_cells() {
    let scratch = Scratch::new("once");
    let mut served = scratch.serve();
    assert!(scratch.refused(&[]).contains("is in use by another cellstack-local serve"));
    served.signal("-TERM");
    served.ended();
    let other = scratch.refused(&["--cells", "alpha"]);
    assert!(other.contains("holds a stack of cells alpha,beta, not alpha; leave --cells out"), "{other}");
    // Its own cells where none are named.
    let served = Served::start(&["--data", scratch.path()]);
    assert!(served.fault(&["add", "down", "--cell", "gamma"]).unwrap_err().contains("expected one of alpha, beta"));
}

#[test]
fn a_directory_of_something_else_is_left_as_it_is() {
    let scratch = Scratch::new("else");
    std::fs::create_dir_all(&scratch.0).unwrap();
    std::fs::write(scratch.0.join("thesis.txt"), "text").unwrap();
    assert!(scratch.refused(&[]).contains("holds something else (thesis.txt)"));
    std::fs::remove_file(scratch.0.join("thesis.txt")).unwrap();
    std::fs::write(scratch.0.join("cellstack.json"), r#"{"format":2,"shards":7}"#).unwrap();
    let newer = scratch.refused(&[]);
    assert!(newer.contains("has format 2; this version reads format 1"), "{newer}");
    std::fs::write(scratch.0.join("cellstack.json"), "{").unwrap();
    assert!(scratch.refused(&[]).contains("cellstack.json is damaged"));
    // A file system that takes no directory, as good as one that is read-only.
    let output = run(&["serve", "--port", "0", "--endpoint-port", "0", "--data", "/proc/cellstack"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("--data: can't make /proc/cellstack"));
}

#[test]
fn a_full_disk_refuses_new_events_and_keeps_those_it_took() {
    let scratch = Scratch::new("full");
    drop(scratch.serve());
    // A limit on the size of each file stands for a disk without room; 2 MB, in blocks of 1,024 bytes.
    let limited = format!(
        "trap '' XFSZ; ulimit -f 2000; exec {} serve --port 0 --endpoint-port 0 --data {}",
        env!("CARGO_BIN_EXE_cellstack-local"),
        scratch.path()
    );
    let mut served = Served::spawn(Command::new("bash").args(["-c", &limited]));
    let large = format!(r#"{{"type":"order.placed","data":{{"amount":1,"note":"{}"}}}}"#, "x".repeat(50_000));
    let mut taken = Vec::new();
    let refused = loop {
        match served.post("acme", &large) {
            (202, body) => taken.push(serde_json::from_str::<serde_json::Value>(&body).unwrap()["id"].clone()),
            (status, _) => break status,
        }
        assert!(taken.len() < 1_000, "there is no end");
    };
    assert_eq!(refused, 503);
    served.signal("-KILL");
    served.ended();
    let served = scratch.serve();
    for id in &taken {
        let id = id.as_str().unwrap();
        soon("what was accepted is processed", || (status(&served, "acme", id) == "processed").then_some(()));
    }
    assert!(!taken.is_empty());
}

#[test]
fn the_directory_of_an_earlier_version_gets_the_index_of_cells() {
    let scratch = Scratch::new("earlier");
    let served = scratch.serve();
    let drop = r#"{"TableName":"cellstack-registry","GlobalSecondaryIndexUpdates":[{"Delete":{"IndexName":"cells"}}]}"#;
    aws(&served, "DynamoDB_20120810.UpdateTable", drop);
    let error = served.cell(&["ls"]).unwrap_err();
    assert!(error.contains("does not have the specified index: cells"), "{error}");
    std::mem::drop(served);
    let served = scratch.serve();
    let listed = served.cell(&["ls"]).unwrap();
    assert!(listed.contains("alpha") && listed.contains("beta"), "{listed}");
}
