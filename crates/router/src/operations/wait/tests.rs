//! A request that waits, against a DynamoDB that responds by a script.

use lambda_http::http::Method;
use serde_json::{Value, json};

use super::*;
use crate::auth::TenantSource;
use crate::scripted::{PausedClock, Reply, Script, Sent};
use crate::settings::Settings;

const ID: &str = "01930000-0000-7000-8000-000000000001";
const SECOND: Duration = Duration::from_secs(1);

/// Returns the event's item, as DynamoDB shows it.
fn event(status: &str, data_length: usize) -> Reply {
    let data = format!("\"{}\"", "x".repeat(data_length));
    Reply::Ok(json!({ "Item": {
        "tenant_id": { "S": "acme" }, "sk": { "S": format!("event#{ID}") }, "type": { "S": "t" }, "data": { "S": data },
        "status": { "S": status }, "epoch": { "N": "1" }, "accepted_at": { "N": "5" }, "body_sha256": { "S": "" },
    } }))
}

/// The tenant's entry in the map.
fn route() -> Reply {
    Reply::Ok(json!({ "Item": {
        "tenant_id": { "S": "acme" }, "cell_id": { "S": "alpha" }, "epoch": { "N": "1" }, "state": { "S": "active" },
    } }))
}

fn accepted() -> Reply {
    event("accepted", 10)
}

/// A router that knows acme's cell, which responds by the script.
struct Scene {
    router: Router<PausedClock>,
    script: Script,
}

/// The response to a request, its duration and its reads.
struct Outcome {
    status: u16,
    body: Value,
    took: Duration,
    /// The reads of the event: true for a consistent one.
    reads: Vec<bool>,
}

impl Scene {
    async fn new() -> Self {
        let cell = json!({ "pk": { "S": "cell#alpha" }, "sk": { "S": "config" }, "table": { "S": "cell" } });
        let script = Script::new([route(), Reply::Ok(json!({ "Items": [cell], "Count": 1 }))]);
        let settings = Settings::new("map".to_owned(), "registry".to_owned(), TenantSource::Header);
        let scene = Self { router: Router::new(&script.config(), settings, PausedClock::new()), script };
        scene.ask(Method::GET, "/v1/route", "", 10 * SECOND).await;
        scene
    }

    async fn ask(&self, method: Method, path: &str, query: &str, time: Duration) -> Outcome {
        let invocation = json!({
            "rawPath": path, "rawQueryString": query, "headers": { "x-tenant-id": "acme" },
            "requestContext": { "http": { "method": method.as_str() } },
        });
        let begun = Instant::now();
        let invocation = serde_json::from_value(invocation).unwrap();
        let response = self.router.invoke(invocation, "r-1", time).await.0;
        let took = begun.elapsed();
        let body = serde_json::from_slice(response.body().as_ref()).unwrap_or_default();
        let is_read = |sent: &Sent| sent.body["TableName"] == "cell";
        let reads = self.script.take().iter().filter(|sent| is_read(sent)).map(is_consistent).collect();
        Outcome { status: response.status().as_u16(), body, took, reads }
    }

    /// Waits for the event, with these replies to its reads.
    async fn wait(&self, wait: u8, replies: impl IntoIterator<Item = Reply>) -> Outcome {
        self.script.set_all(replies);
        self.ask(Method::GET, &format!("/v1/events/{ID}"), &format!("wait={wait}"), 10 * SECOND).await
    }
}

fn is_consistent(sent: &Sent) -> bool {
    sent.body["ConsistentRead"] == true
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_done_is_returned_at_once() {
    let scene = Scene::new().await;
    for status in ["processed", "failed", "held", "carried"] {
        let Outcome { status: http, body, took, reads } = scene.wait(5, [event(status, 10), route()]).await;
        assert_eq!((http, body["status"].as_str()), (200, Some(status)));
        assert!(took < Duration::from_millis(50), "{status} took {took:?}");
        // The map is read again for an event that may have moved on; its cell is the same.
        assert_eq!(reads, [true], "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_done_during_the_wait_is_read_whole_then() {
    let scene = Scene::new().await;
    let done = || event("processed", 10);
    let Outcome { status, body, took, reads } = scene.wait(5, [accepted(), accepted(), accepted(), done()]).await;
    assert_eq!((status, body["status"].as_str()), (200, Some("processed")));
    assert_eq!(reads, [true, false, false, false, true]);
    assert!(took >= 7 * WAIT_PAUSE && took < 8 * WAIT_PAUSE, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn when_the_time_is_over_the_present_state_is_the_response_and_few_units_were_read() {
    for wait in 0..=5_u8 {
        let scene = Scene::new().await;
        let Outcome { status, body, took, reads } = scene.wait(wait, [accepted()]).await;
        assert_eq!((status, body["status"].as_str()), (200, Some("accepted")));
        let asked = SECOND * wait.into();
        assert!(took >= asked && took < asked + Duration::from_millis(20), "wait={wait} took {took:?}");
        let full = reads.iter().filter(|is_consistent| **is_consistent).count();
        assert_eq!(full, if wait == 0 { 1 } else { 2 }, "{reads:?}");
        assert!(reads.len() - full <= 4 + usize::from(wait), "wait={wait}: {reads:?}");
    }
}

/// A read of 200 KB takes fifty units of its partition's 3,000 per second.
#[tokio::test(start_paused = true)]
async fn a_large_event_is_looked_at_less_often() {
    let scene = Scene::new().await;
    let Outcome { took, reads, .. } = scene.wait(5, [event("accepted", 200 * 1024)]).await;
    assert_eq!(reads, [true, false, true]);
    assert!(took >= 5 * SECOND, "{took:?}");
}

/// The event had failed and was sent again, which the replica does not know yet.
#[tokio::test(start_paused = true)]
async fn what_a_replica_that_is_behind_says_is_not_the_response() {
    let scene = Scene::new().await;
    let replies = [accepted(), event("failed", 10), accepted(), Reply::Ok(json!({})), accepted()];
    let Outcome { body, took, reads, .. } = scene.wait(1, replies).await;
    assert_eq!(body["status"], "accepted");
    assert!(took >= SECOND, "{took:?}");
    assert_eq!(reads[..5], [true, false, true, false, true]);
}

#[tokio::test(start_paused = true)]
async fn nobodys_event_is_not_waited_for() {
    let scene = Scene::new().await;
    let Outcome { status, body, took, .. } = scene.wait(5, [Reply::Ok(json!({})), route()]).await;
    assert_eq!((status, body["type"].as_str()), (404, Some("urn:cellstack:problem:unknown-event")));
    assert!(took < Duration::from_millis(50), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_fails_ends_the_wait() {
    for failing in [Reply::Failed, Reply::Hang, Reply::Refused("ThrottlingException", json!({}))] {
        let scene = Scene::new().await;
        let Outcome { status, took, reads, .. } = scene.wait(5, [accepted(), failing.clone()]).await;
        assert_eq!(status, 503, "{failing:?}");
        // A poll and a read, with the longest time of each.
        assert!(took < 2 * CELL_TIMEOUT + SECOND / 2, "{failing:?} took {took:?}");
        assert!(reads.len() > 1, "it is asked once it is waited for");
    }
}

#[tokio::test(start_paused = true)]
async fn a_try_that_fails_does_not() {
    let scene = Scene::new().await;
    let Outcome { status, body, .. } = scene.wait(5, [accepted(), Reply::Failed, event("processed", 10)]).await;
    assert_eq!((status, body["status"].as_str()), (200, Some("processed")));
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_its_invocation() {
    let scene = Scene::new().await;
    scene.script.set(accepted());
    let path = format!("/v1/events/{ID}");
    let Outcome { status, body, took, .. } = scene.ask(Method::GET, &path, "wait=5", 3 * SECOND).await;
    assert_eq!((status, body["status"].as_str()), (200, Some("accepted")));
    assert!(took < 2 * SECOND, "{took:?}");
    // There is no time at all to wait.
    let Outcome { status, took, .. } = scene.ask(Method::GET, &path, "wait=5", SECOND).await;
    assert_eq!(status, 200);
    assert!(took < SECOND, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn head_waits_too() {
    let scene = Scene::new().await;
    scene.script.set_all([accepted(), event("processed", 10)]);
    let path = format!("/v1/events/{ID}");
    let Outcome { status, body, took, reads } = scene.ask(Method::HEAD, &path, "wait=5", 10 * SECOND).await;
    assert_eq!((status, body, reads.len()), (200, Value::Null, 3));
    assert!(took >= WAIT_PAUSE, "{took:?}");
}
