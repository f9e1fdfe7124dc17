//! `cells drain`, `rebalance`, `plan show` and `tenants overlap`.

use cellstack_cellctl::Completion;
use serde_json::Value;

use super::world::{CellsWorld, number};
use crate::ran::Ran;

/// Returns a path where no file is.
fn file(name: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("cellctl-{}-{name}.json", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

#[tokio::test(start_paused = true)]
async fn a_drain_is_a_plan_that_is_refused_when_its_world_has_changed() {
    let world = CellsWorld::new().await;
    let path = file("drain");
    let dry = world.ann("drain alpha --dry-run").await.ended(Completion::Done);
    assert!(dry.talk.starts_with("cell alpha would be draining\ntenants: 3 to move"), "{}", dry.talk);
    assert_eq!(world.status("alpha").await, "active");

    let ran = world.ann(&format!("drain alpha --plan {}", path.display())).await.ended(Completion::Done);
    assert!(ran.rows().contains(&"alpha | 3 -> 0 | 3 of 10000 | 0 of 10000 | █········· -> ··········".to_owned()));
    assert_eq!(world.status("alpha").await, "draining");
    let saved: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!((&saved["made_by"], saved["plan"]["moves"].as_array().unwrap().len()), (&"ann".into(), 3));
    let again = world.ann(&format!("drain alpha --plan {}", path.display())).await;
    assert!(again.completion.unwrap_err().contains("expected a path where nothing is yet"));

    let show = format!("plan show {}", path.display());
    let fits = world.cellctl(&show).await.ended(Completion::Done);
    assert!(fits.talk.ends_with("it fits: nothing that it stands on has changed\n"), "{}", fits.talk);
    world.cellctl("tenants pin acme --operator ann").await.ended(Completion::Done);
    let changed = world.cellctl(&show).await;
    assert!(changed.talk.contains("changed: tenant acme is pinned to alpha"), "{}", changed.talk);
    assert!(changed.completion.unwrap_err().starts_with("1 things have changed since the plan was made"));
    let left = world.ann("drain alpha").await.ended(Completion::LeftSome);
    assert!(left.talk.contains("stays: acme: it is pinned: cellctl tenants unpin acme"), "{}", left.talk);
    let other = world.cellctl(&format!("{show} --prefix other")).await;
    assert!(other.completion.is_err());
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_drain_whose_plan_or_picture_cannot_be_written_marks_nothing() {
    let world = CellsWorld::new().await;
    for (option, path) in [("--plan", "/nonexistent/plan.json"), ("--svg", "/nonexistent/plan.svg")] {
        let refused = world.ann(&format!("drain alpha {option} {path}")).await.completion.unwrap_err();
        let expected = format!("could not write {path}; expected a path in a directory that exists");
        assert!(refused.starts_with(&expected), "{refused}");
        assert_eq!(world.status("alpha").await, "active");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_not_a_plan_is_refused_and_named() {
    let world = CellsWorld::new().await;
    let path = file("other");
    std::fs::write(&path, "{\"version\":9}").unwrap();
    let refused = world.cellctl(&format!("plan show {}", path.display())).await.completion.unwrap_err();
    assert!(refused.contains("is not a plan of version 1"), "{refused}");
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_rebalance_moves_what_is_too_much_and_keeps_to_its_bound() {
    let world = CellsWorld::new().await;
    let ran = world.cellctl("rebalance --max-share 100 --output json --operator ann").await.ended(Completion::Done);
    let plan = ran.json();
    assert_eq!(plan["moves"].as_array().unwrap().len(), 1, "{plan}");
    assert_eq!((&plan["moves"][0]["from"], &plan["moves"][0]["to"]), (&"alpha".into(), &"gamma".into()));
    let bounded = world.cellctl("rebalance --operator ann").await.ended(Completion::Done);
    assert!(bounded.talk.contains("1 moves more are cut off by --max-share"), "{}", bounded.talk);
    assert_eq!(world.state("alpha").await.tenants, 3);
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_drawn_by_each_command_that_shows_one() {
    let world = CellsWorld::new().await;
    let (kept, picture) = (file("drawn"), file("picture"));
    let drawn = async |ran: Ran| {
        let ran = ran.ended(Completion::Done);
        assert!(ran.talk.contains(&format!("drawn into {}\n", picture.display())), "{}", ran.talk);
        let svg = std::fs::read_to_string(&picture).unwrap();
        std::fs::remove_file(&picture).unwrap();
        svg
    };
    let svg = format!("--svg {}", picture.display());
    let drain = drawn(world.ann(&format!("drain alpha --plan {} {svg}", kept.display())).await).await;
    assert!(drain.contains("Drain of alpha") && drain.contains("3 tenants move"), "{drain}");
    assert!(drain.contains("The fullest cell before: alpha with 3 of 10000."), "{drain}");
    let shown = drawn(world.cellctl(&format!("plan show {} {svg}", kept.display())).await).await;
    assert_eq!(shown, drain, "the file has the whole picture");
    let rebalance = drawn(world.cellctl(&format!("rebalance --operator ann {svg}")).await).await;
    assert!(rebalance.contains(">Rebalance</text>"), "{rebalance}");
    let nowhere = world.cellctl("rebalance --operator ann --svg /nonexistent/plan.svg").await.completion.unwrap_err();
    assert!(nowhere.contains("could not write the picture to /nonexistent/plan.svg"), "{nowhere}");
    std::fs::remove_file(&kept).unwrap();
}

#[tokio::test(start_paused = true)]
async fn overlap_shows_what_the_loss_of_cells_costs() {
    let world = CellsWorld::new().await;
    let overlap = world.cellctl("tenants overlap --output json").await.ended(Completion::Done).json();
    assert_eq!((&overlap["tenants"], &overlap["without_standby"]), (&4.into(), &2.into()), "{overlap}");
    assert_eq!((&overlap["one"]["cells"][0], &overlap["one"]["refused"]), (&"alpha".into(), &1.into()), "{overlap}");
    world.set("pair#alpha", "beta", "tenants", number(-3)).await;
    let wrong = world.cellctl("tenants overlap").await.ended(Completion::Done);
    assert_eq!(wrong.rows()[0], "tenants that share a pair of cells | pairs", "a count below zero is no error");
}
