//! `cells sync`.

use cellstack_cellctl::Completion;
use cellstack_embedded::names::registry;
use cellstack_emulator::{Fault, FaultKind};
use serde_json::json;

use super::world::{CellsWorld, cell, number, text};

/// Makes a world on which Terraform and cellctl do not agree: alpha and gamma have no state, beta has no configuration, and
/// neither have two cells without tenants, one of which Terraform retired.
async fn torn() -> CellsWorld {
    let world = CellsWorld::new().await;
    for id in ["alpha", "gamma"] {
        world.remove(&format!("cell#{id}"), "state").await;
    }
    world.remove("cell#beta", "config").await;
    for id in ["old", "older"] {
        world.set(&format!("cell#{id}"), "state", "status", text("draining")).await;
        world.set(&format!("cell#{id}"), "state", "cell_id", text(id)).await;
    }
    world.set("cell#older", "retired", "cell_id", text("older")).await;
    world
}

const NO_CONFIG: &str = "a state, without a configuration";

#[tokio::test(start_paused = true)]
async fn sync_adopts_retires_and_names_what_a_person_has_to_do() {
    let world = torn().await;
    let rows = [
        "cell | found | tenants | step".to_owned(),
        "alpha | stamped, without a state | 3 | gets a state: active".to_owned(),
        "gamma | stamped, without a state | 0 | cellctl cells bootstrap gamma".to_owned(),
        format!(
            "beta | {NO_CONFIG} | 1 | its tenants get 503: put its line back in Terraform, or cellctl tenants ls --cell beta"
        ),
        format!("old | {NO_CONFIG} | 0 | is marked retired"),
        format!("older | {NO_CONFIG} | 0 | is marked retired"),
    ];
    let dry = world.cellctl("cells sync --dry-run").await.ended(Completion::LeftSome);
    assert_eq!((dry.rows(), dry.talk.as_str()), (rows.to_vec(), "3 cells would be brought into agreement, 2 left\n"));
    assert!(world.listing().await.cell(&"alpha".parse().unwrap()).unwrap().state.is_none());

    let done = world.cellctl("cells sync --operator ann").await.ended(Completion::LeftSome);
    assert_eq!((done.rows(), done.talk.as_str()), (rows.to_vec(), "3 cells brought into agreement, 2 left\n"));
    let alpha = world.state("alpha").await;
    assert_eq!((alpha.status.as_str(), alpha.tenants, alpha.placed), ("active", 3, 3));
    assert_eq!((alpha.updated_by.as_deref(), alpha.reason.as_deref()), (Some("ann"), Some("routine")));
    let listing = world.listing().await;
    for id in ["old", "older"] {
        assert_eq!(listing.without_config[&id.parse().unwrap()].status.as_str(), "retired");
    }
    let again = world.cellctl("cells sync --output json").await.ended(Completion::LeftSome);
    let expected = json!([
        {"cell": "gamma", "found": "stamped, without a state", "tenants": 0, "step": "leave",
         "next": "cellctl cells bootstrap gamma"},
        {"cell": "beta", "found": NO_CONFIG, "tenants": 1, "step": "leave",
         "next": "its tenants get 503: put its line back in Terraform, or cellctl tenants ls --cell beta"},
    ]);
    assert_eq!(again.json(), expected);
}

#[tokio::test(start_paused = true)]
async fn sync_has_nothing_to_do_where_both_agree() {
    let world = CellsWorld::new().await;
    let ran = world.cellctl("cells sync --output json").await.ended(Completion::Done);
    assert_eq!((ran.json(), ran.talk.as_str()), (json!([]), "Terraform and cellctl agree on every cell\n"));
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_terraform_retired_is_marked_so_and_its_tenants_are_named_each_time() {
    let world = CellsWorld::new().await;
    world.remove("cell#beta", "config").await;
    world.set("cell#beta", "retired", "cell_id", text("beta")).await;
    for steps in [["retire", "leave"].as_slice(), ["leave"].as_slice()] {
        let ran = world.cellctl("cells sync --output json --operator ann").await.ended(Completion::LeftSome);
        let json = ran.json();
        let found: Vec<_> = json.as_array().unwrap().iter().map(|one| one["step"].as_str().unwrap()).collect();
        assert_eq!((found.as_slice(), &json[0]["tenants"]), (steps, &json!(1)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cell_is_not_retired_for_want_of_tenants_that_cannot_be_read() {
    let world = CellsWorld::new().await;
    world.set("cell#old", "state", "tenants", number(0)).await;
    for (attribute, value) in [("cell_id", "old"), ("status", "draining")] {
        world.set("cell#old", "state", attribute, text(value)).await;
    }
    world.put("cellstack-tenant-map", &[("tenant_id", text("broken"))]).await;
    let ran = world.cellctl("cells sync --operator ann").await.ended(Completion::LeftSome);
    assert!(
        ran.data.contains("correct the entries of the map") && ran.talk.contains("entry of broken"),
        "{}",
        ran.data
    );
    assert_eq!(world.listing().await.without_config[&"old".parse().unwrap()].status.as_str(), "draining");
}

#[tokio::test(start_paused = true)]
async fn the_state_of_an_earlier_version_is_listed_by_itself_once_it_is_marked() {
    let world = CellsWorld::new().await;
    let earlier = [("pk", text("cell#beta")), ("sk", text("state")), ("status", text("active"))];
    world.put(&registry(), &earlier).await;
    world.ann("down beta").await.ended(Completion::Done);
    world.remove("cell#beta", "config").await;
    assert!(world.listing().await.without_config.contains_key(&cell("beta")));
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_left_a_cell_without_a_state_makes_none() {
    let world = CellsWorld::new().await;
    world.remove("cell#alpha", "state").await;
    world.cellctl("tenants unplace hooli --operator ann --reason test").await.ended(Completion::Done);
    assert_eq!(world.listing().await.cell(&cell("alpha")).unwrap().state, None);
    world.cellctl("cells sync --operator ann").await.ended(Completion::Done);
    let alpha = world.state("alpha").await;
    assert_eq!((alpha.status.as_str(), alpha.tenants, alpha.placed, alpha.rev), ("active", 2, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_others_have_as_standby_is_not_retired() {
    let world = CellsWorld::new().await;
    world.remove("cell#gamma", "config").await;
    let ran = world.cellctl("cells sync --output json --operator ann").await.ended(Completion::LeftSome);
    let next = "1 tenants of other cells have it as standby, or are about to: put its line back in Terraform, or cellctl tenants \
                set-standby";
    let expected = json!([{"cell": "gamma", "found": NO_CONFIG, "tenants": 0, "step": "leave", "next": next}]);
    assert_eq!(ran.json(), expected);
    assert_eq!(world.listing().await.without_config[&cell("gamma")].status.as_str(), "active");
}

#[tokio::test(start_paused = true)]
async fn a_state_whose_response_was_lost_is_no_trouble() {
    let world = CellsWorld::new().await;
    world.remove("cell#alpha", "state").await;
    // The first write is the audit trail's.
    let lost = Fault::new("DynamoDB", "PutItem", FaultKind::ResetAfterCommit);
    world.stack.aws().faults().inject(lost.after(1).times(1));
    world.cellctl("cells sync --operator ann").await.ended(Completion::Done);
    assert_eq!(world.state("alpha").await.tenants, 3);
}
