//! The number of times that each kind of fault was planned and struck. A fault that never strikes proves nothing.

use std::collections::BTreeMap;

use super::fault::Fault;

/// A count of plans and strikes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// The number of times it was planned.
    pub planned: u64,
    /// The number of times it struck: calls hit, processes killed, tenants moved, events held, letters and events met.
    pub hit: u64,
}

/// The plans and strikes by kind, and by what exactly happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hits(BTreeMap<(Fault, String), Count>);

/// Plans of one thing after which it must have struck at least once.
const ENOUGH: u64 = 20;

impl Hits {
    pub(crate) fn add(&mut self, fault: Fault, what: &str, planned: u64, hit: u64) {
        let count = self.0.entry((fault, what.to_owned())).or_default();
        count.planned += planned;
        count.hit += hit;
    }

    /// Adds the counts of another run.
    pub fn extend(&mut self, more: &Self) {
        for ((fault, what), count) in &more.0 {
            self.add(*fault, what, count.planned, count.hit);
        }
    }

    /// Returns each kind and what happened, with its count.
    pub fn rows(&self) -> impl Iterator<Item = (Fault, &str, Count)> {
        self.0.iter().map(|((fault, what), count)| (*fault, what.as_str(), *count))
    }

    /// Returns what never struck: kinds of `faults`, and parts of them that were planned often.
    #[must_use]
    pub fn dead(&self, faults: &[Fault]) -> Vec<String> {
        let mut kinds: BTreeMap<Fault, u64> = faults.iter().map(|fault| (*fault, 0)).collect();
        for (fault, _, count) in self.rows() {
            *kinds.entry(fault).or_default() += count.hit;
        }
        let kinds = kinds.into_iter().filter(|(_, hit)| *hit == 0).map(|(fault, _)| fault.to_string());
        let parts = self.rows().filter(|(.., count)| count.hit == 0 && count.planned >= ENOUGH);
        kinds.chain(parts.map(|(fault, what, _)| format!("{fault}: {what}"))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_never_struck_is_dead_and_so_is_a_part_that_was_planned_often() {
        let mut hits = Hits::default();
        hits.add(Fault::Hang, "PutItem hangs", 3, 1);
        hits.add(Fault::Hang, "GetItem hangs", 3, 0);
        assert_eq!(hits.dead(&[Fault::Hang, Fault::Move]), ["move"]);
        let mut more = Hits::default();
        more.add(Fault::Hang, "GetItem hangs", ENOUGH, 0);
        hits.extend(&more);
        assert_eq!(hits.dead(&[Fault::Hang]), ["hang: GetItem hangs"]);
        hits.add(Fault::Hang, "GetItem hangs", 0, 1);
        assert_eq!(hits.dead(&[Fault::Hang]), [""; 0]);
    }
}
