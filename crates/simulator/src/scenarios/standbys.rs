//! The standbys of a scenario's tenants, chosen as `cellctl` chooses them.

use anyhow::Result;
use cellstack_core::CellId;
use cellstack_core::registry::CellStatus;
use cellstack_placement::{Cell, Fleet, Request, StandbyRequest};

/// Returns each tenant's standby, given its home. As few tenants as possible share both.
///
/// # Errors
/// When a home is the only cell.
pub(crate) fn choose(cells: &[CellId], tenants: usize, home: impl Fn(usize) -> usize) -> Result<Vec<usize>> {
    let mut fleet = Fleet::new(cells.iter().map(|id| empty(id, tenants)), []);
    let mut standbys = Vec::with_capacity(tenants);
    for tenant in 0..tenants {
        let cell = Some(cells[home(tenant)].clone());
        let choice = fleet.choose(&Request { weight: 1, cell, standby: StandbyRequest::Any })?;
        let standby = cells.iter().position(|cell| Some(cell) == choice.standby.as_ref());
        standbys.push(standby.ok_or_else(|| anyhow::anyhow!("cell {} has no other to stand by", choice.home))?);
        fleet.add(&choice, 1);
    }
    Ok(standbys)
}

fn empty(id: &CellId, capacity: usize) -> Cell {
    let capacity = capacity as u64;
    Cell { id: id.clone(), status: Some(CellStatus::Active), capacity, share: 1, placed: 0, tenants: 0 }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn pairs_are_used_evenly() {
        let cells: Vec<CellId> = (1..=8).map(|n| format!("c{n}").parse().unwrap()).collect();
        let mut pairs = BTreeMap::<_, usize>::new();
        for (tenant, standby) in choose(&cells, 1_000, |tenant| tenant % 8).unwrap().into_iter().enumerate() {
            let home = tenant % 8;
            assert_ne!(home, standby);
            *pairs.entry((home.min(standby), home.max(standby))).or_default() += 1;
        }
        assert_eq!(pairs.len(), 28);
        assert!(pairs.values().all(|tenants| [35, 36].contains(tenants)), "{pairs:?}");
        assert!(choose(&cells[..1], 1, |_| 0).is_err(), "a cell can't stand by for itself");
    }
}
