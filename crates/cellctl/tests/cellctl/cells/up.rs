//! `cells up`, and the way home of the events that standbys hold.

use std::cell::Cell;
use std::collections::HashMap;
use std::time::Duration;

use cellstack_cellctl::Completion;
use cellstack_core::cell_table::Item;
use cellstack_core::limits::CELL_LEASE;
use cellstack_core::registry::CellStatus;
use cellstack_embedded::names::CellNames;
use cellstack_emulator::{Fault, FaultKind};
use futures::future::join;
use serde_json::json;

use super::world::{CellsWorld, cell, number, text};
use crate::ran::Ran;

/// Makes a world with one processed event of acme's. Then alpha is down; beta holds four events of acme's, one of them the
/// repeat of that first one, and gamma one of initech's.
pub(crate) async fn held() -> CellsWorld {
    let world = CellsWorld::new().await;
    world.taken("acme", Some("first"), 100, "alpha").await;
    world.until("the first event", async || world.total("alpha", "acme").await == (1, 100)).await;
    world.down("alpha").await;
    world.taken("acme", Some("first"), 100, "beta").await;
    for amount in [1, 2, 3] {
        world.taken("acme", None, amount, "beta").await;
    }
    world.taken("initech", Some("other"), 50, "gamma").await;
    assert_eq!(world.events("beta").await, HashMap::from([("held".to_owned(), 4)]));
    world
}

/// Checks that each event had one effect, at home, and that the standbys hold nothing.
pub(crate) async fn all_is_home(world: &CellsWorld, when: &str) {
    let totals = async || (world.total("alpha", "acme").await, world.total("alpha", "initech").await);
    world.until(when, async || totals().await == ((4, 106), (1, 50))).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(totals().await, ((4, 106), (1, 50)), "{when}");
    for (cell, carried) in [("beta", 4), ("gamma", 1)] {
        assert_eq!(world.events(cell).await, HashMap::from([("carried".to_owned(), carried)]), "{when}: {cell}");
        for tenant in ["acme", "initech"] {
            assert_eq!(world.total(cell, tenant).await, (0, 0), "{when}: {cell}");
        }
    }
    assert_eq!(world.events("alpha").await, HashMap::from([("processed".to_owned(), 5)]), "{when}");
}

#[tokio::test(start_paused = true)]
async fn held_events_come_home_once_and_the_one_that_is_there_is_dropped() {
    let world = held().await;
    let rows = ["standby | tenants | events held", "beta | 1 | 4", "gamma | 1 | 1"].map(str::to_owned).to_vec();
    let dry = world.ann("up alpha --dry-run").await.ended(Completion::Done);
    let plan = "cell alpha would be recovering until 5 held events are home, then active\n";
    assert_eq!(dry.rows(), rows);
    assert!(
        dry.talk.starts_with("cell alpha is down, by ann at 2026-01-01T00:00:00") && dry.talk.ends_with(plan),
        "{}",
        dry.talk
    );
    assert_eq!((world.status("alpha").await, world.events("beta").await["held"]), ("down", 4));

    let done = world.ann("up alpha").await.ended(Completion::Done);
    let talk = [
        "cell alpha is recovering: it is read, and standbys hold new events",
        "4 events came home, 1 were there already",
        "cell alpha was recovering and is active: it takes new tenants",
        "cell alpha is up: 4 events came home, 1 were there already\n",
    ];
    assert_eq!(done.rows(), rows);
    assert!(done.talk.ends_with(&talk.join("\n")), "{}", done.talk);
    all_is_home(&world, "after up").await;
    let came_later = |item: &Item| item.get("came_later").is_some();
    let events = world.items(&CellNames::of(&cell("alpha")).table).await;
    assert_eq!(events.iter().filter(|item| came_later(item)).count(), 4);
    let state = world.state("alpha").await;
    assert_eq!((state.status, state.retry_after), (CellStatus::Active, None));
    assert!(!state.may_be_held_for() && state.down_at.is_some(), "{state:?}");
    world.taken("acme", None, 7, "alpha").await;
    let again = world.ann("up alpha").await.ended(Completion::Done);
    assert!(again.talk.ends_with("nothing to change\n"), "{}", again.talk);
    // A second mark-down is another one.
    world.down("alpha").await;
    world.ann("up alpha").await.ended(Completion::Done);
    assert!(!world.state("alpha").await.may_be_held_for());
}

#[tokio::test(start_paused = true)]
async fn up_reports_to_programs() {
    let world = held().await;
    let ran = world.ann("up alpha --output json").await.ended(Completion::Done);
    let expected = json!({
        "cell": "alpha", "before": "down", "after": "active", "tenants_with_standby": 2, "held": 5, "carried": 4, "known": 1,
    });
    assert_eq!(ran.json(), expected);
    let again = world.ann("up alpha --output json").await.ended(Completion::Done);
    let expected = json!({
        "cell": "alpha", "before": "active", "after": "active", "tenants_with_standby": 2, "held": 0, "carried": 0, "known": 0,
    });
    assert_eq!(again.json(), expected);
}

#[tokio::test(start_paused = true)]
async fn events_that_come_all_the_while_are_carried_too_and_do_not_keep_it_from_ending() {
    let world = held().await;
    world.slow_down();
    let (ended, posted) = (Cell::new(false), Cell::new(0));
    let caller = async {
        while !ended.get() {
            let response = world.post("acme", None, 1).await;
            assert_eq!(response.status(), 202);
            posted.set(posted.get() + 1);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let up = async {
        let up = tokio::time::timeout(Duration::from_secs(600), world.ann("up alpha")).await.unwrap();
        ended.set(true);
        up.ended(Completion::Done)
    };
    let ((), up) = join(caller, up).await;
    assert!(posted.get() > 1_000 && up.talk.contains("cell alpha is up"), "{} {}", posted.get(), up.talk);
    world.stack.aws().faults().clear();
    let expected = (4 + posted.get(), 106 + posted.get());
    world.until("all events", async || world.total("alpha", "acme").await == expected).await;
    assert!(!world.events("beta").await.contains_key("held"), "{:?}", world.events("beta").await);
}

#[tokio::test(start_paused = true)]
async fn an_operator_who_stops_it_finds_the_cell_recovering_and_goes_on() {
    let world = held().await;
    let deployment = world.deployment();
    let stop = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        deployment.stop().cancel();
    };
    let (ran, ()) = join(Ran::of("cells up alpha --operator ann --reason test", &deployment), stop).await;
    let ran = ran.ended(Completion::LeftSome);
    assert!(
        ran.talk.ends_with("stopped; cell alpha is recovering: cellctl cells up alpha continues from there\n"),
        "{}",
        ran.talk
    );
    assert_eq!(world.status("alpha").await, "recovering");
    tokio::time::sleep(CELL_LEASE).await;
    world.taken("acme", Some("first"), 100, "alpha").await; // A repeat: the cell is read again.
    let on = world.ann("up alpha").await.ended(Completion::Done);
    assert!(on.talk.starts_with("cell alpha is recovering, by ann"), "{}", on.talk);
    all_is_home(&world, "after the second").await;
}

#[tokio::test(start_paused = true)]
async fn stopped_in_the_last_wait_it_carries_the_rest_when_it_is_run_again() {
    let world = held().await;
    let deployment = world.deployment();
    let stop = async {
        // A repeat: the router reads the cell's record, and does not know of the next mark until the lease is over.
        tokio::time::sleep(Duration::from_secs(15)).await;
        world.taken("acme", Some("first"), 100, "alpha").await;
        tokio::time::sleep(Duration::from_secs(7)).await;
        world.taken("acme", None, 9, "beta").await;
        deployment.stop().cancel();
    };
    let (ran, ()) = join(Ran::of("cells up alpha --operator ann --reason test", &deployment), stop).await;
    assert!(ran.ended(Completion::LeftSome).talk.contains("stopped; cell alpha is active"));
    assert_eq!((world.status("alpha").await, world.events("beta").await["held"]), ("active", 1));
    let on = world.ann("up alpha").await.ended(Completion::Done);
    assert!(on.talk.ends_with("cell alpha is up: 1 events came home, 0 were there already\n"), "{}", on.talk);
    world.until("the last event", async || world.total("alpha", "acme").await == (5, 115)).await;
}

/// A router that can't read the registry keeps to what it knew of a cell.
#[tokio::test(start_paused = true)]
async fn what_is_held_after_all_was_home_comes_home_with_the_next_run() {
    let world = held().await;
    world.ann("up alpha").await.ended(Completion::Done);
    all_is_home(&world, "after up").await;
    world.set("cell#alpha", "state", "status", text("recovering")).await;
    tokio::time::sleep(CELL_LEASE).await;
    world.taken("acme", None, 9, "beta").await;
    world.set("cell#alpha", "state", "status", text("active")).await;
    assert!(!world.state("alpha").await.may_be_held_for());
    let kept = world.cellctl("tenants set-standby acme gamma --operator ann").await.completion.unwrap_err();
    assert!(kept.starts_with("cell beta holds 1 events of acme"), "{kept}");
    let on = world.ann("up alpha").await.ended(Completion::Done);
    assert!(on.talk.ends_with("cell alpha is up: 1 events came home, 0 were there already\n"), "{}", on.talk);
    world.until("the last event", async || world.total("alpha", "acme").await == (5, 115)).await;
}

/// A router that was frozen all the while, and can't read the registry when it thaws, learns of the end from the standby.
#[tokio::test(start_paused = true)]
async fn after_up_no_standby_holds_an_event_for_a_router_that_knows_the_cell_as_down() {
    let world = held().await;
    world.ann("up alpha").await.ended(Completion::Done);
    world.stack.aws().faults().inject(Fault::any("DynamoDB", FaultKind::Reset).on("cellstack-registry"));
    world.taken("acme", None, 9, "alpha").await;
    world.taken("initech", None, 9, "alpha").await;
    world.until("both", async || world.total("alpha", "acme").await == (5, 115)).await;
    assert_eq!(world.events("beta").await, HashMap::from([("carried".to_owned(), 4)]));
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_was_once_down_is_named_until_it_is_known_that_all_is_home() {
    let world = CellsWorld::new().await;
    // A mark by hand, as before there was `cellctl`.
    world.set("cell#beta", "state", "down_at", number(1)).await;
    let status = world.cellctl("status").await.ended(Completion::LeftSome);
    let note = "look: standbys may still hold events of beta's tenants: cellctl cells up beta";
    assert!(status.talk.contains(note), "{}", status.talk);
    world.ann("up beta").await.ended(Completion::Done);
    assert!(!world.state("beta").await.may_be_held_for());
    world.cellctl("status").await.ended(Completion::Done);
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_serves_takes_tenants_again_and_one_that_is_active_stays_as_it_is() {
    let world = CellsWorld::new().await;
    let ran = world.ann("up beta").await.ended(Completion::Done);
    assert_eq!(ran.talk, "cell beta is active, by nobody on record\nnothing to change\n");
    for status in ["full", "draining"] {
        world.set("cell#beta", "state", "status", super::world::text(status)).await;
        let dry = world.ann("up beta --dry-run").await.ended(Completion::Done);
        assert!(dry.talk.contains("cell beta would be active and take new tenants"), "{}", dry.talk);
        assert_eq!(world.status("beta").await, status);
        let ran = world.ann("up beta").await.ended(Completion::Done);
        let expected = format!("cell beta was {status} and is active: it takes new tenants\n");
        assert!(ran.talk.ends_with(&expected), "{}", ran.talk);
        assert_eq!(world.status("beta").await, "active");
    }
}

#[tokio::test(start_paused = true)]
async fn held_events_come_home_in_the_order_in_which_they_were_accepted() {
    let world = CellsWorld::new().await;
    world.down("alpha").await;
    // The ids of named events are in no order.
    for name in ["a", "b", "c", "d", "e", "f"] {
        world.taken("acme", Some(name), 1, "beta").await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let transactions = Fault::new("DynamoDB", "TransactWriteItems", FaultKind::ServerError).on("cellstack-cell-alpha");
    world.stack.aws().faults().inject(transactions.after(3));
    let failed = world.ann("up alpha").await.completion.unwrap_err();
    assert!(failed.contains("carry an event home"), "{failed}");
    let mut events: Vec<(u64, String)> = Vec::new();
    for item in world.items("cellstack-cell-beta").await {
        if let Some(at) = item.get("accepted_at") {
            events.push((at.as_n().unwrap().parse().unwrap(), item["status"].as_s().unwrap().clone()));
        }
    }
    events.sort();
    let statuses: Vec<&str> = events.iter().map(|(_, status)| status.as_str()).collect();
    assert_eq!(statuses, ["carried", "carried", "carried", "held", "held", "held"]);
    world.stack.aws().faults().clear();
    world.ann("up alpha").await.ended(Completion::Done);
    // The first three come again after a visibility timeout: their effects met the fault as well.
    tokio::time::sleep(Duration::from_secs(180)).await;
    world.until("all events", async || world.total("alpha", "acme").await == (6, 6)).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_carried_into_a_cell_that_no_longer_has_the_tenant() {
    let world = held().await;
    let closed =
        [("tenant_id", text("acme")), ("sk", text("fence#0")), ("epoch", number(1)), ("state", text("closed"))];
    world.put("cellstack-cell-alpha", &closed).await;
    let ran = world.ann("up alpha --output json").await.ended(Completion::LeftSome);
    assert_eq!(ran.json()["left"], "standbys still hold 4 events, as they do while a tenant is moved");
    let talk = [
        "cell alpha is up: 1 events came home, 0 were there already",
        "standbys still hold 4 events, as they do while a tenant is moved: `cellctl cells up alpha` looks again\n",
    ];
    assert!(ran.talk.ends_with(&talk.join("\n")), "{}", ran.talk);
    assert_eq!(world.events("beta").await, HashMap::from([("held".to_owned(), 4)]));
    assert!(world.state("alpha").await.may_be_held_for());
}

/// A tenant that was placed anew finds what its standby took for its home of before.
#[tokio::test(start_paused = true)]
async fn what_is_held_for_a_cell_that_was_never_down_comes_home_too() {
    let world = held().await;
    world.remove("cell#alpha", "state").await;
    for (attribute, value) in [("status", text("active")), ("cell_id", text("alpha"))] {
        world.set("cell#alpha", "state", attribute, value).await;
    }
    let up = world.ann("up alpha").await.ended(Completion::Done);
    assert!(up.talk.ends_with("cell alpha is up: 4 events came home, 1 were there already\n"), "{}", up.talk);
    all_is_home(&world, "after up").await;
    let again = world.ann("up alpha").await.ended(Completion::Done);
    assert!(again.talk.ends_with("nothing to change\n"), "{}", again.talk);
}

#[tokio::test(start_paused = true)]
async fn a_standby_that_may_hold_events_is_not_replaced() {
    let world = held().await;
    let set = async |more: &str| {
        world.cellctl(&format!("tenants set-standby acme gamma --operator ann {more}")).await.completion.unwrap_err()
    };
    for more in ["", "--dry-run"] {
        let down = set(more).await;
        assert!(down.starts_with("cell alpha is not up, so that the standby of acme may hold events"), "{down}");
    }
    // Routers that know of no mark yet, or an `up` that was killed in its last wait.
    world.set("cell#alpha", "state", "status", text("active")).await;
    for more in ["", "--dry-run"] {
        let holds = set(more).await;
        assert_eq!(
            holds,
            "cell beta holds 4 events of acme; expected none: `cellctl cells up alpha` carries them home"
        );
    }
    world.ann("up alpha").await.ended(Completion::Done);
    all_is_home(&world, "after up").await;
    world.cellctl("tenants set-standby acme gamma --operator ann").await.ended(Completion::Done);
}
