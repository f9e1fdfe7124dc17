//! A cell that keeps each tenant's events in order.

use std::time::Duration;

use cellstack_cellctl::Completion;
use cellstack_embedded::{Ordering, Pipeline};
use cellstack_emulator::{Fault, FaultKind};

use super::world::DlqWorld;

const DLQ: &str = "cellstack-cell-alpha-events-dlq.fifo";
const QUEUE: &str = "cellstack-cell-alpha-events.fifo";

#[tokio::test(start_paused = true)]
async fn a_fifo_cells_letters_are_sent_in_order_and_processed_once() {
    let world = DlqWorld::with(Pipeline { ordering: Ordering::Tenant, ..Pipeline::IMPATIENT }).await;
    let mut ids = Vec::new();
    for amount in 1..=13 {
        ids.push(world.post("acme", "poison", amount).await);
    }
    world.until("13 letters", async || world.bodies(DLQ).len() == 13).await;

    let ls = world.cellctl("dlq ls --cell alpha").await.ended(Completion::LeftSome);
    assert!(ls.talk.contains("saw 10 of about 13: a FIFO queue shows ten letters of a tenant at most"), "{}", ls.talk);
    assert!(world.all_visible(DLQ));

    // Nothing is processed while the run sends, so that the order can be seen.
    let fault = Fault::new("SQS", "ReceiveMessage", FaultKind::Throttle).on(QUEUE);
    let fault = world.stack.aws().faults().inject(fault);
    tokio::time::sleep(Duration::from_secs(30)).await; // Receives that were waiting already have ended.
    world.mend();
    world.redrive("--cell alpha --place queue --rate 100").await.ended(Completion::Done);
    let sent = world.bodies(QUEUE);
    let position = |id: &String| sent.iter().position(|body| body.contains(id));
    assert!(ids.is_sorted_by_key(position), "{sent:?}");
    assert_eq!((sent.len(), world.bodies(DLQ).len()), (13, 0), "{sent:#?}");
    world.stack.aws().faults().remove(fault);
    world.until("the sum", async || world.sum("alpha", "acme").await == (13, 91)).await;
}
