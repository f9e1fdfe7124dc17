//! `tenants usage`, and a rebalance by what was measured.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use cellstack_cellctl::Completion;
use cellstack_core::usage;
use cellstack_embedded::names::CellNames;
use cellstack_emulator::{Fault, FaultKind};
use http::Request;
use serde_json::{Value, json};

use super::world::TenantsWorld;

impl TenantsWorld {
    /// Posts events under names, each twice, and waits until they are processed. Returns the number that usage counts.
    async fn post(&self, tenant: &str, events: usize) -> u64 {
        let mut counted = 0;
        for number in 0..events * 2 {
            let request = Request::post("/v1/events")
                .header("content-type", "application/json")
                .header("x-tenant-id", tenant)
                .header("idempotency-key", format!("{}", number / 2))
                .body(Bytes::from_static(br#"{"type":"order"}"#))
                .unwrap();
            let response = self.stack.url().request(request, SocketAddr::from(([127, 0, 0, 1], 1))).await;
            let body: Value = serde_json::from_slice(response.body()).unwrap();
            let id = body["id"].as_str().unwrap_or_else(|| panic!("{body}")).parse().unwrap();
            counted += if number % 2 == 0 { usage::counted(id) } else { 0 };
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
        counted
    }
}

/// Returns the lines of JSON.
fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn world() -> TenantsWorld {
    let world = TenantsWorld::new(&[("alpha", 10), ("beta", 10)]).await;
    for tenant in ["acme", "globex", "initech", "hooli"] {
        world.place(&format!("{tenant} --cell alpha --no-standby")).await.ended(Completion::Done);
    }
    world
}

#[tokio::test(start_paused = true)]
async fn each_processed_event_is_in_the_usage_of_its_cell_once() {
    let world = world().await;
    let none = world.cellctl("tenants usage --days 1").await.ended(Completion::Done);
    assert_eq!((none.rows().len(), none.talk.as_str()), (1, "some 0 events of 0 tenants today\n"));

    let (acme, globex) = (world.post("acme", 200).await, world.post("globex", 100).await);
    assert!(acme > globex && globex > 0, "{acme} and {globex}");
    let ran = world.cellctl("tenants usage --output json").await.ended(Completion::Done);
    let all = (acme + globex) as f64;
    let shown =
        |tenant, events| json!({"tenant": tenant, "cells": ["alpha"], "events": events, "share": events as f64 / all});
    assert_eq!(lines(&ran.data), [shown("acme", acme), shown("globex", globex)]);
    assert_eq!(ran.talk, format!("some {} events of 2 tenants in 7 days\n", acme + globex));

    let top = world.cellctl("tenants usage --top 1").await.ended(Completion::Done);
    let row = format!("acme | alpha | {acme} | {:.1} %", acme as f64 / all * 100.0);
    assert_eq!(top.rows(), ["tenant | cells | events | share".to_owned(), row]);
    assert!(top.talk.ends_with("1 tenants more: --top 0 shows all\n"), "{}", top.talk);
    let other = world.cellctl("tenants usage --cell beta").await.ended(Completion::Done);
    assert_eq!(other.rows().len(), 1, "nothing was processed in beta");
    let unknown = world.cellctl("tenants usage --cell omega").await.completion.unwrap_err();
    assert!(unknown.starts_with("cell omega is not in the registry"), "{unknown}");
}

#[tokio::test(start_paused = true)]
async fn a_rebalance_by_usage_moves_what_is_busy_and_needs_every_cell() {
    let world = world().await;
    let (acme, globex) = (world.post("acme", 200).await, world.post("globex", 190).await);
    let ran = world.cellctl("rebalance --load usage --max-share 100 --tolerance 20 --operator ann").await;
    let ran = ran.ended(Completion::Done);
    assert!(ran.talk.starts_with("2 of 4 tenants have a load; the others stay\ntenants: 1 to move"), "{}", ran.talk);
    let moved = if ran.rows()[1].ends_with(&acme.to_string()) { acme } else { globex };
    let all = acme + globex;
    assert_eq!(
        ran.rows()[..2],
        ["from | to | tenants | weight | load".to_owned(), format!("alpha | beta | 1 | 1 | {moved}")]
    );
    assert_eq!(ran.rows()[2], "cell | tenants | weight | load before | load after | ");
    let (row, stays) = (&ran.rows()[3], all - moved);
    assert!(row.starts_with(&format!("alpha | 4 -> 3 | 4 -> 3 of 10 | {all} | {stays} | ██████████ -> ████")), "{row}");

    let beta = CellNames::of(&"beta".parse().unwrap()).table;
    world.stack.aws().faults().inject(Fault::new("DynamoDB", "Query", FaultKind::ServerError).on(&beta));
    let refused = world.cellctl("rebalance --load usage --operator ann").await.completion.unwrap_err();
    let expected =
        "a rebalance by usage needs all cells; --load weight needs none: the usage of cell beta could not be read";
    assert!(refused.starts_with(expected), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_rebalance_by_a_file_says_whose_load_is_missing_and_refuses_what_it_cannot_read() {
    let world = world().await;
    let file = world.file("tenant,load\nacme,70\nglobex,60\nelsewhere,9\n");
    let plan = world.cellctl(&format!("rebalance --load {file} --max-share 100 --output json --operator ann")).await;
    let plan = plan.ended(Completion::LeftSome);
    let talk = "2 of 4 tenants have a load; the others stay\ncell alpha stays above its bound: no move of another tenant helps\n";
    assert_eq!(plan.talk, talk);
    let cells = &plan.json()["cells"];
    let measured = |at: usize| cells[at]["measured"].clone();
    assert_eq!(measured(0)["before"], 130);
    assert_eq!(measured(0)["after"].as_u64().unwrap() + measured(1)["after"].as_u64().unwrap(), 130);

    let refused =
        async |line: &str| world.cellctl(&format!("rebalance --operator ann {line}")).await.completion.unwrap_err();
    assert_eq!(refused("--days 3").await, "--days goes with --load usage; found --load weight");
    let missing = refused("--load nowhere.csv").await;
    assert!(
        missing.starts_with("could not read loads from nowhere.csv; expected weight, usage or a file: "),
        "{missing}"
    );
    let file = world.file("tenant,load\nacme,many\n");
    let expected = format!("{file} is not a file of loads: line 2: load must be a whole number; found 'many'");
    assert_eq!(refused(&format!("--load {file}")).await, expected);
}
