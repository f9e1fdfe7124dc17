//! Bugs of a kind that a review may miss, planted in the processor or its gateway: the simulator finds each.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use cellstack_consumer::{Effects, Message, ProcessError, Processor, TenantId};
use cellstack_local::rand::RngCore;
use cellstack_local::{Application, Draft, Partition};
use cellstack_orders::{Gateway, GatewayError, ORDER_PLACED, Order, Orders, Payment, Sandbox, Stock};
use cellstack_simulator::{Fault, Setup, run};

/// Seeds that a bug may take.
const SEEDS: u64 = 10;

/// A processor with a bug in the place of the right one: the same events, the same invariant.
#[derive(Clone)]
struct Buggy<P> {
    make: fn(Sandbox) -> P,
    processor: P,
    orders: Orders<Sandbox>,
}

impl<P> Buggy<P> {
    fn new(make: fn(Sandbox) -> P) -> Self {
        let sandbox = Sandbox::default();
        Self { make, processor: make(sandbox.clone()), orders: Orders::new(sandbox) }
    }
}

impl<P: Processor> Processor for Buggy<P> {
    async fn process(&self, event: &Message) -> Result<Effects, ProcessError> {
        self.processor.process(event).await
    }
}

impl<P: Processor + Clone> Application for Buggy<P> {
    fn fresh(&self) -> Self {
        Self::new(self.make)
    }

    fn draw(&self, random: &mut dyn RngCore) -> Draft {
        self.orders.draw(random)
    }

    fn draw_poison(&self, random: &mut dyn RngCore) -> Option<Draft> {
        self.orders.draw_poison(random)
    }

    fn may_refuse(&self, event_type: &str) -> bool {
        self.orders.may_refuse(event_type)
    }

    fn check(&self, partition: &Partition<'_>) -> Result<(), String> {
        self.orders.check(partition)
    }
}

/// Asserts that a bug breaks the invariant of orders with these words under these faults, and that nothing is broken there without it.
fn found(buggy: &impl Application, faults: &[Fault], words: &str) {
    let like = Setup { events: 60, faults: faults.to_vec(), ..Setup::new(0) };
    let breaks = |setup: &Setup| {
        let violations = run(buggy, setup, &[], false).unwrap().violations;
        violations.iter().any(|violation| violation.invariant == "I2" && violation.detail.contains(words))
    };
    let setup = (1..=SEEDS).map(|seed| Setup { seed, ..like.clone() }).find(breaks);
    let setup = setup.unwrap_or_else(|| panic!("not found in {SEEDS} seeds"));
    let without = run(&Orders::new(Sandbox::default()), &setup, &[], false).unwrap();
    assert_eq!(without.violations, [], "seed {} without the bug", setup.seed);
}

/// A gateway that is called without the event's id: each call has a key of its own.
#[derive(Clone)]
struct Keyless(Sandbox, Arc<AtomicU64>);

impl Gateway for Keyless {
    async fn authorise(&self, _: &str, payment: &Payment) -> Result<String, GatewayError> {
        let key = format!("call {}", self.1.fetch_add(1, Ordering::Relaxed));
        self.0.authorise(&key, payment).await
    }
}

#[test]
fn a_call_without_the_events_id_as_its_key() {
    found(&Buggy::new(|sandbox| Orders::new(Keyless(sandbox, Arc::default()))), &[], "expected one authorisation");
}

/// Checks an order against a count of the stock that the process keeps, and then subtracts without a condition.
#[derive(Clone)]
struct Remembering {
    orders: Orders<Sandbox>,
    left: Arc<Mutex<BTreeMap<(TenantId, String), i64>>>,
}

impl Processor for Remembering {
    async fn process(&self, event: &Message) -> Result<Effects, ProcessError> {
        let effects = self.orders.process(event).await?;
        let data = event.data.as_deref().unwrap_or_default();
        let mut left = self.left.lock().unwrap();
        let mut of = |item: &str, change: i64| {
            let units = left.entry((event.tenant.clone(), item.to_owned())).or_default();
            *units += change;
            *units
        };
        if event.event_type.as_str() != ORDER_PLACED {
            for line in Stock::parse(data)?.items {
                of(&line.item, line.units.into());
            }
            return Ok(effects);
        }
        let order = Order::parse(data)?;
        let mut effects = Effects::none().add("account", "orders", 1).add("account", "balance", order.total());
        for line in &order.items {
            if of(&line.item, -i64::from(line.units)) < 0 {
                of(&line.item, line.units.into());
                return Err(ProcessError::Permanent("out of stock".to_owned()));
            }
            effects = effects.add(line.sort_key(), "units", -i64::from(line.units));
        }
        Ok(effects)
    }
}

#[test]
fn stock_that_is_checked_in_memory() {
    let remembering = |sandbox| Remembering { orders: Orders::new(sandbox), left: Arc::default() };
    found(&Buggy::new(remembering), &[Fault::Duplicate, Fault::Move], "below zero");
}
