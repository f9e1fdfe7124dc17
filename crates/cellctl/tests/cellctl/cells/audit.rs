//! `audit ls`.

use std::time::Duration;

use cellstack_cellctl::Completion;
use cellstack_embedded::names::registry;
use futures::future::join;
use serde_json::{Value, json};

use super::world::{CellsWorld, text};

const HOUR: Duration = Duration::from_secs(3_600);

/// Makes a world in which beta was marked down, two hours later alpha by one of two operators, and then a run was killed.
async fn busy() -> CellsWorld {
    let world = CellsWorld::new().await;
    world.ann("down beta").await.ended(Completion::Done);
    tokio::time::sleep(2 * HOUR).await;
    world.slow_down();
    let bob = "cells down alpha --operator bob --reason late";
    let (ann, bob) = join(world.ann("down alpha"), world.cellctl(bob)).await;
    assert!(ann.completion.is_ok() != bob.completion.is_ok(), "{ann:?} {bob:?}");
    tokio::time::sleep(HOUR / 2).await;
    let killed = tokio::time::timeout(Duration::from_secs(5), world.ann("up alpha")).await;
    assert!(killed.is_err());
    world.stack.aws().faults().clear();
    world
}

#[tokio::test(start_paused = true)]
async fn runs_are_listed_the_latest_first_with_their_end() {
    let world = busy().await;
    let ran = world.cellctl("audit ls").await.ended(Completion::Done);
    let rows = ran.rows();
    assert_eq!(rows[0], "at | who | what | scope | why | outcome | troubles");
    assert_eq!(rows.len(), 5);
    assert!(rows[1].ends_with("| ann | cells up | alpha | test | unfinished | 0"), "{rows:?}");
    let ends = |end: &str| rows[2..4].iter().filter(|row| row.ends_with(end)).count();
    assert_eq!((ends("| done | 0"), ends("| failed | 1")), (1, 1), "{rows:?}");
    assert_eq!(rows[4], "2026-01-01T00:00:00.000Z | ann | cells down | beta | test | done | 0");
}

#[tokio::test(start_paused = true)]
async fn runs_are_filtered_by_command_time_and_number() {
    let world = busy().await;
    for (filter, count) in [
        ("--what cells", 4),
        ("--what cells-up", 0),
        ("--what tenants", 0),
        ("--since 3h", 4),
        ("--since 1h", 3),
        ("--since 10m", 1),
        ("--limit 2", 2),
        ("--limit 1 --since 1h", 1),
    ] {
        let ran = world.cellctl(&format!("audit ls --output json {filter}")).await.ended(Completion::Done);
        assert_eq!(ran.json().as_array().unwrap().len(), count, "{filter}");
    }
    let ran = world.cellctl("audit ls --limit 1 --output json").await.ended(Completion::Done);
    assert_eq!(ran.json()[0]["what"], "cells up");
}

#[tokio::test(start_paused = true)]
async fn programs_get_runs_whole() {
    let world = CellsWorld::new().await;
    world.ann("down alpha").await.ended(Completion::Done);
    let mut run = world.cellctl("audit ls --output json").await.ended(Completion::Done).json()[0].take();
    let id = run.as_object_mut().unwrap().remove("run");
    assert!(id.is_some_and(|id| id.as_str().is_some_and(|id| id.len() == 36)));
    let expected = json!({
        "at": "2026-01-01T00:00:00.000Z", "who": "ann", "what": "cells down", "scope": "alpha", "why": "test",
        "outcome": "done", "before": {"status": "active"}, "after": {"status": "down"}, "done": {}, "troubles": [],
    });
    assert_eq!(run, expected);
}

/// Runs of one millisecond are stored in any order: each has its end all the same.
#[tokio::test(start_paused = true)]
async fn a_run_that_ends_in_the_millisecond_in_which_it_began_has_its_end() {
    let world = CellsWorld::new().await;
    for _ in 0..8 {
        world.ann("down alpha --retry-after 40s").await.ended(Completion::Done);
        world.ann("down alpha --retry-after 50s").await.ended(Completion::Done);
    }
    let runs = world.cellctl("audit ls --output json").await.ended(Completion::Done).json();
    let outcomes: Vec<&Value> = runs.as_array().unwrap().iter().map(|run| &run["outcome"]).collect();
    assert_eq!(outcomes, [&json!("done"); 16]);
    let limited = world.cellctl("audit ls --limit 3 --output json").await.ended(Completion::Done).json();
    assert!(
        limited.as_array().unwrap().iter().all(|run| run["outcome"] == "done") && limited[3].is_null(),
        "{limited}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_listing_of_cells_does_not_read_it() {
    let world = CellsWorld::new().await;
    // More than three pages.
    for number in 0..12 {
        let long = text(&"x".repeat(300_000));
        let entry = [("pk", text("audit")), ("sk", text(&format!("2026-01-01#{number}"))), ("scope", long)];
        world.put(&registry(), &entry).await;
    }
    let calls = |operation| world.stack.aws().calls("DynamoDB", operation);
    let before = [calls("Scan"), calls("Query")];
    world.cellctl("cells ls").await.ended(Completion::Done);
    // The index, and of each of three cells its partition and its pairs.
    assert_eq!([calls("Scan") - before[0], calls("Query") - before[1]], [1, 6]);
}
