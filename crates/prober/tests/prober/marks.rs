//! Rounds that mark cells, as `cellctl cells probe --act` does.

use std::time::Duration;

use cellstack_cellctl::health::{Action, Rules, Stage};
use cellstack_core::registry::CellStatus;

use super::world::{Fleet, RULES, TIME};

#[tokio::test(start_paused = true)]
async fn a_cell_that_does_not_process_goes_down_and_comes_up_when_it_does() {
    let fleet = Fleet::new().await;
    let blocked = fleet.block("alpha");
    for failures in 1..3 {
        let round = fleet.round(RULES).await.unwrap();
        assert!(round.probes.iter().all(|probe| probe.passed() == (probe.cell.as_str() != "alpha")), "{round:?}");
        assert_eq!(round.probes[0].stage, Stage::NotProcessed);
        assert_eq!((fleet.status("alpha").await, fleet.health("alpha").await.failures), (CellStatus::Active, failures));
    }
    let marks = fleet.round(RULES).await.unwrap().marks.unwrap();
    assert_eq!((marks.len(), marks[0].cell.as_str(), marks[0].action), (1, "alpha", Action::Down));
    let state = fleet.state("alpha").await;
    assert_eq!((state.status, state.updated_by.as_deref()), (CellStatus::Down, Some("probe")));
    assert!(state.reason.unwrap().starts_with("probe: 3 failures in a row: "));

    fleet.mend(blocked);
    // The stream takes up what waits in it.
    tokio::time::sleep(Duration::from_secs(60)).await;
    fleet.round(RULES).await.unwrap();
    assert_eq!(fleet.status("alpha").await, CellStatus::Down);
    fleet.round(RULES).await.unwrap();
    assert_eq!(fleet.status("alpha").await, CellStatus::Active);
    assert_eq!(fleet.trail().await, ["probe"; 4], "two runs, each with a beginning and an end");
}

#[tokio::test(start_paused = true)]
async fn an_operators_down_is_never_undone() {
    let fleet = Fleet::new().await;
    fleet.ana("beta", CellStatus::Active, CellStatus::Down).await;
    let rules = Rules { successes: 1, failures: 1, ..RULES };
    for _ in 0..3 {
        let marks = fleet.round(rules).await.unwrap().marks.unwrap();
        assert!(marks.iter().all(|mark| mark.action == Action::Leave), "{marks:?}");
    }
    // Down by automation, and taken over by an operator.
    let blocked = fleet.block("alpha");
    fleet.round(rules).await.unwrap();
    fleet.ana("alpha", CellStatus::Down, CellStatus::Down).await;
    fleet.mend(blocked);
    tokio::time::sleep(Duration::from_secs(60)).await;
    fleet.round(rules).await.unwrap();
    for cell in ["alpha", "beta"] {
        let state = fleet.state(cell).await;
        assert_eq!((state.status, state.updated_by.as_deref()), (CellStatus::Down, Some("ana")), "{cell}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_act_it_measures() {
    let fleet = Fleet::new().await;
    fleet.block("alpha");
    for failures in 1..5 {
        let round = fleet.prober(None).handle(TIME).await.unwrap();
        assert!(round.marks.is_none());
        assert_eq!(fleet.health("alpha").await.failures, failures);
    }
    assert_eq!(fleet.status("alpha").await, CellStatus::Active);
    assert!(fleet.trail().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn rounds_at_once_keep_the_share_and_none_of_them_fails() {
    let fleet = Fleet::new().await;
    for cell in ["alpha", "beta", "delta", "gamma"] {
        fleet.block(cell);
    }
    let rules = Rules { failures: 1, ..RULES };
    for _ in 0..3 {
        let (one, other) = tokio::join!(fleet.round(rules), fleet.round(rules));
        one.unwrap();
        other.unwrap();
        assert!(fleet.down().await <= 2);
    }
    assert_eq!(fleet.down().await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_way_up_that_is_longer_than_an_invocation_goes_on_in_the_next() {
    let fleet = Fleet::new().await;
    let rules = Rules { failures: 1, successes: 1, ..RULES };
    let blocked = fleet.block("alpha");
    fleet.round(rules).await.unwrap();
    fleet.mend(blocked);
    tokio::time::sleep(Duration::from_secs(60)).await;
    // The routers learn of two marks, in twenty seconds each.
    let short = async || fleet.prober(Some(rules)).handle(Duration::from_secs(30)).await.unwrap();
    let marks = short().await.marks.unwrap();
    assert!(marks[0].error.as_deref().unwrap().contains("the next run continues"), "{marks:?}");
    assert_eq!(fleet.status("alpha").await, CellStatus::Recovering);
    let mut rounds = 1;
    while short().await.marks.unwrap().iter().any(|mark| mark.action == Action::Up) {
        rounds += 1;
        assert!(rounds < 5, "{:?}", fleet.state("alpha").await);
    }
    assert_eq!(fleet.status("alpha").await, CellStatus::Active);
}
