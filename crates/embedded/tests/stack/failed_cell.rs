//! A write that fails in a tenant's cell, and a router that looks then whether somebody has marked that cell.

use std::time::Duration;

use cellstack_core::limits::{CELL_LEASE, FAILED_CELL_LEASE};
use cellstack_emulator::{Fault, FaultId, FaultKind};
use cellstack_router::Standby;

use crate::environment::Environment;
use crate::standby::{ORDER, appointed, events, mark, mark_now, stand_by, unavailable};
use crate::world::StackWorld;

fn fail(world: &StackWorld, kind: FaultKind) -> FaultId {
    world.stack.aws().faults().inject(Fault::any("DynamoDB", kind).on("cellstack-cell-alpha"))
}

/// Takes the number of times that the environment has read alpha's record since the last time.
fn reads_of_the_record(environment: &Environment) -> usize {
    environment.wire.take().iter().filter(|sent| sent.body.contains("cell#alpha")).count()
}

#[tokio::test(start_paused = true)]
async fn the_first_write_that_fails_after_the_mark_goes_to_the_standby_within_the_lease() {
    for kind in [FaultKind::ServerError, FaultKind::Hang, FaultKind::Reset] {
        let (world, environment) = stand_by().await;
        environment.post("acme", ORDER).await.id();
        tokio::time::sleep(FAILED_CELL_LEASE).await;
        fail(&world, kind);
        mark_now(&world, "down").await;
        let held = environment.post("acme", ORDER).await;
        assert_eq!((held.status, held.header("x-cell-id")), (202, "beta"), "{}", held.body);
        assert_eq!(events(&world, "beta").await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_landed_and_failed_is_held_under_its_id_and_processed_once() {
    let (world, environment) = stand_by().await;
    environment.post("acme", ORDER).await.id();
    tokio::time::sleep(FAILED_CELL_LEASE).await;
    let fault = fail(&world, FaultKind::HangAfterCommit);
    mark_now(&world, "down").await;
    let held = environment.post("acme", ORDER).await;
    assert_eq!((held.status, held.header("x-cell-id")), (202, "beta"), "{}", held.body);
    let id = format!("event#{}", held.id());
    world.stack.aws().faults().remove(fault);
    for cell in ["alpha", "beta"] {
        assert!(world.items(cell).await.contains(&id), "{cell} has the event under the id of the response");
    }
    mark(&world, "active").await;
    let found = environment.get("acme", &format!("/v1/events/{}", held.id())).await;
    assert_eq!((found.status, found.header("x-cell-id")), (200, "alpha"));
    assert_eq!(found.json()["status"], "processed", "its first try is the event");
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_fails_without_a_mark_costs_one_read_of_its_record_per_second() {
    let (world, environment) = stand_by().await;
    environment.post("acme", ORDER).await.id();
    tokio::time::sleep(FAILED_CELL_LEASE).await;
    fail(&world, FaultKind::ServerError);
    reads_of_the_record(&environment);
    for _ in 0..100 {
        unavailable(&environment.post("acme", ORDER).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let reads = reads_of_the_record(&environment);
    assert!((3..=7).contains(&reads), "{reads} reads in five seconds and some");
    assert_eq!(events(&world, "beta").await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_without_standby_costs_no_such_read() {
    let world = StackWorld::new().await;
    let environment = Environment::of(&world);
    environment.post("acme", ORDER).await.id();
    tokio::time::sleep(FAILED_CELL_LEASE).await;
    fail(&world, FaultKind::ServerError);
    reads_of_the_record(&environment);
    unavailable(&environment.post("acme", ORDER).await);
    assert_eq!(reads_of_the_record(&environment), 0);
}

#[tokio::test(start_paused = true)]
async fn a_standby_that_processes_gets_no_event_that_may_have_landed() {
    let world = appointed().await;
    let environment = Environment::with(&world, |settings| settings.standby = Standby::Process);
    environment.post("acme", ORDER).await.id();
    tokio::time::sleep(FAILED_CELL_LEASE).await;
    fail(&world, FaultKind::HangAfterCommit);
    mark_now(&world, "down").await;
    unavailable(&environment.post("acme", ORDER).await);
    assert_eq!(events(&world, "beta").await, 0, "the write was sent, and may have landed");
    // The breaker is open now, so the next write is not sent to the cell.
    let taken = environment.post("acme", ORDER).await;
    assert_eq!((taken.status, taken.header("x-cell-id")), (202, "beta"), "{}", taken.body);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_is_gone_as_well_leaves_the_failure_as_it_is() {
    let (world, environment) = stand_by().await;
    environment.post("acme", ORDER).await.id();
    tokio::time::sleep(FAILED_CELL_LEASE).await;
    fail(&world, FaultKind::ServerError);
    world.stack.aws().faults().inject(Fault::any("DynamoDB", FaultKind::Hang).on("cellstack-registry"));
    for _ in 0..3 {
        unavailable(&environment.post("acme", ORDER).await);
    }
    assert_eq!(events(&world, "beta").await, 0);
    tokio::time::sleep(CELL_LEASE).await;
    unavailable(&environment.post("acme", ORDER).await);
}
