//! Services that hang: the router itself responds to each request before its function's time is over.

use std::time::Duration;

use cellstack_core::limits::pipeline::ROUTER_TIMEOUT;
use cellstack_core::limits::{
    BREAKER_COOLDOWN_MAX, CELL_ATTEMPT_TIMEOUT, CELL_TIMEOUT, MAX_ATTEMPTS, PROBE_TIMEOUT, RESPONSE_RESERVE,
    TENANT_LEASE,
};
use cellstack_emulator::{Fault, FaultKind};
use futures::future::join_all;
use tokio::time::Instant;

use crate::environment::Environment;
use crate::world::StackWorld;

const ORDER: &str = r#"{"type":"order.placed","data":{"amount":1}}"#;
const EVENT: &str = "/v1/events/01930000-0000-7000-8000-000000000001";

/// The warmth of a router.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Warmth {
    Cold,
    Fresh,
    Stale,
}

#[tokio::test(start_paused = true)]
async fn a_response_comes_in_time_whatever_hangs() {
    let world = StackWorld::new().await;
    // Just short of what an attempt may take, so that everything continues as slowly as it can.
    let slow = FaultKind::Latency(CELL_ATTEMPT_TIMEOUT - Duration::from_millis(10));
    let everything = ["cellstack-tenant-map", "cellstack-registry", "cellstack-cell"];
    for kind in [FaultKind::Hang, FaultKind::HangAfterCommit, FaultKind::ServerError, FaultKind::Throttle, slow] {
        for hanging in [&everything[..1], &everything[1..2], &everything[2..], &everything[..]] {
            for warmth in [Warmth::Cold, Warmth::Fresh, Warmth::Stale] {
                world.stack.aws().faults().clear();
                let environment = Environment::of(&world);
                if warmth != Warmth::Cold {
                    environment.post("acme", ORDER).await.id();
                }
                if warmth == Warmth::Stale {
                    tokio::time::sleep(TENANT_LEASE).await;
                }
                for table in hanging {
                    world.stack.aws().faults().inject(Fault::any("DynamoDB", kind.clone()).on(table));
                }
                for request in ["post", EVENT, "/v1/events", "/v1/totals", "/v1/route"] {
                    let asked = Instant::now();
                    let response = match request {
                        "post" => environment.post("acme", ORDER).await,
                        path => environment.get("acme", path).await,
                    };
                    let case = format!("{kind:?} of {hanging:?}, {warmth:?}, {request}: {}", response.body);
                    assert!(matches!(response.status, 200 | 202 | 404 | 503), "{} {case}", response.status);
                    assert!(asked.elapsed() <= ROUTER_TIMEOUT - RESPONSE_RESERVE, "{:?} {case}", asked.elapsed());
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_hangs_is_skipped_and_probed_now_and_then() {
    let world = StackWorld::new().await;
    let environment = Environment::of(&world);
    environment.post("acme", ORDER).await.id();
    let hang = world.stack.aws().faults().inject(Fault::any("DynamoDB", FaultKind::Hang).on("cellstack-cell-alpha"));
    let mut waited = Vec::new();
    for _ in 0..120 {
        let asked = Instant::now();
        let response = environment.post("acme", ORDER).await;
        assert_eq!((response.status, response.header("retry-after")), (503, "1"));
        waited.extend(Some(asked.elapsed()).filter(|took| *took > Duration::from_millis(50)));
        assert_eq!(environment.post("globex", ORDER).await.status, 202, "another cell is not touched by it");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(waited[0] <= CELL_TIMEOUT + Duration::from_millis(50), "{waited:?}");
    assert!(waited[1..].iter().all(|took| *took <= PROBE_TIMEOUT + Duration::from_millis(10)), "{waited:?}");
    assert!(waited.len() <= 15, "{waited:?}");

    world.stack.aws().faults().remove(hang);
    tokio::time::sleep(BREAKER_COOLDOWN_MAX).await;
    assert_eq!(environment.post("acme", ORDER).await.status, 202);
    assert_eq!(environment.post("acme", ORDER).await.status, 202);
}

/// Uses several environments, since each finds out for itself.
#[tokio::test(start_paused = true)]
async fn a_cell_that_recovers_is_served_again_within_seconds_and_hardly_asked_before() {
    const ENVIRONMENTS: u64 = 5;
    for kind in [FaultKind::Hang, FaultKind::ServerError, FaultKind::Reset] {
        let world = StackWorld::new().await;
        let environments: Vec<_> = (0..ENVIRONMENTS).map(|_| Environment::of(&world)).collect();
        for environment in &environments {
            environment.post("acme", ORDER).await.id();
        }
        // The events are processed by then: a consumer's calls are not a router's.
        tokio::time::sleep(Duration::from_secs(10)).await;
        let fails = world.stack.aws().faults().inject(Fault::any("DynamoDB", kind.clone()).on("cellstack-cell-alpha"));
        let back = Instant::now() + Duration::from_secs(60);
        let callers = environments.iter().zip(1..).map(async |(environment, n)| {
            tokio::time::sleep(Duration::from_millis(37 * n)).await;
            while Instant::now() < back {
                assert_eq!(environment.post("acme", ORDER).await.status, 503);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        join_all(callers).await;
        // The failure that opens a breaker, three doublings, then one call per longest pause; each with its retries.
        let probes = 4 + 60 / BREAKER_COOLDOWN_MAX.as_secs();
        let hits = world.stack.aws().faults().hits(fails);
        assert!(hits <= ENVIRONMENTS * probes * u64::from(MAX_ATTEMPTS), "{kind:?}: {hits}");

        world.stack.aws().faults().remove(fails);
        let recovered = Instant::now();
        let callers = environments.iter().map(async |environment| {
            while environment.post("acme", ORDER).await.status != 202 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            recovered.elapsed()
        });
        for took in join_all(callers).await {
            assert!(took <= Duration::from_secs(6), "{kind:?}: {took:?}");
        }
    }
}
