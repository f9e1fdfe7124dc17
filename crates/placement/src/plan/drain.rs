//! A plan that empties a cell.

use cellstack_core::CellId;

use super::{Kind, Move, Plan, StandbyChange, Stays, Tenant};
use crate::{Fleet, Refusal, Request, StandbyRequest};

/// Plans the moves that empty a cell: each of its tenants goes where a new tenant would go, the heaviest first, and tenants
/// of other cells that have it as their standby get another one. While such a tenant's own cell does not serve, the standby
/// may hold events of it, and the tenant keeps it.
///
/// # Errors
/// When the fleet does not have the cell.
pub fn drain(fleet: &Fleet, tenants: &[Tenant], cell: &CellId) -> Result<Plan, Refusal> {
    if fleet.cell(cell).is_none() {
        return Err(Refusal::UnknownCell { cell: cell.clone() });
    }
    let mut after = fleet.clone();
    after.close(cell);
    let (mut moves, mut standbys, mut left) = (Vec::new(), Vec::new(), Vec::new());
    let mut leaving: Vec<&Tenant> = tenants.iter().filter(|tenant| tenant.home == *cell).collect();
    leaving.sort_by(|one, other| other.weight.cmp(&one.weight).then_with(|| one.id.cmp(&other.id)));
    for tenant in leaving {
        match destination(&mut after, tenant) {
            Ok(planned) => moves.push(planned),
            Err(reason) => left.push(Stays { tenant: tenant.id.clone(), reason }),
        }
    }
    for tenant in tenants.iter().filter(|tenant| tenant.home != *cell && tenant.standby.as_ref() == Some(cell)) {
        if !tenant.settled {
            left.push(Stays { tenant: tenant.id.clone(), reason: "it is being moved".to_owned() });
            continue;
        }
        let status = fleet.cell(&tenant.home).and_then(|home| home.status);
        if let Some(status) = status.filter(|status| !status.serves()) {
            let (home, status) = (&tenant.home, status.as_str());
            let reason =
                format!("its cell {home} is {status}, and this one may hold its events: cellctl cells up {home}");
            left.push(Stays { tenant: tenant.id.clone(), reason });
            continue;
        }
        after.remove(&tenant.home, tenant.standby.as_ref(), tenant.weight);
        let choice =
            crate::Choice { home: tenant.home.clone(), standby: after.choose_standby(&tenant.home), sharing: 0 };
        after.add(&choice, tenant.weight);
        let (id, home, before) = (tenant.id.clone(), tenant.home.clone(), cell.clone());
        standbys.push(StandbyChange { tenant: id, epoch: tenant.epoch, home, before, after: choice.standby });
    }
    Ok(Plan { moves, standbys, left, ..Plan::of(Kind::Drain(cell.clone()), fleet, &after) })
}

fn destination(after: &mut Fleet, tenant: &Tenant) -> Result<Move, String> {
    if tenant.pinned {
        return Err(format!("it is pinned: cellctl tenants unpin {}", tenant.id));
    }
    if !tenant.settled {
        return Err("it is being moved".to_owned());
    }
    after.remove(&tenant.home, tenant.standby.as_ref(), tenant.weight);
    // A tenant without a standby wants none.
    let standby = if tenant.standby.is_some() { StandbyRequest::Any } else { StandbyRequest::None };
    let request = Request { weight: tenant.weight, cell: None, standby };
    let choice = after.choose(&request).map_err(|refusal| refusal.to_string());
    let choice = choice.inspect_err(|_| {
        let (home, standby) = (tenant.home.clone(), tenant.standby.clone());
        after.add(&crate::Choice { home, standby, sharing: 0 }, tenant.weight);
    })?;
    after.add(&choice, tenant.weight);
    Ok(Move {
        tenant: tenant.id.clone(),
        epoch: tenant.epoch,
        weight: tenant.weight,
        load: None,
        from: tenant.home.clone(),
        to: choice.home,
        standby_before: tenant.standby.clone(),
        standby_after: choice.standby,
    })
}
