//! The oracle: a check of the invariants in `docs/ARCHITECTURE.md` when everything has come to rest.
//!
//! It checks twice: when the faults are over, with the dead letters in their queues, and again after the processor was
//! mended and everything was redriven.

mod cells;
mod events;
mod fate;
mod fences;
pub(crate) mod final_state;
pub(crate) mod journal;
mod order;

use std::collections::BTreeMap;
use std::fmt;

use cellstack_core::EventId;

use crate::application::Model;
use crate::operators::Report;
use crate::operators::mover::Tenure;
use crate::setup::Setup;
use crate::trace::Trace;
use crate::workload::Naming;
use final_state::FinalState;
use journal::Journal;

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// One of [`INVARIANTS`].
    pub invariant: &'static str,
    /// The way in which it is broken.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.detail)
    }
}

/// The invariants: name and sentence.
pub const INVARIANTS: [(&str, &str); 12] = [
    ("I1", "an acknowledged event is durable"),
    ("I2", "one effect per event, one event per name, exact totals"),
    ("I3", "no write below its fence"),
    ("I4", "one owner per tenant"),
    ("I5", "every event is processed, held, or visibly dead-lettered"),
    ("I6", "a cell without a fault serves, whatever happens to the others"),
    ("I7", "backlogs drain to zero"),
    ("ORDER", "a tenant's events are processed in the order of their acceptance, where that is promised"),
    ("NEIGHBOURS", "no healthy event is dead-lettered for another event's sake"),
    ("HELD", "what a standby holds stays held and is not published"),
    ("REDRIVE", "after a redrive everything is processed that can be, and its letter is gone"),
    ("API", "every response is what the API promises"),
];

/// The number of times that each invariant was checked.
pub type Checks = BTreeMap<&'static str, u64>;

/// An event that the API acknowledged to a caller.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    pub(crate) tenant: String,
    pub(crate) id: EventId,
    pub(crate) name: String,
    pub(crate) naming: Naming,
}

/// The observations of callers.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) acknowledged: Vec<Acknowledged>,
    /// Names of events that were refused for their text, by tenant.
    pub(crate) refused: Vec<(String, String)>,
    /// Requests of a cell's tenants, and those of them that were not served at the first try.
    pub(crate) sent: BTreeMap<usize, u64>,
    pub(crate) unserved: Vec<(usize, String)>,
    /// Responses, and those that break the API's promises.
    pub(crate) responses: u64,
    pub(crate) wrong: Vec<String>,
}

/// The excuses for violations, by cell.
#[derive(Debug, Default)]
pub(crate) struct Excuses {
    /// True for each cell for whose services faults were planned, except those of bulk reads.
    pub(crate) planned: Vec<bool>,
    /// True for each cell that such faults struck.
    pub(crate) struck: Vec<bool>,
    /// True if there was something that all cells notice: no map, moved tenants, killed routers, marked cells.
    pub(crate) everywhere: bool,
    /// True if processes were killed.
    pub(crate) kills: bool,
    /// True if operators redrove while faults went on.
    pub(crate) redrives: bool,
}

/// The evidence that the oracle checks.
pub(crate) struct Evidence<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) application: &'a dyn Model,
    pub(crate) state: &'a FinalState,
    pub(crate) journal: &'a Journal,
    pub(crate) trace: &'a Trace,
    pub(crate) seen: &'a Seen,
    /// The owners of each tenant, past and present.
    pub(crate) tenures: &'a BTreeMap<String, Tenure>,
    /// Writes that break the rules of the lease, in words.
    pub(crate) unfenced: &'a [String],
    pub(crate) cells: &'a [String],
    pub(crate) excuses: &'a Excuses,
    /// The backlog that did not come to rest, if any.
    pub(crate) restless: Option<&'a str>,
    /// The report of the last redrive, once everything was redriven.
    pub(crate) redriven: Option<&'a Report>,
}

impl Evidence<'_> {
    pub(crate) fn check(&self, findings: &mut Findings) {
        self.durable(findings);
        self.once(findings);
        self.fenced(findings);
        self.accounted(findings);
        self.served(findings);
        self.drained(findings);
        self.in_order(findings);
        match self.redriven {
            None => self.unharmed(findings),
            Some(report) => self.redriven(report, findings),
        }
    }
}

/// Violations that are named per invariant. Of more, these are enough.
const NAMED: usize = 5;

/// The number of checks, and the violations found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) checks: Checks,
    pub(crate) violations: Vec<Violation>,
}

impl Findings {
    /// Counts a check, and records a violation if it does not hold.
    fn check(&mut self, invariant: &'static str, holds: bool, detail: impl FnOnce() -> String) {
        *self.checks.entry(invariant).or_default() += 1;
        let same = |violation: &&Violation| violation.invariant == invariant;
        if !holds && self.violations.iter().filter(same).count() < NAMED {
            let violation = Violation { invariant, detail: detail() };
            if !self.violations.contains(&violation) {
                self.violations.push(violation);
            }
        }
    }

    fn checked(&mut self, invariant: &'static str, times: u64) {
        *self.checks.entry(invariant).or_default() += times;
    }
}
