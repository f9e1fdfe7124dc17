//! `cells recount`.

use std::cell::Cell;
use std::time::Duration;

use cellstack_cellctl::Completion;
use futures::future::join;
use serde_json::json;

use super::world::{CellsWorld, cell, number};

/// Makes a world with three wrong counts, one of them below zero.
async fn miscounted() -> CellsWorld {
    let world = CellsWorld::new().await;
    world.set("cell#alpha", "state", "tenants", number(5)).await;
    world.set("cell#beta", "state", "placed", number(-2)).await;
    world.set("pair#alpha", "beta", "tenants", number(4)).await;
    world.set("pair#alpha", "alpha", "tenants", number(1)).await;
    world
}

async fn counts(world: &CellsWorld) -> [(u64, u64); 3] {
    let mut counts = [(0, 0); 3];
    for (count, id) in counts.iter_mut().zip(["alpha", "beta", "gamma"]) {
        let state = world.state(id).await;
        *count = (state.tenants, state.placed);
    }
    counts
}

const RIGHT: [(u64, u64); 3] = [(3, 3), (1, 1), (0, 0)];

#[tokio::test(start_paused = true)]
async fn counts_are_shown_against_the_map_and_repaired() {
    let world = miscounted().await;
    let rows = [
        "cell | standby | tenants counted | in the map | weight counted | in the map",
        "alpha | - | 5 | 3 | 3 | 3",
        "beta | - | 1 | 1 | 0 | 1",
        "alpha | alpha | 1 | 0 | - | -",
        "alpha | beta | 4 | 1 | - | -",
    ];
    let rows = rows.map(str::to_owned).to_vec();
    let dry = world.cellctl("cells recount --dry-run").await.ended(Completion::Done);
    assert_eq!((dry.rows(), dry.talk.as_str()), (rows.clone(), "4 counts would be repaired\n"));
    assert_eq!(world.state("alpha").await.tenants, 5);

    let beta = world.cellctl("cells recount beta --operator ann").await.ended(Completion::Done);
    assert_eq!((beta.rows().len(), beta.talk.as_str()), (2, "1 counts repaired\n"));
    assert_eq!((world.state("alpha").await.tenants, world.state("beta").await.placed), (5, 1));

    let done = world.cellctl("cells recount --operator ann").await.ended(Completion::Done);
    assert_eq!((done.rows().len(), done.talk.as_str()), (4, "3 counts repaired\n"));
    assert_eq!(counts(&world).await, RIGHT);
    let pairs = world.listing().await.pairs;
    assert_eq!(pairs[&(cell("alpha"), cell("beta"))], 1);
    assert_eq!(pairs[&(cell("alpha"), cell("alpha"))], 0);
    let again = world.cellctl("cells recount").await.ended(Completion::Done);
    assert_eq!(again.talk, "every count agrees with the map\n");
}

#[tokio::test(start_paused = true)]
async fn recount_prints_differences_for_programs() {
    let world = miscounted().await;
    let ran = world.cellctl("cells recount alpha --dry-run --output json").await.ended(Completion::Done);
    let expected = json!([
        {"cell": "alpha", "registry": {"tenants": 5, "placed": 3}, "map": {"tenants": 3, "placed": 3}},
        {"cell": "alpha", "standby": "alpha", "registry": {"tenants": 1, "placed": 0}, "map": {"tenants": 0, "placed": 0}},
        {"cell": "alpha", "standby": "beta", "registry": {"tenants": 4, "placed": 0}, "map": {"tenants": 1, "placed": 0}},
    ]);
    assert_eq!(ran.json(), expected);
}

#[tokio::test(start_paused = true)]
async fn counts_that_change_all_the_while_are_left_and_right_when_it_is_quiet() {
    let world = miscounted().await;
    world.slow_down();
    let (ended, placed) = (Cell::new(false), Cell::new(0));
    let placing = async {
        while !ended.get() {
            let tenant = format!("new-{}", placed.get()).parse().unwrap();
            world.stack.place(&tenant, &cell("alpha")).await.unwrap();
            placed.set(placed.get() + 1);
        }
    };
    let recount = async {
        let ran = world.cellctl("cells recount alpha --operator ann").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        ended.set(true);
        ran.ended(Completion::LeftSome)
    };
    let ((), ran) = join(placing, recount).await;
    assert!(
        ran.talk.contains("cell alpha: tenants are being placed just now; count again when it is quiet"),
        "{}",
        ran.talk
    );
    world.cellctl("cells recount --operator ann").await.ended(Completion::Done);
    let tenants = 3 + placed.get();
    assert_eq!(counts(&world).await, [(tenants, tenants), (1, 1), (0, 0)]);
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_cannot_be_read_is_named() {
    let world = CellsWorld::new().await;
    world.put("cellstack-tenant-map", &[("tenant_id", super::world::text("broken"))]).await;
    let ran = world.cellctl("cells recount").await.ended(Completion::LeftSome);
    assert!(ran.talk.starts_with("left out: entry of broken: "), "{}", ran.talk);
}
