//! The order of a tenant's events: where it is promised, they are processed as they were accepted.

use std::collections::BTreeSet;

use super::{Evidence, Findings};
use cellstack_embedded::names::Ordering;

impl Evidence<'_> {
    /// Checks the order. Skips events that failed or were redriven at some time, and those that were never processed.
    pub(super) fn in_order(&self, findings: &mut Findings) {
        if self.setup.ordering() != Ordering::Tenant {
            return;
        }
        for ((cell, tenant), sequence) in &self.journal.sequences {
            let processed: BTreeSet<_> = sequence.processed.iter().collect();
            let in_line =
                |id: &&_| processed.contains(id) && !self.journal.out_of_line.contains(&(tenant.clone(), **id));
            let accepted: Vec<_> = sequence.accepted.iter().filter(in_line).collect();
            let processed: Vec<_> = sequence.processed.iter().filter(in_line).collect();
            for (expected, found) in accepted.iter().zip(&processed) {
                findings.check("ORDER", expected == found, || {
                    format!("{tenant} in cell {}: {found} was processed before {expected}", self.cells[*cell])
                });
            }
            findings.check("ORDER", accepted.len() == processed.len(), || {
                format!(
                    "{tenant} in cell {}: {} events were accepted and {} processed",
                    self.cells[*cell],
                    accepted.len(),
                    processed.len()
                )
            });
        }
    }
}
