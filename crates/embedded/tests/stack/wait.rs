//! Requests that wait until an event is done.

use std::time::Duration;

use bytes::Bytes;
use cellstack_consumer::{Effects, ProcessError, Processor};
use cellstack_core::Message;
use cellstack_emulator::{Fault, FaultKind};
use futures::future::join_all;
use hyper::Request;
use tokio::time::Instant;

use crate::environment::Environment;
use crate::standby::{ORDER, mark, stand_by};
use crate::world::{StackWorld, builder};

const SECOND: Duration = Duration::from_secs(1);

/// A processor that takes its time.
struct Slow(Duration);

impl Processor for Slow {
    async fn process(&self, event: &Message) -> Result<Effects, ProcessError> {
        tokio::time::sleep(self.0).await;
        match event.event_type.as_str() {
            "order.refused" => Err(ProcessError::Permanent("no".to_owned())),
            _ => Ok(Effects::none()),
        }
    }
}

fn path(id: &str, wait: u8) -> String {
    format!("/v1/events/{id}?wait={wait}")
}

#[tokio::test(start_paused = true)]
async fn the_response_comes_when_the_event_is_done() {
    let world = StackWorld::with(|| Slow(SECOND / 2)).await;
    for (event, status) in [(ORDER, "processed"), (r#"{"type":"order.refused"}"#, "failed")] {
        let id = world.post("acme", event).await.id();
        let begun = Instant::now();
        let response = world.get("acme", &path(&id, 5)).await;
        assert_eq!((response.status, response.json()["status"].as_str()), (200, Some(status)));
        assert_eq!(response.header("x-cell-id"), "alpha");
        // A poll is late by no more than the time that has gone by.
        assert!(begun.elapsed() >= SECOND / 2 && begun.elapsed() < 2 * SECOND, "{status} after {:?}", begun.elapsed());

        let begun = Instant::now();
        let head = Request::head(path(&id, 5)).header("x-tenant-id", "acme").body(Bytes::new()).unwrap();
        let head = world.send(head).await;
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        assert!(begun.elapsed() < SECOND / 20, "done already: {:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_waits_a_lot_holds_up_nothing() {
    let world = StackWorld::with(|| Slow(SECOND / 4)).await;
    let posts = join_all((0..40).map(|_| world.post("acme", ORDER))).await;
    let ids: Vec<String> = posts.iter().map(|post| post.id()).collect();
    let begun = Instant::now();
    let responses = join_all(ids.iter().map(async |id| world.get("acme", &path(id, 5)).await)).await;
    assert!(responses.iter().all(|response| response.json()["status"] == "processed"), "after {:?}", begun.elapsed());
    assert!(begun.elapsed() < 5 * SECOND, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn when_the_time_is_over_the_event_is_as_it_is() {
    let world = StackWorld::new().await;
    world.stack.aws().faults().inject(Fault::any("SNS", FaultKind::ServerError));
    let id = world.post("acme", ORDER).await.id();
    for wait in [0, 1, 5] {
        let begun = Instant::now();
        let response = world.get("acme", &path(&id, wait)).await;
        assert_eq!((response.status, response.json()["status"].as_str()), (200, Some("accepted")));
        let late = begun.elapsed().checked_sub(SECOND * wait.into());
        assert!(late.is_some_and(|late| late < SECOND / 10), "wait={wait} took {:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_once_where_there_is_nothing_to_wait_for() {
    let world = StackWorld::new().await;
    let id = world.post("acme", ORDER).await.id();
    for (tenant, path, status, problem) in [
        ("globex", path(&id, 5), 404, "unknown-event"),
        ("nobody", path(&id, 5), 404, "unknown-tenant"),
        ("acme", format!("/v1/events/{id}?wait=-1"), 400, "invalid-request"),
        ("acme", format!("/v1/events/{id}?wait="), 400, "invalid-request"),
        ("acme", format!("/v1/events/{id}?wait=5&wait=6"), 400, "invalid-request"),
    ] {
        let begun = Instant::now();
        let response = world.get(tenant, &path).await;
        assert_eq!((response.status, response.problem().as_str()), (status, problem), "{path}");
        assert!(begun.elapsed() < SECOND / 10, "{path}: {:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_fails_during_the_wait_ends_it() {
    let hot = FaultKind::Error {
        status: 400,
        code: "ThrottlingException".to_owned(),
        message: "Throughput exceeds the limit: TableReadKeyRangeThroughputExceeded".to_owned(),
    };
    for (kind, status) in [(FaultKind::ServerError, 503), (FaultKind::Hang, 503), (hot, 429)] {
        let world = StackWorld::new().await;
        world.stack.aws().faults().inject(Fault::any("SNS", FaultKind::ServerError));
        let path = path(&world.post("acme", ORDER).await.id(), 5);
        let begun = Instant::now();
        let (response, ()) = tokio::join!(world.get("acme", &path), async {
            tokio::time::sleep(SECOND).await;
            let fault = Fault::new("DynamoDB", "GetItem", kind.clone()).on("cellstack-cell-alpha");
            world.stack.aws().faults().inject(fault);
        });
        assert_eq!(response.status, status, "{kind:?}: {}", response.body);
        assert!(!response.header("retry-after").is_empty());
        assert!(begun.elapsed() < 4 * SECOND, "{kind:?}: {:?}", begun.elapsed());
    }
}

/// The callers of a cell whose pipeline has stopped must not fill the router.
#[tokio::test(start_paused = true)]
async fn a_stalled_cell_is_not_waited_for() {
    let builder = builder().tenant("umbrella".parse().unwrap(), "alpha".parse().unwrap());
    let world = StackWorld { stack: builder.build().await.unwrap() };
    let environment = Environment::of(&world);
    let fault = Fault::any("SNS", FaultKind::ServerError).on("cellstack-cell-alpha-events");
    let fault = world.stack.aws().faults().inject(fault);
    let of_acme = environment.post("acme", ORDER).await.id();
    let of_umbrella = environment.post("umbrella", ORDER).await.id();
    let time_of = async |tenant: &str, id: &str| {
        let begun = Instant::now();
        let response = environment.get(tenant, &path(id, 5)).await;
        (response.json()["status"].as_str().unwrap().to_owned(), begun.elapsed().as_secs())
    };
    let accepted = |seconds| ("accepted".to_owned(), seconds);
    // One tenant's events may be dead letters.
    assert_eq!(time_of("acme", &of_acme).await, accepted(5));
    assert_eq!(time_of("acme", &of_acme).await, accepted(5));
    assert_eq!(time_of("umbrella", &of_umbrella).await, accepted(5));
    for (tenant, id) in [("acme", &of_acme), ("umbrella", &of_umbrella)] {
        assert_eq!(time_of(tenant, id).await, accepted(0));
    }
    let elsewhere = environment.post("globex", ORDER).await.id();
    assert_eq!(time_of("globex", &elsewhere).await, ("processed".to_owned(), 0));

    assert!(world.stack.aws().faults().remove(fault));
    tokio::time::sleep(30 * SECOND).await;
    let new = environment.post("acme", ORDER).await.id();
    assert_eq!(time_of("acme", &new).await, ("processed".to_owned(), 0));
}

/// Expects a response at once: only operators bring the event's cell back.
#[tokio::test(start_paused = true)]
async fn an_event_that_a_standby_holds_is_not_waited_for() {
    let (world, environment) = stand_by().await;
    environment.post("acme", ORDER).await.id();
    mark(&world, "down").await;
    let id = environment.post("acme", ORDER).await.id();
    let begun = Instant::now();
    let response = environment.get("acme", &path(&id, 5)).await;
    assert_eq!((response.json()["status"].as_str(), response.header("x-cell-id")), (Some("held"), "beta"));
    assert!(begun.elapsed() < SECOND / 10, "{:?}", begun.elapsed());
}
