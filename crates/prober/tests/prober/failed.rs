//! Rounds that fail, so that Lambda counts an error.

use std::time::Duration;

use cellstack_core::registry::CellStatus;
use cellstack_embedded::names::registry;
use cellstack_emulator::{Fault, FaultKind};
use cellstack_prober::RoundError;

use super::world::{Fleet, RULES, TIME};

fn refused() -> FaultKind {
    FaultKind::Error { status: 403, code: "AccessDenied".into(), message: "by test".into() }
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_cannot_be_read() {
    let fleet = Fleet::new().await;
    let unread = fleet.fail(Fault::new("DynamoDB", "Scan", refused()).on(&registry()));
    let failed = fleet.round(RULES).await.unwrap_err();
    assert!(matches!(failed, RoundError::Failed(_)), "{failed:?}");
    let text = failed.to_string();
    assert!(
        text.starts_with("the round failed: could not read the registry") && text.contains("AccessDenied"),
        "{text}"
    );
    fleet.mend(unread);
    fleet.round(RULES).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn results_that_are_not_kept() {
    let fleet = Fleet::new().await;
    fleet.fail(Fault::new("DynamoDB", "PutItem", refused()).on(&registry()));
    let text = fleet.round(RULES).await.unwrap_err().to_string();
    for cell in ["alpha", "beta", "delta", "gamma"] {
        assert!(text.contains(&format!("{cell}: ")), "{text}");
    }
    assert!(text.contains("write a cell's health"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_is_not_made() {
    let fleet = Fleet::new().await;
    fleet.block("alpha");
    for _ in 0..2 {
        fleet.round(RULES).await.unwrap();
    }
    let unmarked = fleet.fail(Fault::new("DynamoDB", "TransactWriteItems", refused()).on(&registry()));
    let text = fleet.round(RULES).await.unwrap_err().to_string();
    assert!(text.contains("alpha: cell alpha was not marked down"), "{text}");
    assert_eq!(fleet.status("alpha").await, CellStatus::Active);
    fleet.mend(unmarked);
    fleet.round(RULES).await.unwrap();
    assert_eq!(fleet.status("alpha").await, CellStatus::Down);
}

#[tokio::test(start_paused = true)]
async fn a_round_without_time_to_act() {
    let fleet = Fleet::new().await;
    fleet.block("alpha");
    let failed = fleet.prober(Some(RULES)).handle(Duration::from_secs(17)).await.unwrap_err();
    assert!(matches!(failed, RoundError::OutOfTime), "{failed:?}");
    assert_eq!(fleet.health("alpha").await.failures, 0, "a probe that was stopped says nothing of its cell");
    fleet.prober(Some(RULES)).handle(TIME).await.unwrap();
    assert_eq!(fleet.health("alpha").await.failures, 1);
}
