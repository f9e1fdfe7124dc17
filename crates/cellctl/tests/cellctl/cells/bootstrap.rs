//! `cells bootstrap`, `cells probe` and `status`: a cell taken into service, and looked at.

use std::time::Duration;

use cellstack_cellctl::Completion;
use cellstack_emulator::{Fault, FaultKind};
use futures::future::join;

use super::world::{CellsWorld, cell, text};
use crate::ran::Ran;

#[tokio::test(start_paused = true)]
async fn a_stamped_cell_takes_tenants_once_an_event_has_passed_through_it() {
    let world = CellsWorld::new().await;
    world.remove("cell#gamma", "state").await;
    let listed = world.cellctl("cells ls").await.ended(Completion::LeftSome);
    assert!(listed.talk.contains("gamma is stamped and takes no tenants yet: cellctl cells bootstrap gamma"));
    let refused = world.cellctl("tenants place hal --cell gamma --operator ann").await.ended(Completion::LeftSome);
    assert!(refused.data.contains("gamma was never bootstrapped"), "{}", refused.data);

    let dry = world.cellctl("cells bootstrap gamma --operator ann --dry-run").await.ended(Completion::Done);
    assert_eq!(
        dry.rows(),
        ["cell | step | result | detail", "gamma | parts | ok | table with a stream, queue, 3 dead-letter queues"]
    );
    assert!(world.listing().await.cell(&cell("gamma")).unwrap().state.is_none());

    let done = world.cellctl("cells bootstrap --all --operator ann --output json").await.ended(Completion::Done).json();
    let steps: Vec<_> = done.as_array().unwrap().iter().map(|step| (&step["step"], &step["ok"])).collect();
    assert_eq!(format!("{steps:?}").matches("Bool(true)").count(), 3, "{done}");
    assert_eq!(world.status("gamma").await, "active");
    // The event had no effect, and its tenant is nobody's.
    assert_eq!(world.probes("gamma").await["processed"], 1);
    assert!(world.events("gamma").await.is_empty());
    assert_eq!(world.total("gamma", "cellstack-probe").await, (0, 0));
    let again = world.cellctl("cells bootstrap gamma --operator ann").await.ended(Completion::Done);
    assert_eq!(again.talk, "cell gamma is active; nothing to change\n");
    world.cellctl("tenants place hal --cell gamma --operator ann").await.ended(Completion::Done);
}

#[tokio::test(start_paused = true)]
async fn a_cell_through_which_no_event_passes_takes_no_tenants() {
    let world = CellsWorld::new().await;
    world.remove("cell#gamma", "state").await;
    world.stack.aws().faults().inject(Fault::any("SNS", FaultKind::Reset));
    let ran = world.cellctl("cells bootstrap gamma --operator ann --timeout 5").await.ended(Completion::LeftSome);
    assert!(
        ran.rows()[2].starts_with("gamma | event through it | failed | not processed: after 5 s"),
        "{:?}",
        ran.rows()
    );
    assert!(ran.talk.contains("Mend it, then cellctl cells bootstrap gamma"), "{}", ran.talk);
    assert!(world.listing().await.cell(&cell("gamma")).unwrap().state.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_probe_says_how_far_its_event_came_and_status_shows_it() {
    let world = CellsWorld::new().await;
    world.cellctl("cells probe").await.ended(Completion::Done);
    let healthy = world.cellctl("status --output json").await.ended(Completion::Done).json();
    assert_eq!((&healthy["tenants"], healthy["notes"].as_array().unwrap().len()), (&4.into(), 0), "{healthy}");
    assert!(healthy["cells"][0]["probe"]["ms"].as_u64().unwrap() < 5_000, "{healthy}");

    world.stack.aws().faults().inject(Fault::any("DynamoDB", FaultKind::Reset).on("cellstack-cell-alpha"));
    let probes =
        world.cellctl("cells probe alpha beta --timeout 5 --output json").await.ended(Completion::LeftSome).json();
    assert_eq!((&probes[0]["stage"], &probes[1]["stage"]), (&"not_written".into(), &"processed".into()), "{probes}");
    let ran = world.cellctl("status").await.ended(Completion::LeftSome);
    assert!(ran.talk.contains("look: alpha: the last 1 probes failed"), "{}", ran.talk);
    assert_eq!(ran.rows()[0], "cell | status | tenants | load | messages | stream lag | letters | last probe | reason");
}

#[tokio::test(start_paused = true)]
async fn an_outage_does_not_end_a_watch_over_it() {
    let world = CellsWorld::new().await;
    let deployment = world.deployment();
    let outage = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let fault = Fault::any("DynamoDB", FaultKind::ServerError).on("cellstack-registry");
        let fault = world.stack.aws().faults().inject(fault);
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(world.stack.aws().faults().remove(fault));
        tokio::time::sleep(Duration::from_secs(10)).await;
        deployment.stop().cancel();
    };
    let (ran, ()) = join(Ran::of("status --watch --every 5", &deployment), outage).await;
    let ran = ran.ended(Completion::Done);
    assert!(ran.talk.contains("next look in 5 s: "), "{}", ran.talk);
    assert!(ran.rows().iter().filter(|row| row.starts_with("alpha | active |")).count() > 1, "{}", ran.data);

    // A first look that fails ends it: the endpoint may be wrong.
    world.stack.aws().faults().inject(Fault::any("DynamoDB", FaultKind::ServerError).on("cellstack-registry"));
    world.cellctl("status --watch").await.completion.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn status_names_what_needs_a_look_and_watches_until_it_is_stopped() {
    let world = CellsWorld::new().await;
    world.ann("down alpha").await.ended(Completion::Done);
    world.send("cellstack-cell-beta-events-dlq", "a letter").await;
    world.set("cell#gamma", "config", "capacity", super::world::number(1)).await;
    world.set("cell#gamma", "state", "placed", super::world::number(1)).await;
    world.remove("cell#beta", "state").await;
    let deployment = world.deployment();
    let stop = async {
        tokio::time::sleep(Duration::from_secs(9)).await;
        deployment.stop().cancel();
    };
    let (ran, ()) = join(Ran::of("status --watch --every 5", &deployment), stop).await;
    let ran = ran.ended(Completion::LeftSome);
    assert_eq!(ran.rows().iter().filter(|row| row.starts_with("alpha | down | 3 |")).count(), 2, "{}", ran.data);
    for note in
        ["alpha is down: cellctl cells up alpha", "beta has 1 letters", "gamma is nearly full", "beta is stamped"]
    {
        assert!(ran.talk.contains(note), "{note} is not in {}", ran.talk);
    }
    world.set("cell#alpha", "state", "reason", text("zone lost")).await;
    let shown = world.cellctl("cells show alpha").await.ended(Completion::Done);
    assert!(shown.rows().contains(&"reason | zone lost".to_owned()), "{:?}", shown.rows());
    assert!(shown.rows().contains(&"its tenants' standbys | beta 1, gamma 1, none 1".to_owned()), "{:?}", shown.rows());
}
