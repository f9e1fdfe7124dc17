//! The contents of a written snapshot, and the contents that it may replace.

use cellstack_cellctl::Completion;
use cellstack_core::registry::CellStatus;
use cellstack_core::snapshot::Draft;
use cellstack_core::{CellId, Epoch, RouteState, TenantId};
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
    assert!(ran.talk.contains(" written to file:///") && ran.talk.contains(", in 1 block"), "{}", ran.talk);

    let (index, tenants) = world.snapshot().await;
    assert_eq!((tenants.len(), index.cells().len(), index.header().epoch), (3, 2, Epoch(7)));
    let tenant = |id: &str| &tenants[&id.parse::<TenantId>().unwrap()];
    let initech = tenant("initech");
    assert_eq!((initech.cell_id.as_str(), initech.epoch, initech.state), ("beta", Epoch(7), RouteState::Moving));
    assert_eq!(initech.standby_cell_id.as_ref().unwrap().as_str(), "alpha");
    let acme = tenant("acme");
    assert_eq!((acme.cell_id.as_str(), &acme.standby_cell_id), ("alpha", &None));
    let (alpha, beta): (CellId, CellId) = ("alpha".parse().unwrap(), "beta".parse().unwrap());
    assert_eq!(index.cells()[&alpha].table, CellNames::of(&alpha).table);
    let beta = &index.cells()[&beta];
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
    assert_eq!(world.snapshot().await.1.len(), 27);
}

#[tokio::test(start_paused = true)]
async fn a_map_of_many_tenants_is_cut_into_blocks_and_writes_the_same_bytes_again() {
    let world = SnapshotWorld::new().await;
    // With the longest ids, a block has some 420 tenants.
    for at in 0..500 {
        world.entry(&format!("{at:04}{}", "x".repeat(124)), "alpha", &[]).await;
    }
    let ran = world.write("").await.ended(Completion::Done);
    assert!(ran.talk.contains(", in 2 blocks"), "{}", ran.talk);
    let (index, tenants) = world.snapshot().await;
    assert_eq!((index.blocks().count(), tenants.len()), (2, 502));
    let lines = |text: String| text.lines().skip(1).map(ToOwned::to_owned).collect::<Vec<_>>();
    let before = lines(std::fs::read_to_string(world.file()).unwrap());
    world.write("").await.ended(Completion::Done);
    assert_eq!(lines(std::fs::read_to_string(world.file()).unwrap()), before, "all but the time");
}

#[tokio::test(start_paused = true)]
async fn a_newer_one_and_something_else_are_not_written_over() {
    let world = SnapshotWorld::new().await;
    world.write("").await.ended(Completion::Done);
    world.write("").await.ended(Completion::Done);

    let later = world.snapshot().await.0.header().taken_at + 3_600_000;
    let newer: Vec<u8> = Draft::new(later).encode(&[].into()).unwrap().pieces().flatten().collect();
    let earlier = b"{\"format\":\"cellstack-snapshot/1\",\"taken_at\":1}\n{}".to_vec();
    for (there, refusal) in [
        (newer, "holds a newer snapshot, taken at "),
        (b"mine".to_vec(), "something else"),
        (earlier, "something else; --force writes over it: expected a first line {\"format\":\"cellstack-snapshot/2\""),
    ] {
        std::fs::write(world.file(), &there).unwrap();
        let error = world.write("").await.completion.unwrap_err();
        assert!(error.contains(refusal), "{error}");
        assert_eq!(std::fs::read(world.file()).unwrap(), there);
        world.write("--force").await.ended(Completion::Done);
        assert_eq!(world.snapshot().await.1.len(), 2);
    }
    let trail = world.audit().await;
    assert_eq!(trail.len(), 10, "a run that is refused changes nothing, and is not on record");
    assert!(trail[9]["scope"].as_s().unwrap().ends_with(" --force"));
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
    let tenants: Vec<String> = world.snapshot().await.1.keys().map(ToString::to_string).collect();
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
