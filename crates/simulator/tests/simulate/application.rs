//! A processor that says nothing of itself.

use cellstack_consumer::{Effects, Message, ProcessError, Processor};
use cellstack_simulator::{Application, Fault, Setup, run};

/// Counts events, and refuses one type.
#[derive(Clone)]
struct Counter;

impl Processor for Counter {
    async fn process(&self, event: &Message) -> Result<Effects, ProcessError> {
        if event.event_type.as_str() == "order.paid" {
            return Err(ProcessError::Permanent("it is not for this counter".to_owned()));
        }
        Ok(Effects::none().add("counter", "events", 1))
    }
}

impl Application for Counter {}

#[test]
fn it_may_refuse_what_it_likes_and_is_held_to_all_else() {
    let faults = vec![Fault::Poison, Fault::Duplicate, Fault::Conflict];
    let outcome = run(&Counter, &Setup { events: 60, faults, ..Setup::new(1) }, &[], false).unwrap();
    assert_eq!(outcome.violations, []);
    assert!(outcome.dead > 5, "{} are refused, a quarter of them", outcome.dead);
    assert_eq!(outcome.processed + outcome.dead, outcome.accepted);
}
