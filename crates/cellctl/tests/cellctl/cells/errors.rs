//! The errors of `cells`, each produced, and held against the table in docs/control-plane.md.

use cellstack_cellctl::{Cli, Completion};
use cellstack_core::registry::CellStatus;
use cellstack_embedded::names::registry;
use cellstack_emulator::{Fault, FaultKind};
use cellstack_store::cells::{Mark, StateError, create_state, mark, set_counts};
use clap::Parser as _;
use futures::future::join;

use super::world::{CellsWorld, TODAY_MS, cell, number, text};

const PAGE: &str = include_str!("../../../../../docs/control-plane.md");

/// Returns the messages of the table below `### Cells` in `## Errors`, each cut where a name or a number stands.
fn documented() -> Vec<Vec<&'static str>> {
    let (_, errors) = PAGE.split_once("\n## Errors\n").unwrap();
    let (_, cells) = errors.split_once("\n### Cells\n").unwrap();
    let cells = cells.split("\n### ").next().unwrap().split("\n## ").next().unwrap();
    let rows = cells.lines().filter(|line| line.starts_with("| ")).skip(1);
    let message =
        |row: &'static str| row.trim_start_matches("| ").split(" | ").next().unwrap().trim().trim_matches('`');
    rows.map(|row| message(row).split('…').collect()).collect()
}

/// Returns whether a text has these parts, in this order.
fn has(text: &str, parts: &[&str]) -> bool {
    parts.iter().try_fold(text, |rest, part| rest.split_once(part).map(|(_, rest)| rest)).is_some()
}

/// Runs each command and returns what it says when it fails, or leaves something.
async fn said(world: &CellsWorld, commands: &[&str]) -> Vec<String> {
    let mut said = Vec::new();
    for command in commands {
        let ran = world.ann(command).await;
        assert_ne!(ran.completion, Ok(Completion::Done), "{command}");
        said.push(format!("{}{}{}", ran.data, ran.talk, ran.completion.err().unwrap_or_default()));
    }
    said
}

async fn with_status(status: &str, commands: &[&str]) -> Vec<String> {
    let world = CellsWorld::new().await;
    world.set("cell#alpha", "state", "status", text(status)).await;
    said(&world, commands).await
}

async fn produced() -> Vec<String> {
    let world = CellsWorld::new().await;
    let mut all = said(&world, &["down omega", "recount omega", "retire alpha"]).await;
    world.put("cellstack-tenant-map", &[("tenant_id", text("broken"))]).await;
    all.extend(said(&world, &["recount --dry-run", "up alpha", "drain alpha"]).await);

    all.extend(with_status("retired", &["down alpha", "up alpha", "drain alpha"]).await);
    all.extend(with_status("full", &["retire alpha"]).await);
    all.extend(with_status("recovering", &["retire alpha"]).await);

    let world = CellsWorld::new().await;
    world.remove("cell#gamma", "state").await;
    all.extend(said(&world, &["down gamma", "sync"]).await);
    world.remove("cell#beta", "config").await;
    all.extend(said(&world, &["up alpha", "sync --dry-run"]).await);

    let world = CellsWorld::new().await;
    world.slow_down();
    let (one, two) =
        join(world.ann("down alpha"), world.cellctl("cells down alpha --operator bob --reason test")).await;
    all.extend(one.completion.err().into_iter().chain(two.completion.err()));

    let world = CellsWorld::new().await;
    world.remove("cell#alpha", "state").await;
    world.slow_down();
    let (one, two) = join(world.ann("sync"), world.cellctl("cells sync --operator bob")).await;
    all.extend([one.talk, two.talk]);

    let world = CellsWorld::new().await;
    let ends_at = number(TODAY_MS.cast_signed() + 60_000);
    world.put(&registry(), &[("pk", text("automation")), ("sk", text("lease")), ("ends_at", ends_at)]).await;
    world.stack.aws().faults().inject(Fault::any("DynamoDB", FaultKind::Reset).on("cellstack-cell-alpha"));
    let ran = world.cellctl("cells probe alpha --act --failures 1 --max-down 50 --timeout 5 --output json").await;
    all.push(ran.ended(Completion::LeftSome).json()["marks"][0]["error"].as_str().unwrap().to_owned());

    all.push(world.cellctl("cells probe alpha --act --max-down 25 --timeout 5").await.talk);

    let world = CellsWorld::new().await;
    world.drop_index().await;
    all.extend(said(&world, &["sync"]).await);

    for (option, value) in [("--retry-after", "1500ms"), ("--operator", "probe")] {
        let wrong = ["cellctl", "cells", "down", "alpha", "--reason", "test", option, value];
        all.push(Cli::try_parse_from(wrong).unwrap_err().to_string());
    }
    all
}

#[tokio::test(start_paused = true)]
async fn every_error_of_the_page_is_produced() {
    let (produced, documented) = (produced().await, documented());
    assert!(documented.len() >= 12, "{documented:?}");
    for parts in documented {
        // These two take a placement at the same time: recount.rs and retire.rs produce them.
        let elsewhere =
            parts.iter().any(|part| part.contains("tenants are being placed") || part.contains("was empty, and got"));
        assert!(elsewhere || produced.iter().any(|text| has(text, &parts)), "{parts:?} is not in {produced:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_is_written_only_over_the_one_that_was_seen() {
    let world = CellsWorld::new().await;
    let (client, registry, alpha) = (world.stack.dynamodb(), registry(), cell("alpha"));
    let seen = world.state("alpha").await;
    let down = Mark {
        expected: seen.status,
        marked_at: seen.updated_at,
        status: CellStatus::Down,
        retry_after: None,
        reason: "test",
        operator: "ann",
        now_ms: 1,
    };
    mark(&client, &registry, &alpha, &down).await.unwrap();
    mark(&client, &registry, &alpha, &down).await.expect("the same mark again is a retry whose response was lost");
    let other = mark(&client, &registry, &alpha, &Mark { operator: "bob", ..down.clone() }).await;
    assert!(matches!(other, Err(StateError::Changed { found, .. }) if found.updated_by.as_deref() == Some("ann")));
    // The status is as it was seen, and the mark is another one: it is not undone.
    let up = Mark { expected: CellStatus::Down, marked_at: Some(0), status: CellStatus::Active, ..down.clone() };
    let undone = mark(&client, &registry, &alpha, &up).await;
    assert!(matches!(undone, Err(StateError::Changed { .. })), "{undone:?}");
    let counts = set_counts(&client, &registry, &alpha, seen.rev, Default::default()).await;
    assert!(matches!(counts, Err(StateError::Replaced { .. })), "the mark came in between: {counts:?}");
    let created = create_state(&client, &registry, &alpha, &seen).await;
    assert!(matches!(created, Err(StateError::Replaced { .. })), "{created:?}");
    assert_eq!(world.state("alpha").await.rev, seen.rev + 1, "one mark");
}
