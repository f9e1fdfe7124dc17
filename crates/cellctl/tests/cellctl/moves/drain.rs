//! A drain of a cell with many tenants under load, cut off in the middle.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cellstack_cellctl::Completion;
use futures::future::{join, join_all};
use tokio::time::timeout;

use super::world::Caller;
use crate::cells::world::CellsWorld;

const TENANTS: usize = 48;

/// Keeps the plan that empties alpha in a file of its own.
async fn plan(world: &CellsWorld, name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("cellctl-{}-{name}.json", std::process::id()));
    let _ = std::fs::remove_file(&path);
    world.ann(&format!("drain alpha --plan {}", path.display())).await.ended(Completion::Done);
    path
}

fn run(path: &Path, at_once: usize) -> String {
    format!("moves run {} --tenants-at-once {at_once} --output json", path.display())
}

/// Ends the moves that a killed run has left: back, or forward where there is no way back. Returns how many went back.
async fn abort_all(world: &CellsWorld) -> usize {
    let mut back = 0;
    let moves = world.cellctl("moves ls --under-way --output json").await.ended(Completion::Done).json();
    for record in moves.as_array().unwrap() {
        let id = record["move"].as_str().unwrap();
        if world.as_ann(&format!("moves abort {id}")).await.completion == Ok(Completion::Done) {
            back += 1;
        } else {
            world.as_ann(&format!("moves resume {id}")).await.ended(Completion::Done);
        }
    }
    back
}

/// Returns the number of tenants in alpha. Each tenant is wholly in one cell: no other has it, or takes its events.
async fn in_alpha(world: &CellsWorld, tenants: &[(String, &str)]) -> usize {
    let mut there = 0;
    for (tenant, _) in tenants {
        let (home, epoch, state) = world.place_of(tenant).await;
        assert_eq!(state, "active", "{tenant}");
        there += usize::from(home == "alpha");
        for cell in ["alpha", "beta", "gamma"] {
            let is_open = world.fence(cell, tenant).await.iter().any(|(state, _)| state == "open");
            assert_eq!(is_open, cell == home, "{tenant} in {cell}, which is in {home} at epoch {epoch}");
        }
    }
    there
}

#[tokio::test(start_paused = true)]
async fn a_drain_under_load_that_is_cut_off_and_aborted_is_begun_again_and_empties_the_cell() {
    let tenants: Vec<_> = (0..TENANTS).map(|number| (format!("tenant-{number}"), "alpha")).collect();
    let world = CellsWorld::of(&tenants).await;
    let callers: Vec<Caller> = tenants.iter().map(|_| Caller::default()).collect();
    let drain = async {
        // The first quarter ends, the second is under way when the run dies.
        let (first, at_once) = (plan(&world, "cut-off").await, TENANTS / 4);
        let cut_off = timeout(Duration::from_secs(500), world.as_ann(&run(&first, at_once))).await;
        assert!(cut_off.is_err(), "{cut_off:?}");
        let back = abort_all(&world).await;
        assert!(back > 0);
        let left = in_alpha(&world, &tenants).await;
        assert!((1..TENANTS).contains(&left), "{left}");

        let second = plan(&world, "again").await;
        let report = world.as_ann(&run(&second, TENANTS)).await.ended(Completion::Done).json();
        assert_eq!(report["moved"], left, "{report}");
        callers.iter().for_each(|caller| caller.ended.set(true));
        [first, second].iter().for_each(|path| std::fs::remove_file(path).unwrap());
    };
    let writes =
        callers.iter().zip(&tenants).map(|(caller, (tenant, _))| caller.write(&world, tenant, Duration::from_secs(30)));
    join(drain, join_all(writes)).await;

    assert_eq!(in_alpha(&world, &tenants).await, 0);
    for (caller, (tenant, _)) in callers.iter().zip(&tenants) {
        world.all_is_there(tenant, caller, tenant).await;
        assert!(caller.longest.get() < Duration::from_secs(3), "{tenant} waited {:?}", caller.longest.get());
    }
}
