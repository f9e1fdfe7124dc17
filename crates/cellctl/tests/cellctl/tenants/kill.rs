//! Placements that end at any moment, and others after them.

use cellstack_cellctl::Completion;
use cellstack_embedded::Disorder;
use futures::future::join_all;

use super::world::TenantsWorld;
use crate::kill::killed_at;
use crate::ran::Ran;

const TENANTS: usize = 6;
const PLACES: usize = 3;

async fn place_each(world: &TenantsWorld, kill_at: usize) -> Vec<Option<Ran>> {
    let lines = (0..TENANTS).map(|tenant| format!("tenant-{tenant}"));
    join_all(lines.map(async |line| killed_at(kill_at, world.place(&line)).await)).await
}

#[tokio::test(start_paused = true)]
async fn placements_killed_at_any_await_point_and_run_again_fill_each_place_once() {
    let mut kill_at = 1;
    loop {
        let world = TenantsWorld::with(&[("alpha", 1), ("beta", 2)], Disorder::ALL).await;
        world.slow_down();
        let ended = place_each(&world, kill_at).await.into_iter().flatten().count();
        let placed = world.check_books(&format!("killed at {kill_at}")).await;
        assert!(placed <= PLACES, "killed at {kill_at}: {placed}");

        let again: Vec<Ran> = place_each(&world, usize::MAX).await.into_iter().flatten().collect();
        let done = again.iter().filter(|ran| ran.completion == Ok(Completion::Done)).count();
        let refused = again.iter().filter(|ran| ran.data.contains("no active cell has room")).count();
        assert_eq!((done, refused), (PLACES, TENANTS - PLACES), "killed at {kill_at}: {again:?}");
        assert_eq!(world.check_books(&format!("again after {kill_at}")).await, PLACES);
        if ended == TENANTS {
            break;
        }
        kill_at += 1;
    }
    assert!(kill_at > 10, "a placement has more await points than {kill_at}");
}

#[tokio::test(start_paused = true)]
async fn of_200_placements_at_once_each_killed_at_another_await_point_exactly_as_many_succeed_as_there_is_room_for() {
    const TENANTS: usize = 200;
    let cells = [("alpha", 25), ("beta", 25), ("gamma", 25), ("delta", 25)];
    let world = TenantsWorld::with(&cells, Disorder::ALL).await;
    world.slow_down();
    let lines: Vec<String> = (0..TENANTS).map(|tenant| format!("tenant-{tenant}")).collect();
    let killed = lines.iter().enumerate().map(async |(at, line)| killed_at(at + 1, world.place(line)).await);
    let killed = join_all(killed).await.iter().filter(|ran| ran.is_none()).count();
    assert!(killed > TENANTS / 4, "{killed} were killed");
    assert!(world.check_books("killed").await <= 100);

    let again = join_all(lines.iter().map(async |line| world.place(line).await)).await;
    let done = again.iter().filter(|ran| ran.completion == Ok(Completion::Done)).count();
    let refused = again.iter().filter(|ran| ran.data.contains("no active cell has room for a weight of 1")).count();
    assert_eq!((done, refused), (100, 100));
    assert_eq!(world.check_books("again").await, 100);
}

#[tokio::test(start_paused = true)]
async fn a_file_killed_at_any_await_point_and_run_again_is_placed_whole() {
    let tenants: String = (0..13).map(|tenant| format!("tenant-{tenant},{}\n", 1 + tenant % 3)).collect();
    let mut kill_at = 1;
    loop {
        let world = TenantsWorld::new(&[("alpha", 20), ("beta", 20), ("gamma", 20)]).await;
        world.slow_down();
        let line = format!("--from {}", world.file(&format!("tenant,weight\n{tenants}")));
        let ended = killed_at(kill_at, world.place(&line)).await;
        world.check_books(&format!("killed at {kill_at}")).await;
        world.place(&line).await.ended(Completion::Done);
        assert_eq!(world.check_books(&format!("again after {kill_at}")).await, 13);
        if ended.is_some() {
            break;
        }
        kill_at += 1;
    }
    assert!(kill_at > 10, "a run has more await points than {kill_at}");
}

/// Runs a command that is killed at each of its await points in turn, then runs it again, over a world with one tenant.
async fn killed_and_again(line: &str, left: usize, check: impl AsyncFn(&TenantsWorld)) {
    let mut kill_at = 1;
    loop {
        let world = TenantsWorld::new(&[("alpha", 9), ("beta", 9), ("gamma", 9)]).await;
        world.place("acme --cell alpha --standby beta").await.ended(Completion::Done);
        world.slow_down();
        let ended = killed_at(kill_at, world.cellctl(line)).await;
        world.check_books(&format!("{line}, killed at {kill_at}")).await;
        let again = world.cellctl(line).await;
        // A tenant that the killed run removed is there no more.
        let is_gone = again.completion.as_ref().is_err_and(|error| error.contains("acme is not placed"));
        assert!(again.completion == Ok(Completion::Done) || (left == 0 && is_gone), "killed at {kill_at}: {again:?}");
        assert_eq!(world.check_books(&format!("{line}, again after {kill_at}")).await, left);
        check(&world).await;
        if ended.is_some() {
            break;
        }
        kill_at += 1;
    }
    assert!(kill_at > 5, "`{line}` has more await points than {kill_at}");
}

#[tokio::test(start_paused = true)]
async fn a_change_killed_at_any_await_point_and_run_again_is_whole() {
    killed_and_again("tenants set-standby acme gamma --operator test", 1, async |world| {
        let standby = world.entry("acme").await.route.standby_cell_id;
        assert_eq!(standby.unwrap().as_str(), "gamma");
    })
    .await;
    killed_and_again("tenants pin acme --operator test", 1, async |world| {
        assert!(world.entry("acme").await.pinned);
    })
    .await;
    killed_and_again("tenants unplace acme --operator test --reason over", 0, async |_| {}).await;
}
