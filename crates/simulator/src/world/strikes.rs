//! The faults that struck in a run, and the excuses that they are.

use cellstack_emulator::FaultId;

use super::World;
use crate::faults::fault::Fault;
use crate::faults::hits::Hits;
use crate::faults::plan::{Action, Plan};
use crate::oracle::Excuses;
use crate::oracle::journal::Journal;
use crate::setup::Setup;
use crate::surroundings::processor::Behaviour;

/// A fault that was injected.
pub(crate) struct Injected {
    pub(crate) id: FaultId,
    pub(crate) fault: Fault,
    /// The fault in words.
    pub(crate) what: String,
    /// The cell; `None` for a fault of the control plane.
    pub(crate) cell: Option<usize>,
}

impl World {
    pub(crate) fn excuses(&self, setup: &Setup, plan: &Plan) -> Excuses {
        let mut excuses =
            Excuses { planned: vec![false; setup.cells], struck: vec![false; setup.cells], ..Excuses::default() };
        for injected in self.injected.borrow().iter().filter(|injected| injected.fault != Fault::Bulk) {
            let Some(cell) = injected.cell else { continue };
            excuses.planned[cell] = true;
            excuses.struck[cell] |= self.stack.aws().faults().hits(injected.id) > 0;
        }
        for planned in &plan.planned {
            excuses.kills |= planned.fault == Fault::Kill;
            excuses.redrives |= planned.fault == Fault::Redrive;
            excuses.everywhere |= matches!(planned.fault, Fault::Kill | Fault::Map | Fault::Move | Fault::MarkDown);
        }
        excuses
    }

    /// Returns the number of times that each fault was planned and struck.
    pub(crate) fn hits(&self, plan: &Plan, journal: &Journal) -> Hits {
        let mut hits = Hits::default();
        for injected in self.injected.borrow().iter() {
            hits.add(injected.fault, &injected.what, 1, self.stack.aws().faults().hits(injected.id));
        }
        for planned in &plan.planned {
            match &planned.action {
                Action::Kill(armed) => hits.add(Fault::Kill, &killed(armed.point.function()), 1, 0),
                Action::Redrive(lives) => {
                    let short = lives.iter().flatten().count() as u64;
                    hits.add(Fault::Redrive, "a redrive is killed on its way", short, 0);
                    hits.add(Fault::Redrive, "a redrive runs to its end", lives.len() as u64 - short, 0);
                }
                _ => {}
            }
        }
        for (point, visits) in self.kills.coverage().iter().filter(|(_, visits)| visits.killed > 0) {
            hits.add(Fault::Kill, &killed(point.function()), 0, visits.killed);
        }
        let met = self.behaviours.met();
        let met = |behaviour: Behaviour| met.get(&behaviour).copied().unwrap_or_default();
        for (fault, what, hit) in [
            (Fault::Move, "a tenant is moved", self.mover.moved()),
            (Fault::MarkDown, "a standby takes an event", journal.stood_by as u64),
            (Fault::Redrive, "a redrive is killed on its way", self.redrives.killed()),
            (Fault::Redrive, "a redrive runs to its end", self.redrives.ended()),
            (Fault::Poison, "an event is refused for good", met(Behaviour::Poison)),
            (Fault::Poison, "a broken processor refuses an event", met(Behaviour::Broken)),
            (Fault::Poison, "the processor panics", met(Behaviour::Panic)),
            (Fault::Poison, "the first try fails", met(Behaviour::Flaky)),
            (Fault::SlowEvent, "an event takes up to five seconds", met(Behaviour::Slow)),
            (Fault::HangingEvent, "the processor never comes back", met(Behaviour::Hang)),
            (Fault::HangingEvent, "the processor blocks its thread", met(Behaviour::Block)),
            (Fault::AbortingEvent, "the processor aborts its process", met(Behaviour::Abort)),
        ] {
            let planned = plan.planned.iter().filter(|planned| planned.fault == fault).count() as u64;
            if planned > 0 {
                hits.add(fault, what, if fault == Fault::Redrive { 0 } else { planned }, hit);
            }
        }
        hits
    }
}

fn killed(function: &str) -> String {
    format!("a {function} is killed")
}
