//! A tenant that is moved there and back while it writes.

use std::time::Duration;

use cellstack_cellctl::Completion;
use futures::future::join;

use super::world::Caller;
use crate::cells::world::{CellsWorld, text};

#[tokio::test(start_paused = true)]
async fn the_predicted_pause_includes_failed_events() {
    let world = CellsWorld::new().await;
    let predict = async || {
        let ran = world.as_ann("tenants move acme --to gamma --dry-run --output json").await;
        let predicted = ran.ended(Completion::Done).json();
        ["items", "failed", "pause_ms"].map(|name| predicted[name].as_u64().unwrap())
    };
    let [items, failed, pause_ms] = predict().await;
    assert_eq!(failed, 0);
    for (event, status) in [("event#1", "failed"), ("event#2", "processed"), ("event#3", "failed")] {
        let item = [("tenant_id", text("acme")), ("sk", text(event)), ("status", text(status))];
        world.put("cellstack-cell-alpha", &item).await;
    }
    assert_eq!(predict().await, [items + 3, 2, pause_ms + 30]);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_writes_is_moved_there_and_back_and_nothing_is_lost_or_done_twice() {
    let world = CellsWorld::new().await;
    world.slow_down();
    let caller = Caller::default();
    let moves = async {
        for (line, home, epoch) in
            [("tenants move acme --to gamma", "gamma", 2), ("tenants move acme --to alpha", "alpha", 3)]
        {
            let ran = world.as_ann(line).await.ended(Completion::Done);
            assert!(ran.talk.contains("flipped: the destination takes events"), "{}", ran.talk);
            assert_eq!(world.place_of("acme").await, (home.to_owned(), epoch, "active"));
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        caller.ended.set(true);
    };
    join(moves, caller.write(&world, "acme", Duration::from_millis(900))).await;
    assert!(caller.acknowledged.borrow().len() > 600, "{}", caller.acknowledged.borrow().len());
    world.all_is_there("acme", &caller, "after both").await;
    assert!(caller.longest.get() < Duration::from_millis(1_500), "{:?}", caller.longest.get());
    assert_eq!(world.fence("alpha", "acme").await, [("open".to_owned(), 3)]);
    assert_eq!(world.fence("beta", "acme").await, [("standby".to_owned(), 3)]);
    assert_eq!(world.fence("gamma", "acme").await, [("closed".to_owned(), 2)]);
}
