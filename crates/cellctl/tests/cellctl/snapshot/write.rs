//! The contents of a written snapshot, and the contents that it may replace.

use cellstack_cellctl::Completion;
use cellstack_core::registry::CellStatus;
use cellstack_core::snapshot::Snapshot;
use cellstack_core::{Epoch, RouteState};
use cellstack_embedded::names::CellNames;

use super::world::{SnapshotWorld, number, text};

#[tokio::test(start_paused = true)]
async fn it_holds_every_tenant_and_every_cell_and_the_audit_trail_says_who_took_it() {
    let world = SnapshotWorld::new().await;
    let moving = [("epoch", number(7)), ("state", text("moving")), ("standby_cell_id", text("alpha"))];
    world.entry("initech", "beta", &moving).await;
    world.state("beta", "down", 1_700_000_000_000).await;

    let ran = world.write("--reason nightly").await.ended(Completion::Done);
    assert!(ran.talk.starts_with("3 tenants in 2 cells, taken at "), "{}", ran.talk);
    assert!(ran.talk.contains(" written to file:///"), "{}", ran.talk);

    let snapshot = world.snapshot();
    assert_eq!((snapshot.tenants.len(), snapshot.cells.len(), snapshot.epoch()), (3, 2, Epoch(7)));
    let initech = snapshot.tenant(&"initech".parse().unwrap()).unwrap();
    assert_eq!((initech.cell_id.as_str(), initech.epoch, initech.state), ("beta", Epoch(7), RouteState::Moving));
    assert_eq!(initech.standby_cell_id.as_ref().unwrap().as_str(), "alpha");
    let acme = snapshot.tenant(&"acme".parse().unwrap()).unwrap();
    assert_eq!((acme.cell_id.as_str(), &acme.standby_cell_id), ("alpha", &None));
    let (alpha, beta) = ("alpha".parse().unwrap(), "beta".parse().unwrap());
    assert_eq!(snapshot.cell(&alpha).unwrap().table, CellNames::of(&alpha).table);
    let beta = snapshot.cell(&beta).unwrap();
    assert_eq!((beta.status, beta.down_at), (CellStatus::Down, Some(1_700_000_000_000)));

    let trail = world.audit().await;
    let [began, ended] = trail.as_slice() else { panic!("{trail:?}") };
    assert_eq!((&began["what"], &began["phase"]), (&text("snapshot write"), &text("began")));
    assert_eq!((&began["who"], &began["why"]), (&text("test"), &text("nightly")));
    assert_eq!(began["run"], ended["run"]);
    assert_eq!(ended["done"].as_m().unwrap()["tenants"], number(3));

    world.write("").await.ended(Completion::Done);
    assert_eq!(world.audit().await[2]["why"], text("routine"));
}

#[tokio::test(start_paused = true)]
async fn a_map_of_many_pages_is_read_to_its_end() {
    let world = SnapshotWorld::new().await;
    // A page ends at a megabyte.
    let padding = text(&"x".repeat(100_000));
    for at in 0..25 {
        world.entry(&format!("tenant-{at}"), "alpha", &[("updated_by", padding.clone())]).await;
    }
    world.write("").await.ended(Completion::Done);
    assert_eq!(world.snapshot().tenants.len(), 27);
}

#[tokio::test(start_paused = true)]
async fn a_newer_one_and_something_else_are_not_written_over() {
    let world = SnapshotWorld::new().await;
    world.write("").await.ended(Completion::Done);
    world.write("").await.ended(Completion::Done);

    let newer = Snapshot { taken_at_ms: world.snapshot().taken_at_ms + 3_600_000, ..Snapshot::default() };
    for (there, refusal) in
        [(newer.encode(), "holds a newer snapshot, taken at "), (b"mine".to_vec(), "something else")]
    {
        std::fs::write(world.file(), &there).unwrap();
        let error = world.write("").await.completion.unwrap_err();
        assert!(error.contains(refusal), "{error}");
        assert_eq!(std::fs::read(world.file()).unwrap(), there);
        world.write("--force").await.ended(Completion::Done);
        assert_eq!(world.snapshot().tenants.len(), 2);
    }
    let trail = world.audit().await;
    assert_eq!(trail.len(), 8, "a run that is refused changes nothing, and is not on record");
    assert!(trail[7]["scope"].as_s().unwrap().ends_with(" --force"));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_writes_nothing() {
    let world = SnapshotWorld::new().await;
    let ran = world.write("--dry-run --output json").await.ended(Completion::Done);
    assert_eq!(ran.json()["tenants"], 2);
    assert!(ran.talk.contains("would be written to"), "{}", ran.talk);
    assert!(!world.file().exists() && world.audit().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_in_the_map_is_told_and_does_not_keep_the_rest_from_being_written() {
    let world = SnapshotWorld::new().await;
    world.entry("broken", "beta", &[("state", text("sideways"))]).await;
    world.entry("lost", "omega", &[]).await;
    let ran = world.write("").await.ended(Completion::LeftSome);
    assert!(ran.talk.contains("left out: entry of broken: "), "{}", ran.talk);
    assert!(ran.talk.contains("tenants name cells that are not registered: omega"), "{}", ran.talk);
    assert!(ran.data.contains("not registered"), "{}", ran.data);
    let mut tenants: Vec<String> = world.snapshot().tenants.keys().map(ToString::to_string).collect();
    tenants.sort();
    assert_eq!(tenants, ["acme", "globex", "lost"]);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_can_not_be_written_is_on_record() {
    let world = SnapshotWorld::new().await;
    let line = "snapshot write --to file:///nowhere/at/all --operator test --force";
    let error = world.cellctl(line).await.completion.unwrap_err();
    assert!(error.starts_with("could not write file:///nowhere/at/all: the file can't be used"), "{error}");
    let trail = world.audit().await;
    assert!(trail[1]["troubles"].as_l().unwrap()[0].as_s().unwrap().contains("could not write"));
    assert!(trail[1]["done"].as_m().unwrap().is_empty());

    // No configuration of this deployment leads to S3.
    let error = world.cellctl("snapshot show --from s3://maps/map").await.completion.unwrap_err();
    assert!(error.starts_with("could not read s3://maps/map: S3 can't be called: "), "{error}");
}
