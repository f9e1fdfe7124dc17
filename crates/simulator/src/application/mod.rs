//! The application that a run simulates: its processor, the events that its callers send, and an invariant of its own.

pub(crate) mod amount;
mod draft;
mod partition;
mod totals;

use cellstack_consumer::Processor;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng as _};

pub use draft::Draft;
pub use partition::Partition;

/// A processor together with what the local tools need to know of it. Every method has a default, so an empty
/// implementation is enough to serve a processor and to simulate it with the events of the reference processor.
pub trait Application: Processor + Clone {
    /// The folder of the demo's sample requests, from the directory that the tool runs in.
    const SAMPLES: &'static str = "events/router";

    /// The JSON text of an event that `serve` proposes to post.
    const EXAMPLE: &'static str = r#"{"type":"order.placed","data":{"amount":42}}"#;

    /// Returns the application for one run. Override it where clones share state, such as a fake of another system: a run
    /// must find nothing that another has left.
    #[must_use]
    fn fresh(&self) -> Self {
        self.clone()
    }

    /// Draws an event that the processor should process. Draw all that is random from `random`: a seed must give the same
    /// events again.
    fn draw(&self, random: &mut dyn RngCore) -> Draft {
        totals::draw(random, totals::amount)
    }

    /// Draws an event that the processor must refuse for good. Where there is none, the simulator refuses some events in
    /// its place.
    fn draw_poison(&self, _random: &mut dyn RngCore) -> Option<Draft> {
        None
    }

    /// Returns whether an event of this type may be refused although nothing is wrong with it, as an order is when stock runs
    /// out. The simulator takes any other refusal for a bug.
    fn may_refuse(&self, _event_type: &str) -> bool {
        true
    }

    /// Checks a tenant's partition when a run has come to rest: that each processed event has its effects once, and the
    /// others none. A run reports what it finds as a violation of I2.
    ///
    /// # Errors
    /// The sentence that says what was expected and what was found.
    fn check(&self, _partition: &Partition<'_>) -> Result<(), String> {
        Ok(())
    }
}

/// An application as workload and oracle use it, of any type.
pub(crate) trait Model {
    /// Draws an event, of poison if it must be refused.
    fn draw(&self, poison: bool, random: &mut StdRng) -> Draft;
    /// Returns whether its processor refuses poison. Otherwise the simulator has to.
    fn refuses_poison(&self) -> bool;
    fn may_refuse(&self, event_type: &str) -> bool;
    fn check(&self, partition: &Partition<'_>) -> Result<(), String>;
}

impl<A: Application> Model for A {
    fn draw(&self, poison: bool, random: &mut StdRng) -> Draft {
        let poison = if poison { self.draw_poison(random) } else { None };
        poison.unwrap_or_else(|| Application::draw(self, random))
    }

    fn refuses_poison(&self) -> bool {
        self.draw_poison(&mut StdRng::seed_from_u64(0)).is_some()
    }

    fn may_refuse(&self, event_type: &str) -> bool {
        Application::may_refuse(self, event_type)
    }

    fn check(&self, partition: &Partition<'_>) -> Result<(), String> {
        Application::check(self, partition)
    }
}
