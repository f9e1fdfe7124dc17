//! `cells down`.

use cellstack_cellctl::Completion;
use cellstack_core::registry::CellStatus;
use futures::future::join;
use serde_json::json;

use super::world::CellsWorld;

const HEADER: &str = "standby | tenants | their new events are";

#[tokio::test(start_paused = true)]
async fn down_says_who_holds_and_who_is_refused_before_it_marks() {
    let world = CellsWorld::new().await;
    let rows = [HEADER, "beta | 1 | held", "gamma | 1 | held", "none | 1 | refused (503)"];
    let before = "cell alpha is active with 3 tenants; down, 1 of them get 503 with retry-after: 30\n";
    let dry = world.ann("down alpha --dry-run").await.ended(Completion::Done);
    assert_eq!((dry.rows(), dry.talk.as_str()), (rows.map(str::to_owned).to_vec(), before));
    assert_eq!(world.status("alpha").await, "active");

    let done = world.ann("down alpha").await.ended(Completion::Done);
    let after = "cell alpha is down; every router knows in 10 s. When it is well: cellctl cells up alpha\n";
    assert_eq!((done.rows(), done.talk), (rows.map(str::to_owned).to_vec(), format!("{before}{after}")));
    let state = world.state("alpha").await;
    assert_eq!((state.status, state.down_at), (CellStatus::Down, Some(1_767_225_600_000)));
    assert_eq!((state.retry_after, state.updated_by.as_deref()), (Some(30), Some("ann")));

    let again = world.cellctl("cells down alpha --operator bob --reason late").await.ended(Completion::Done);
    assert_eq!(
        again.talk,
        "cell alpha is down already, by ann at 2026-01-01T00:00:00.000Z: test; 1 of its 3 tenants get 503\n\
         nothing to change\n"
    );
    assert_eq!(world.state("alpha").await, state);
}

#[tokio::test(start_paused = true)]
async fn down_prints_its_effect_for_programs() {
    let world = CellsWorld::new().await;
    world.ann("down beta").await.ended(Completion::Done);
    let ran = world.ann("down alpha --retry-after 5m --output json").await.ended(Completion::Done);
    let expected = json!({
        "cell": "alpha", "before": "active", "after": "down", "changed": true, "tenants": 3,
        "held_by": {"gamma": 1}, "standby_down": {"beta": 1}, "without_standby": 1, "retry_after": 300,
    });
    assert_eq!(ran.json(), expected);
    let table = world.ann("down alpha").await.ended(Completion::Done).rows();
    assert!(table.contains(&"beta | 1 | refused (503): it does not serve itself".to_owned()), "{table:?}");
    assert_eq!(world.state("alpha").await.retry_after, Some(300), "no other time was asked for");

    let state = world.state("alpha").await;
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    world.ann("down alpha --retry-after 10m").await.ended(Completion::Done);
    let longer = world.state("alpha").await;
    assert_eq!((longer.retry_after, longer.down_at), (Some(600), state.down_at));
}

#[tokio::test(start_paused = true)]
async fn callers_without_a_standby_are_told_the_time_that_the_operator_set() {
    let world = CellsWorld::new().await;
    world.ann("down alpha --retry-after 5m").await.ended(Completion::Done);
    tokio::time::sleep(std::time::Duration::from_secs(21)).await;
    let refused = world.post("hooli", None, 1).await;
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (503, "300"));
    world.taken("acme", None, 1, "beta").await;
}

#[tokio::test(start_paused = true)]
async fn of_two_operators_at_once_one_marks_and_the_other_is_told_by_whom() {
    let world = CellsWorld::new().await;
    world.slow_down();
    let down = |operator: &'static str| {
        let world = &world;
        async move { world.cellctl(&format!("cells down alpha --reason test --operator {operator}")).await.completion }
    };
    let (ann, bob) = join(down("ann"), down("bob")).await;
    let winner = world.state("alpha").await.updated_by.unwrap();
    let lost = match winner.as_str() {
        "ann" => (ann, bob),
        _ => (bob, ann),
    };
    assert_eq!(lost.0, Ok(Completion::Done));
    let error = lost.1.unwrap_err();
    let expected = format!("cell alpha was active when this began, and is down now ({winner})");
    assert!(error.contains(&expected) && error.contains("`cellctl cells show alpha`"), "{error}");
}
