//! `ordering = "tenant"`: each tenant's events in order, no tenant waiting for another.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering as Atomic};
use std::time::Duration;

use cellstack_consumer::{Effects, ProcessError, Processor};
use cellstack_core::Message;
use cellstack_core::dead_letter::Reason;
use cellstack_embedded::{Ordering, Pipeline};
use cellstack_emulator::{Entries, Fault, FaultKind};

use crate::world::{StackWorld, builder};

/// A journal of the processed events, in order. Events of type `late` succeed at their second try, `never` not at all.
#[derive(Clone, Default)]
struct Journal {
    done: Arc<Mutex<Vec<(String, String)>>>,
    late: Arc<AtomicU32>,
}

impl Processor for Journal {
    async fn process(&self, event: &Message) -> Result<Effects, ProcessError> {
        match event.event_type.as_str() {
            "never" => return Err(ProcessError::Retryable("as told".to_owned())),
            "refused" => return Err(ProcessError::Permanent("as told".to_owned())),
            "late" if self.late.fetch_add(1, Atomic::Relaxed) == 0 => {
                return Err(ProcessError::Retryable("not yet".to_owned()));
            }
            _ => {}
        }
        self.done.lock().unwrap().push((event.tenant.to_string(), event.event_type.to_string()));
        Ok(Effects::none().add("seen", "count", 1))
    }
}

impl Journal {
    async fn world(&self) -> StackWorld {
        let pipeline = Pipeline { ordering: Ordering::Tenant, ..Pipeline::IMPATIENT };
        let stack = builder().pipeline(pipeline).build_with(|| self.clone()).await.unwrap();
        let world = StackWorld { stack };
        world.stack.place(&"hooli".parse().unwrap(), &"alpha".parse().unwrap()).await.unwrap();
        world
    }

    fn of(&self, tenant: &str) -> Vec<String> {
        let done = self.done.lock().unwrap();
        done.iter().filter(|(whose, _)| whose == tenant).map(|(_, event_type)| event_type.clone()).collect()
    }
}

async fn post(world: &StackWorld, tenant: &str, types: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for event_type in types {
        ids.push(world.post(tenant, format!(r#"{{"type":"{event_type}"}}"#)).await.id());
    }
    ids
}

#[tokio::test(start_paused = true)]
async fn a_tenants_events_are_processed_in_order_though_one_must_be_tried_again() {
    let journal = Journal::default();
    let world = journal.world().await;
    let ids = post(&world, "acme", &["a", "late", "b", "c", "d"]).await;
    let others = post(&world, "hooli", &["a", "b"]).await;
    world.processed("hooli", others.last().unwrap()).await;
    assert_eq!(journal.of("hooli"), ["a", "b"], "another tenant of the cell does not wait");
    world.processed("acme", ids.last().unwrap()).await;
    assert_eq!(journal.of("acme"), ["a", "late", "b", "c", "d"]);
    assert!(world.dead_letters("alpha").is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_never_passes_holds_its_tenant_up_for_its_receives_and_no_longer() {
    let journal = Journal::default();
    let world = journal.world().await;
    let ids = post(&world, "acme", &["a", "never", "b", "refused", "c"]).await;
    world.processed("acme", ids.last().unwrap()).await;
    assert_eq!(journal.of("acme"), ["a", "b", "c"]);
    let mut reasons: Vec<_> = world.dead_letters("alpha").iter().map(|letter| letter.reason).collect();
    reasons.sort();
    assert_eq!(reasons, [Reason::Refused, Reason::RetriesExhausted]);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(world.dead_letters("alpha").len(), 2);
    assert_eq!(world.status("acme", &ids[1]).await, "accepted");
    assert_eq!(world.status("acme", &ids[3]).await, "failed");
}

#[tokio::test(start_paused = true)]
async fn whichever_entries_of_a_batch_fail_each_tenants_order_is_kept_and_nothing_is_swallowed() {
    let journal = Journal::default();
    let world = journal.world().await;
    let fails = world.stack.aws().faults().inject(Fault::new(
        "SNS",
        "PublishBatch",
        FaultKind::EntriesFail(Entries::Each(0.3)),
    ));
    let types: Vec<String> = (0..40).map(|at| format!("e{at}")).collect();
    for event_type in &types {
        for tenant in ["acme", "hooli"] {
            post(&world, tenant, &[event_type]).await;
        }
    }
    tokio::time::sleep(Duration::from_secs(600)).await;
    for tenant in ["acme", "hooli"] {
        assert_eq!(journal.of(tenant), types, "{tenant}");
    }
    assert!(world.dead_letters("alpha").is_empty());
    assert!(world.stack.aws().faults().hits(fails) > 20);
}

#[tokio::test(start_paused = true)]
async fn two_tenants_may_name_their_events_alike() {
    let journal = Journal::default();
    let world = journal.world().await;
    for tenant in ["acme", "hooli"] {
        let id = world.post_named(tenant, Some("order-1"), r#"{"type":"a"}"#).await.id();
        world.processed(tenant, &id).await;
    }
    assert_eq!((journal.of("acme"), journal.of("hooli")), (vec!["a".to_owned()], vec!["a".to_owned()]));
}
