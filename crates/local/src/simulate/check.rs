//! The invariants of `docs/architecture`, looked at when everything has come to rest.

use std::collections::BTreeMap;
use std::fmt;

use cellstack_core::fence::FENCE_SHARDS;
use cellstack_core::{EventId, EventStatus};

use crate::simulate::census::{Census, Event};
use crate::simulate::mover::Tenure;
use crate::simulate::workload::Naming;

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// `I1` to `I7`, or `API` where an answer is not what the API promises.
    pub invariant: &'static str,
    /// How.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.detail)
    }
}

/// An event that a caller was told is accepted.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    pub(crate) tenant: String,
    pub(crate) id: EventId,
    pub(crate) name: String,
    pub(crate) naming: Naming,
}

/// What callers saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) acknowledged: Vec<Acknowledged>,
    /// Requests of a cell's tenants that were not served at the first try.
    pub(crate) unserved: Vec<(usize, String)>,
    /// Answers that break the API's promises.
    pub(crate) wrong: Vec<String>,
}

/// Everything there is to check.
pub(crate) struct Rest<'a> {
    pub(crate) census: &'a Census,
    pub(crate) seen: &'a Seen,
    /// Whose each tenant is and was.
    pub(crate) tenures: &'a BTreeMap<String, Tenure>,
    /// Writes that were not as the lease and the fence want them, in words.
    pub(crate) unfenced: &'a [String],
    pub(crate) cells: &'a [String],
    /// The only cell that anything happened to, if there is one.
    pub(crate) only: Option<usize>,
    /// What did not come to rest, if anything.
    pub(crate) restless: Option<String>,
}

/// Violations named one by one; of more, the number is enough.
const NAMED: usize = 5;

impl Rest<'_> {
    pub(crate) fn violations(&self) -> Vec<Violation> {
        let mut found = Found::default();
        self.durable(&mut found);
        self.once(&mut found);
        self.fenced(&mut found);
        self.accounted(&mut found);
        self.isolated(&mut found);
        self.drained(&mut found);
        for answer in &self.seen.wrong {
            found.add("API", || answer.clone());
        }
        found.0
    }

    /// I1: an acknowledged event is in a cell's table. Whether in the right one is for I4 to say.
    fn durable(&self, found: &mut Found) {
        for event in &self.seen.acknowledged {
            let (first, last) = ((event.tenant.clone(), event.id, 0), (event.tenant.clone(), event.id, usize::MAX));
            let mut items = self.census.events.range(first..=last).map(|(_, item)| item).peekable();
            if items.peek().is_none() {
                found.add("I1", || format!("{} of {} was acknowledged and is gone", event.id, event.tenant));
            }
            for item in items.filter(|item| item.name != event.name) {
                found.add("I1", || {
                    format!("{} of {} is '{}' in cell {}", event.id, event.tenant, item.name, self.cells[item.cell])
                });
            }
        }
    }

    /// I2: one effect an event, one event a name.
    fn once(&self, found: &mut Found) {
        let mut expected: BTreeMap<_, (i128, i128)> = BTreeMap::new();
        for event in self.census.events.values().filter(|event| event.record.status == EventStatus::Processed) {
            let key = (event.cell, event.record.tenant_id.to_string(), event.record.event_type.to_string());
            let total = expected.entry(key).or_default();
            total.0 += 1;
            total.1 += event.amount.unwrap_or_default();
        }
        for key in expected.keys().chain(self.census.totals.keys().filter(|key| !expected.contains_key(key))) {
            let (events, total) = (expected.get(key), self.census.totals.get(key));
            if events != total {
                let (of, none) = (|total: Option<&(i128, i128)>| total.copied(), (0, 0));
                let (events, total) = (of(events).unwrap_or(none), of(total).unwrap_or(none));
                found.add("I2", || {
                    let (_, tenant, event_type) = key;
                    format!(
                        "{tenant}'s {event_type}: {} events of {} are processed, the total says {} of {}",
                        events.0, events.1, total.0, total.1
                    )
                });
            }
        }
        let mut names: BTreeMap<(&str, &str), EventId> = BTreeMap::new();
        for event in self.seen.acknowledged.iter().filter(|event| event.naming != Naming::None) {
            let id = *names.entry((&event.tenant, &event.name)).or_insert(event.id);
            if id != event.id {
                found.add("I2", || format!("'{}' of {} was answered with two ids", event.name, event.tenant));
            }
        }
        for event in self.census.events.values() {
            let tenant = event.record.tenant_id.as_str();
            if names.get(&(tenant, event.name.as_str())).is_some_and(|id| *id != event.record.id()) {
                found.add("I2", || format!("'{}' of {tenant} is two events", event.name));
            }
        }
    }

    /// I3 and I4: no write below the fence, one owner a tenant.
    fn fenced(&self, found: &mut Found) {
        for write in self.unfenced {
            found.add("I3", || write.clone());
        }
        for (tenant, tenure) in self.tenures {
            let open = self.census.fences.iter().filter(|((_, of, _), (_, state))| of == tenant && state == "open");
            let open: Vec<_> = open.map(|((cell, _, _), (epoch, _))| (*cell, *epoch)).collect();
            let (cell, epoch) = (tenure.cell(), tenure.epoch());
            if open != vec![(cell, epoch); FENCE_SHARDS.into()]
                || self.census.routes.get(tenant) != Some(&self.cells[cell])
            {
                let cell = &self.cells[cell];
                found.add("I4", || format!("{tenant} is at home in cell {cell} at epoch {epoch}, open are {open:?}"));
            }
        }
        for event in self.census.events.values() {
            let (tenant, epoch) = (event.record.tenant_id.as_str(), event.record.epoch.0);
            let owner = self.tenures.get(tenant).and_then(|tenure| tenure.owner(epoch));
            if owner != Some(event.cell) {
                found.add("I4", || {
                    let (id, cell) = (event.record.id(), &self.cells[event.cell]);
                    format!("{id} is in cell {cell}, which did not own its tenant at epoch {epoch}: {owner:?} did")
                });
            }
        }
    }

    /// I5: every event is processed, or failed and visible among the dead letters.
    fn accounted(&self, found: &mut Found) {
        for event in self.census.events.values() {
            let (id, status) = (event.record.id(), event.record.status);
            let dead = self.census.letters.contains_key(&id);
            match status {
                EventStatus::Processed if event.mood != "poison" && event.mood != "panic" => {}
                EventStatus::Processed => found.add("I5", || format!("{} {id} is processed", event.mood)),
                EventStatus::Failed if !hopeless(event) => {
                    let why = event.record.error.as_deref().unwrap_or("no reason");
                    found.add("I5", || format!("{} {id} is failed: {why}", event.mood));
                }
                _ if dead => {}
                _ => found.add("I5", || format!("{} {id} is {status} and in no dead-letter queue", event.mood)),
            }
        }
        let known: std::collections::BTreeSet<_> = self.census.events.keys().map(|(_, id, _)| *id).collect();
        for id in self.census.letters.keys().filter(|id| !known.contains(id)) {
            found.add("I5", || format!("there is a letter about {id}, and no such event"));
        }
        for letter in &self.census.anonymous {
            found.add("I5", || format!("a letter names no event: {letter}"));
        }
    }

    /// I6: what happens to a cell changes nothing in the others.
    fn isolated(&self, found: &mut Found) {
        let Some(only) = self.only else { return };
        for (cell, answer) in self.seen.unserved.iter().filter(|(cell, _)| *cell != only) {
            found.add("I6", || format!("cell {} had no fault, and a request got {answer}", self.cells[*cell]));
        }
        // One that needs a second try may have none left: behind an event that panics, where order is kept, each receive
        // counts as a try.
        let dead = self.census.events.values().filter(|event| {
            event.cell != only && event.mood == "good" && event.record.status != EventStatus::Processed
        });
        for event in dead {
            found.add("I6", || {
                let (id, status, cell) = (event.record.id(), event.record.status, &self.cells[event.cell]);
                format!("cell {cell} had no fault, and {} {id} is {status}", event.mood)
            });
        }
    }

    /// I7: everything drains.
    fn drained(&self, found: &mut Found) {
        if let Some(restless) = &self.restless {
            found.add("I7", || restless.clone());
        }
        for message in &self.census.left {
            found.add("I7", || format!("there still is message {message}"));
        }
    }
}

/// Whether it can never be processed.
fn hopeless(event: &Event) -> bool {
    event.mood == "poison" || event.mood == "panic"
}

#[derive(Default)]
struct Found(Vec<Violation>);

impl Found {
    fn add(&mut self, invariant: &'static str, detail: impl FnOnce() -> String) {
        let same = self.0.iter().filter(|violation| violation.invariant == invariant).count();
        if same < NAMED {
            self.0.push(Violation { invariant, detail: detail() });
        }
    }
}
