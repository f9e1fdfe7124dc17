//! A tenant's data as JSON lines, and their check.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cellstack_cellctl::Completion;
use cellstack_embedded::names::CellNames;
use serde_json::{Value, json};

use crate::cells::world::{CellsWorld, cell, number, text};

/// A directory of a test's own.
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn new() -> Self {
        static DIRECTORIES: AtomicU32 = AtomicU32::new(0);
        let name = format!("cellctl-export-{}-{}", std::process::id(), DIRECTORIES.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file and returns its path.
    pub(super) fn file(&self, name: &str, contents: &str) -> String {
        std::fs::write(self.0.join(name), contents).unwrap();
        self.path(name)
    }

    pub(super) fn files(&self) -> Vec<String> {
        std::fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Makes a world in which alpha has two events of acme's, their total, an item of its own and things that are not acme's data,
/// and beta holds one event.
pub(super) async fn world() -> CellsWorld {
    let world = CellsWorld::new().await;
    world.taken("globex", None, 9, "beta").await;
    world.taken("acme", None, 1, "alpha").await;
    world.taken("acme", None, 2, "alpha").await;
    world.until("processed", async || world.total("alpha", "acme").await == (2, 3)).await;
    for key in ["note", "journal#1"] {
        let item = [("tenant_id", text("acme")), ("sk", text(key)), ("n", number(7))];
        world.put(&CellNames::of(&cell("alpha")).table, &item).await;
    }
    world.down("alpha").await;
    world.taken("acme", None, 4, "beta").await;
    world
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_export_has_all_that_cells_keep_of_a_tenant_and_nothing_else() {
    let world = world().await;
    let ran = world.as_ann("tenants export acme").await.ended(Completion::Done);
    assert_eq!(ran.talk, "acme is exported: event 3, other 1, total 1\n");
    let lines = lines(&ran.data);
    let [header, items @ .., end] = lines.as_slice() else { panic!("{lines:?}") };
    let origin =
        ["kind", "format", "version", "tenant", "cell", "state", "epoch", "operator"].map(|name| &header[name]);
    assert_eq!(json!(origin), json!(["header", "cellstack-tenant-export", 1, "acme", "alpha", "active", 1, "ann"]));
    assert!(header["at"].as_str().unwrap().starts_with("2026-01-01T00:0"), "{header}");
    assert_eq!(end["counts"], json!({"event": 3, "other": 1, "total": 1}));

    let events: Vec<_> = items.iter().filter(|item| item["kind"] == "event").collect();
    let shown = events.iter().map(|event| json!([event["cell"], event["status"], event["data"]["amount"]]));
    let expected = [json!(["beta", "held", 4]), json!(["alpha", "processed", 1]), json!(["alpha", "processed", 2])];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    assert!(events[0]["processed_at"].is_null() && events[2]["processed_at"].is_string(), "{events:?}");
    let others: Vec<_> = items.iter().filter(|item| item["kind"] != "event").collect();
    assert_eq!(others[0], &json!({"kind": "other", "cell": "alpha", "key": "note", "attributes": {"n": {"N": "7"}}}));
    let total = json!({"count": {"N": "2"}, "sum": {"N": "3"}});
    assert_eq!((&others[1]["key"], &others[1]["attributes"]), (&json!("total#order"), &total));

    let trail = world.cellctl("audit ls --what tenants --output json").await.json();
    assert_eq!(
        json!([trail[0]["what"], trail[0]["scope"], trail[0]["outcome"]]),
        json!(["tenants export", "acme", "done"])
    );
    assert_eq!(trail[0]["done"], end["counts"]);
}

#[tokio::test(start_paused = true)]
async fn an_export_of_many_pages_is_whole() {
    let world = CellsWorld::new().await;
    let table = CellNames::of(&cell("alpha")).table;
    for at in 0..5 {
        // A page has 1 MB at most.
        let item =
            [("tenant_id", text("acme")), ("sk", text(&format!("note{at:02}"))), ("n", text(&"x".repeat(300_000)))];
        world.put(&table, &item).await;
    }
    let ran = world.as_ann("tenants export acme").await.ended(Completion::Done);
    let keys: Vec<Value> = lines(&ran.data)[1..6].iter().map(|line| line["key"].clone()).collect();
    assert_eq!(keys, (0..5).map(|at| json!(format!("note{at:02}"))).collect::<Vec<_>>());
    assert_eq!(lines(&ran.data).len(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_file_is_there_once_it_is_whole_and_checks() {
    let (world, directory) = (world().await, Directory::new());
    let path = directory.path("acme.jsonl");
    let line = format!("tenants export acme --to {path}");
    let ran = world.as_ann(&line).await.ended(Completion::Done);
    assert!(ran.data.is_empty() && ran.talk.contains(&format!("cellctl tenants verify-export {path}")), "{ran:?}");
    let ran = world.cellctl(&format!("tenants verify-export {path}")).await.ended(Completion::Done);
    assert_eq!(ran.talk, format!("{path} is whole and unchanged\n"));
    assert_eq!(ran.rows()[0], "tenant | cell | epoch | exported at | by | kind | items");
    assert!(
        ran.rows()[1].starts_with("acme | alpha | 1 | 2026-") && ran.rows()[1].ends_with("ann | event | 3"),
        "{ran:?}"
    );

    // A file that is there is replaced by --force only, and only when the new one is whole.
    let first = std::fs::read_to_string(&path).unwrap();
    let error = world.as_ann(&line).await.completion.unwrap_err();
    assert!(error.contains("is there already"), "{error}");
    let deployment = world.deployment();
    deployment.stop().cancel();
    let stopped = format!("{line} --force --operator ann");
    let error = crate::ran::Ran::of(&stopped, &deployment).await.completion.unwrap_err();
    assert!(error.contains("stopped before the export was whole"), "{error}");
    assert_eq!(
        (std::fs::read_to_string(&path).unwrap(), directory.files()),
        (first.clone(), vec!["acme.jsonl".to_owned()])
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    let ran = world.as_ann(&format!("{line} --force --output json")).await.ended(Completion::Done);
    let checked = world.cellctl(&format!("tenants verify-export {path} --output json")).await.ended(Completion::Done);
    assert_eq!(ran.json(), checked.json());
    assert_ne!(std::fs::read_to_string(&path).unwrap(), first);
    assert_eq!(directory.files(), ["acme.jsonl"]);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_was_removed_is_exported_with_what_its_old_standby_holds() {
    let world = world().await;
    world.as_ann("tenants unplace acme --force").await.ended(Completion::Done);
    let ran = world.as_ann("tenants export acme").await.ended(Completion::Done);
    let lines = lines(&ran.data);
    assert_eq!((&lines[0]["state"], &lines[0]["cell"]), (&json!("removed"), &json!("alpha")));
    assert_eq!(lines.iter().filter(|line| line["status"] == "held" && line["cell"] == "beta").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_export_of_a_tenant_that_changes_its_cell_meanwhile_fails() {
    let world = world().await;
    world.slow_down();
    let directory = Directory::new();
    let line = format!("tenants export acme --to {}", directory.path("acme.jsonl"));
    let change = async {
        tokio::time::sleep(Duration::from_millis(11)).await;
        let update =
            world.stack.dynamodb().update_item().table_name("cellstack-tenant-map").key("tenant_id", text("acme"));
        let update = update.update_expression("SET epoch = :e").expression_attribute_values(":e", number(2));
        update.send().await.unwrap();
    };
    let (ran, ()) = futures::future::join(world.as_ann(&line), change).await;
    assert!(ran.completion.unwrap_err().contains("has changed its cell meanwhile; the export is not whole"));
    assert!(directory.files().is_empty());
}
