//! The output of `snapshot show`.

use cellstack_cellctl::Completion;
use cellstack_core::snapshot::Header;

use super::world::{SnapshotWorld, text};

#[tokio::test(start_paused = true)]
async fn show_counts_tenants_by_cell_and_prints_the_header() {
    let world = SnapshotWorld::new().await;
    world.entry("initech", "beta", &[("standby_cell_id", text("alpha"))]).await;
    world.write("").await.ended(Completion::Done);

    let ran = world.cellctl("snapshot show --from PLACE --output json").await.ended(Completion::Done);
    let json = ran.json();
    let file = std::fs::read(world.file()).unwrap();
    let first = file.split(|byte| *byte == b'\n').next().unwrap();
    let header: Header = serde_json::from_slice(first).unwrap();
    assert_eq!(json["sha256"], header.sha256);
    assert_eq!(
        (&json["format"], &json["tenants"], &json["cells"], &json["blocks"]),
        (&"cellstack-snapshot/2".into(), &3.into(), &2.into(), &1.into())
    );
    assert_eq!(json["taken_at_ms"], header.taken_at);
    assert!(json["taken_at"].as_str().unwrap().ends_with('Z'), "{json}");
    let cells = json["by_cell"].as_array().unwrap();
    let row = |at: usize| {
        (cells[at]["cell"].as_str().unwrap(), cells[at]["tenants"].as_u64(), cells[at]["standby_for"].as_u64())
    };
    assert_eq!((row(0), row(1)), (("alpha", Some(1), Some(1)), ("beta", Some(2), Some(0))));

    let ran = world.cellctl("snapshot show --from PLACE").await.ended(Completion::Done);
    assert!(ran.data.contains("cellstack-cell-beta") && ran.data.contains("active"), "{}", ran.data);
    assert!(
        ran.talk.contains(": 3 tenants in 2 cells, taken at ") && ran.talk.contains(", in 1 block"),
        "{}",
        ran.talk
    );
}

#[tokio::test(start_paused = true)]
async fn one_that_is_missing_cut_off_or_edited_is_refused() {
    let world = SnapshotWorld::new().await;
    let show = async || world.cellctl("snapshot show --from PLACE").await.completion.unwrap_err();
    assert!(show().await.ends_with("there is no snapshot"));
    world.write("").await.ended(Completion::Done);
    let whole = std::fs::read_to_string(world.file()).unwrap();
    std::fs::write(world.file(), &whole[..whole.len() - 1]).unwrap();
    assert!(show().await.ends_with("it was cut off, or edited"));
    for (from, to) in [("\"globex\",\"beta\"", "\"globex\",\"alph\""), ("{\"cells\"", "{\"sells\"")] {
        let edited = whole.replacen(from, to, 1);
        assert_ne!(edited, whole);
        std::fs::write(world.file(), edited).unwrap();
        assert!(show().await.ends_with("it was cut off, or edited"));
    }
    std::fs::write(world.file(), whole.replacen("\"tenants\":2", "\"tenants\":3", 1)).unwrap();
    assert!(show().await.ends_with("expected tenants 3, as the first line says; the content has 2"));
}
