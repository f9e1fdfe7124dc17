//! I1 and I2: nothing lost, nothing twice.

use std::collections::{BTreeMap, BTreeSet};

use cellstack_core::{EventId, EventStatus, usage};

use cellstack_router::Standby;

use super::{Evidence, Findings};
use crate::trace::Subject;
use crate::workload::Naming;

impl Evidence<'_> {
    /// Checks I1: an acknowledged event is in a cell's table. I4 checks that it is the right cell.
    pub(super) fn durable(&self, findings: &mut Findings) {
        for event in &self.seen.acknowledged {
            let subject = (event.tenant.clone(), event.id);
            let mut copies = self.state.copies(&subject).peekable();
            let (is_there, right) = (copies.peek().is_some(), copies.all(|copy| copy.name == event.name));
            findings.check("I1", is_there && right, || {
                let what = if is_there { "is another event" } else { "is gone" };
                format!("{} of {} was acknowledged and {what}", event.id, event.tenant)
            });
        }
        let names: BTreeSet<(&str, &str)> =
            self.state.events.iter().map(|((tenant, ..), event)| (tenant.as_str(), event.name.as_str())).collect();
        for (tenant, name) in &self.seen.refused {
            let absent = !names.contains(&(tenant.as_str(), name.as_str()));
            findings.check("I1", absent, || format!("'{name}' of {tenant} was refused and is there"));
        }
    }

    /// Checks I2: one effect per event, as the application counts effects, and one event per name.
    pub(super) fn once(&self, findings: &mut Findings) {
        for ((cell, tenant), partition) in self.state.partitions() {
            let checked = self.application.check(&partition);
            findings.check("I2", checked.is_ok(), || {
                format!("{tenant} in cell {}: {}", self.cells[cell], checked.err().unwrap_or_default())
            });
        }
        let mut names: BTreeMap<(&str, &str), EventId> = BTreeMap::new();
        for event in self.seen.acknowledged.iter().filter(|event| event.naming != Naming::None) {
            let id = *names.entry((&event.tenant, &event.name)).or_insert(event.id);
            let one = id == event.id;
            findings.check("I2", one, || format!("'{}' of {} got two ids", event.name, event.tenant));
        }
        for event in self.state.events.values() {
            let tenant = event.record.tenant_id.as_str();
            let one = names.get(&(tenant, event.name.as_str())).is_none_or(|id| *id == event.record.id());
            findings.check("I2", one, || format!("'{}' of {tenant} is two events", event.name));
        }
        for event in self.state.events.values() {
            let subject = event.subject();
            let processed = self.state.copies(&subject).filter(|copy| copy.status() == EventStatus::Processed);
            let times = processed.count();
            // Standbys that process do not promise this around a mark.
            let holds = times <= 1 || self.setup.standbys() == Standby::Process;
            findings.check("I2", holds, || format!("{} of {} is processed in {times} cells", subject.1, subject.0));
        }
        self.counted_once(findings);
    }

    /// Checks that the usage of all cells together counts each processed event once.
    fn counted_once(&self, findings: &mut Findings) {
        let processed = self.state.events.values().filter(|event| event.record.status == EventStatus::Processed);
        let mut copies: BTreeMap<Subject, u64> = BTreeMap::new();
        for event in processed {
            *copies.entry(event.subject()).or_default() += 1;
        }
        let mut expected: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for ((tenant, id), copies) in copies {
            let (least, most) = expected.entry(tenant).or_default();
            *least += usage::counted(id);
            *most += usage::counted(id) * copies;
        }
        let tenants: BTreeSet<&String> = expected.keys().chain(self.state.usage.keys()).collect();
        for tenant in tenants {
            let (least, most) = expected.get(tenant).copied().unwrap_or_default();
            // Standbys that process do an event twice that was accepted on both sides of a mark.
            let most = if self.setup.standbys() == Standby::Process { most } else { least };
            let counted = self.state.usage.get(tenant).copied().unwrap_or_default();
            let holds = (least..=most).contains(&counted);
            findings.check("I2", holds, || format!("{counted} events of {tenant} are counted, expected {least}"));
        }
    }
}
