//! Letters deleted for good.

use cellstack_cellctl::{Cli, Completion};
use cellstack_core::dead_letter::Reason;
use clap::Parser as _;
use clap::error::ErrorKind;
use serde_json::Value;

use super::world::{DlqWorld, text};

const DLQ: &str = "cellstack-cell-alpha-events-dlq";

#[tokio::test(start_paused = true)]
async fn purge_deletes_what_the_filter_names_and_prints_it_whole() {
    let world = DlqWorld::new().await;
    let id = world.poison("acme", 1).await;
    for at in 0..12 {
        world.write_letter(DLQ, Reason::NotHeld, &format!("letter {at}")).await;
    }
    let line = "dlq purge --because not-held --reason nobody-wants-them --operator test --yes --output json";
    let ran = world.cellctl(line).await.ended(Completion::Done);
    let dead_letters: Vec<Value> = ran.data.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(dead_letters.len(), 12);
    let mut originals: Vec<&str> = dead_letters.iter().map(|letter| letter["original"].as_str().unwrap()).collect();
    originals.sort_unstable();
    originals.dedup();
    assert_eq!(originals.len(), 12);
    assert!(ran.talk.contains("12 letters deleted, 1 passed over by the filter"), "{}", ran.talk);
    assert_eq!(world.dead("alpha").len(), 1);
    assert!(world.dead("alpha")[0].contains(&id) && world.all_visible(DLQ));

    let trail = world.audit().await;
    assert_eq!((trail.len(), &trail[1]["what"]), (2, &text("dlq purge")));
    assert_eq!(trail[1]["scope"], text("all cells --because not-held"));
    assert_eq!(trail[1]["done"].as_m().unwrap()["deleted"].as_n().unwrap(), "12");

    let ran = world.cellctl("dlq purge --cell alpha --max 1 --reason test --operator test --yes").await;
    assert!(ran.data.contains("deleted") && world.dead("alpha").is_empty(), "{}", ran.data);
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_matches_nothing_says_so_and_ends_3() {
    let world = DlqWorld::new().await;
    world.write_letter(DLQ, Reason::NotHeld, "one").await;
    for line in ["--because refused", "--because refused --dry-run", "--cell beta"] {
        let line = format!("dlq purge --reason test --operator test --yes {line}");
        let ran = world.cellctl(&line).await.ended(Completion::LeftSome);
        assert!(ran.talk.contains("no letter matches: "), "{}", ran.talk);
    }
    assert_eq!(world.dead("alpha").len(), 1);
    let all = "dlq purge --all --reason test --operator test --yes";
    world.cellctl(all).await.ended(Completion::Done);
    world.cellctl(all).await.ended(Completion::Done);
    assert!(world.dead("alpha").is_empty());
}

#[test]
fn purge_wants_a_filter_or_all() {
    let parsed = |more: &str| {
        let line = format!("cellctl dlq purge --reason x --operator me --yes {more}");
        Cli::try_parse_from(line.split_whitespace()).map(drop).map_err(|error| error.kind())
    };
    assert_eq!(parsed(""), Err(ErrorKind::MissingRequiredArgument));
    assert_eq!(parsed("--max 1"), Err(ErrorKind::MissingRequiredArgument));
    assert_eq!(parsed("--all --cell alpha"), Err(ErrorKind::ArgumentConflict));
    for more in ["--all", "--cell alpha", "--tenant acme", "--because refused", "--place queue"] {
        assert_eq!(parsed(more), Ok(()), "{more}");
    }
}

#[test]
fn destructive_verbs_want_a_reason_and_purge_wants_a_yes() {
    let refused = |line: &str| {
        let error = Cli::try_parse_from(line.split_whitespace()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MissingRequiredArgument, "{error}");
        error.to_string()
    };
    assert!(refused("cellctl dlq redrive --operator me").contains("--reason <TEXT>"));
    assert!(refused("cellctl dlq purge --all --operator me --yes").contains("--reason <TEXT>"));
    assert!(refused("cellctl dlq purge --all --operator me --reason x").contains("--yes"));
    assert!(Cli::try_parse_from(["cellctl", "dlq", "purge", "--operator", "me", "--reason", " ", "--yes"]).is_err());
    assert!(Cli::try_parse_from(["cellctl", "dlq", "redrive", "--operator=me", "--reason=x", "--rate=0"]).is_err());
}
