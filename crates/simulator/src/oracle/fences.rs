//! I3 and I4: no write below the fence, one owner per tenant.

use std::collections::BTreeMap;

use cellstack_core::EventStatus;
use cellstack_core::fence::{FENCE_SHARDS, FenceState};

use cellstack_router::Standby;

use super::{Evidence, Findings};
use crate::operators::mover::Place;

impl Evidence<'_> {
    pub(super) fn fenced(&self, findings: &mut Findings) {
        findings.checked("I3", self.journal.written as u64);
        for write in self.unfenced.iter().chain(&self.journal.below) {
            findings.check("I3", false, || write.clone());
        }
        self.owned(findings);
        for event in self.state.events.values() {
            let (tenant, epoch) = (event.record.tenant_id.as_str(), event.record.epoch.0);
            let place = self.tenures.get(tenant).and_then(|tenure| tenure.place(epoch));
            let home = place.is_some_and(|place| place.cell == event.cell);
            let standby = place.is_some_and(|place| place.standby == Some(event.cell));
            let right = match self.setup.standbys() {
                Standby::Hold if event.status() == EventStatus::Held => standby,
                Standby::Hold => home,
                Standby::Process => event.status() != EventStatus::Held && (home || standby),
            };
            findings.check("I4", right, || {
                let (id, status, cell) = (event.record.id(), event.status(), &self.cells[event.cell]);
                format!("{id} of {tenant} is {status} in cell {cell} at epoch {epoch}, when it was placed in {place:?}")
            });
        }
    }

    /// Checks that one cell is open for a tenant, the one that the map names, and that one stands by at most.
    fn owned(&self, findings: &mut Findings) {
        let mut open: BTreeMap<(&str, &str), Vec<(usize, u64)>> = BTreeMap::new();
        for ((cell, tenant, _), (epoch, state)) in &self.state.fences {
            open.entry((tenant, state)).or_default().push((*cell, *epoch));
        }
        for (tenant, tenure) in self.tenures {
            let (Place { cell, standby }, epoch) =
                (Place { cell: tenure.cell(), standby: tenure.standby() }, tenure.epoch());
            let shards =
                |cell: Option<usize>| cell.map_or_else(Vec::new, |cell| vec![(cell, epoch); FENCE_SHARDS.into()]);
            let are = |state: FenceState| open.get(&(tenant.as_str(), state.as_str())).cloned().unwrap_or_default();
            let mapped = self.state.routes.get(tenant) == Some(&self.cells[cell]);
            let right =
                mapped && are(FenceState::Open) == shards(Some(cell)) && are(FenceState::Standby) == shards(standby);
            findings.check("I4", right, || {
                let (open, standby) = (are(FenceState::Open), are(FenceState::Standby));
                format!(
                    "{tenant} is placed in {:?} at epoch {epoch}; open are {open:?}, standing by {standby:?}",
                    tenure.places
                )
            });
        }
    }
}
