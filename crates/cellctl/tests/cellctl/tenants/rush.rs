//! Many operators who place at once.

use cellstack_cellctl::Completion;
use cellstack_embedded::Disorder;
use futures::future::join_all;

use super::world::TenantsWorld;
use crate::ran::Ran;

/// Lets operators place a tenant each, twice as many as there are places. Returns those who were refused.
async fn rush(world: &TenantsWorld, room: usize, more: &str) -> Vec<Ran> {
    let places = (0..2 * room).map(|tenant| format!("tenant-{tenant} {more}"));
    let runs = join_all(places.map(async |line| world.place(&line).await)).await;
    let (placed, refused): (Vec<_>, Vec<_>) = runs.into_iter().partition(|ran| ran.completion == Ok(Completion::Done));
    assert_eq!((placed.len(), refused.len()), (room, room));
    assert!(placed.iter().all(|ran| ran.talk.contains("1 placed, 0 had a cell, 0 refused")), "{placed:?}");
    assert!(refused.iter().all(|ran| ran.completion == Ok(Completion::LeftSome)), "{refused:?}");
    assert_eq!(world.check_books(more).await, room);
    refused
}

#[tokio::test(start_paused = true)]
async fn of_200_placements_at_once_exactly_as_many_succeed_as_there_is_room_for() {
    let cells = [("alpha", 25), ("beta", 25), ("gamma", 25), ("delta", 25)];
    let world = TenantsWorld::with(&cells, Disorder::ALL).await;
    for ran in rush(&world, 100, "").await {
        assert!(ran.data.contains("no active cell has room for a weight of 1"), "{ran:?}");
    }
    let listing = world.listing().await;
    assert!(listing.cells.iter().all(|cell| cell.state.as_ref().unwrap().placed == 25), "{listing:?}");
}

#[tokio::test(start_paused = true)]
async fn the_last_place_of_a_cell_that_was_named_is_given_once() {
    let cells = [("alpha", 30), ("beta", 1_000)];
    let world = TenantsWorld::with(&cells, Disorder::ALL).await;
    for ran in rush(&world, 30, "--cell alpha").await {
        let reason = "cell alpha is full: 30 of its capacity of 30 is taken, expected room for 1";
        assert!(ran.data.contains(reason), "{ran:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_operators_with_the_same_file_place_each_tenant_once() {
    let world = TenantsWorld::with(&[("alpha", 30), ("beta", 30), ("gamma", 30)], Disorder::ALL).await;
    let tenants: String = (0..60).map(|tenant| format!("tenant-{tenant}\n")).collect();
    let line = format!("--from {} --output json", world.file(&format!("tenant\n{tenants}")));
    let (one, other) = tokio::join!(world.place(&line), world.place(&line));
    let (one, other) = (one.ended(Completion::Done), other.ended(Completion::Done));
    let count = |outcome: &str| [&one, &other].map(|ran| ran.data.matches(&format!("\"{outcome}\"")).count());
    let ([placed, placed_too], [already, already_too]) = (count("placed"), count("already"));
    assert_eq!((placed + already, placed_too + already_too, placed + placed_too), (60, 60, 60));
    assert_eq!(world.check_books("both").await, 60);
}
