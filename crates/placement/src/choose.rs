//! The choice of a tenant's home and standby.
//!
//! | order | the home is | |
//! |---|---|---|
//! | 1 | the cell that was named | if one was |
//! | 2 | active, with a share above 0 and room | always |
//! | 3 | among the least loaded | within [`SLACK`] of the least, loads count as equal |
//! | 4 | in the pair that the fewest tenants share | home and standby in either order |
//! | 5 | the less loaded of these | |
//! | 6 | in the pair that the fewest tenants share in this order | |
//! | 7 | first by id | so that the order of the input does not count |
//!
//! Loads are relative: a cell of twice the capacity, or twice the share, takes twice the weight. The slack is what keeps
//! pairs even: without it, the one least loaded cell would have to be taken, however often its pairs are shared.

use std::cmp::Reverse;

use cellstack_core::CellId;

use crate::fleet::Sharing;
use crate::{Fleet, Refusal};

/// The part of a cell's capacity, one in this many, by which loads may differ and count as equal.
pub(crate) const SLACK: u64 = 100;

/// A tenant that needs a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The part of a cell's capacity that it takes.
    pub weight: u64,
    /// The cell that it must be in, if there is one.
    pub cell: Option<CellId>,
    /// Its standby.
    pub standby: StandbyRequest,
}

/// The standby that a tenant is to have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StandbyRequest {
    /// The least shared one; none where no other cell serves.
    #[default]
    Any,
    /// None.
    None,
    /// This one.
    Cell(CellId),
}

/// The cells of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its home.
    pub home: CellId,
    /// Its standby.
    pub standby: Option<CellId>,
    /// The number of other tenants that have both cells. Above 0, the pairs were used up.
    pub sharing: u64,
}

impl Fleet {
    /// Chooses the cells of a tenant. Nothing is counted: [`Fleet::add`] does that.
    ///
    /// # Errors
    /// When no cell, or not the cell that was named, may take the tenant.
    pub fn choose(&self, request: &Request) -> Result<Choice, Refusal> {
        let homes = match &request.cell {
            Some(cell) => vec![self.named(cell, request.weight)?],
            None => self.homes(request.weight, None)?,
        };
        self.choose_among(&homes, request)
    }

    /// Chooses among homes that may take the tenant.
    pub(crate) fn choose_among(&self, homes: &[usize], request: &Request) -> Result<Choice, Refusal> {
        let mut best = None;
        for &home in homes {
            let sharing = self.standby(home, &request.standby)?;
            let (either, there) = sharing.map_or((0, 0), |sharing| (sharing.either, sharing.home));
            let score = (either, self.at(home).fill(request.weight), there, home);
            if best.as_ref().is_none_or(|(least, _)| score < *least) {
                best = Some((score, sharing));
            }
        }
        let Some(((either, _, _, home), sharing)) = best else { return Err(Refusal::NoneActive) };
        let id = |at: usize| self.at(at).id.clone();
        Ok(Choice { home: id(home), standby: sharing.map(|sharing| id(sharing.standby)), sharing: either })
    }

    /// Returns the index of a home that was named, if it may take the weight.
    fn named(&self, id: &CellId, weight: u64) -> Result<usize, Refusal> {
        let at = self.index(id).ok_or_else(|| Refusal::UnknownCell { cell: id.clone() })?;
        let (cell, id) = (self.at(at), id.clone());
        match cell.status {
            None => Err(Refusal::NotBootstrapped { cell: id }),
            Some(found) if !cell.is_active() => Err(Refusal::NotActive { cell: id, found }),
            Some(_) if !cell.has_room(weight) => {
                Err(Refusal::Full { cell: id, placed: cell.placed, capacity: cell.capacity, weight })
            }
            Some(_) => Ok(at),
        }
    }

    /// Returns the homes that may take a weight and are among the least loaded. `but` is left out.
    pub(crate) fn homes(&self, weight: u64, but: Option<usize>) -> Result<Vec<usize>, Refusal> {
        let is_open = |at: &usize| Some(*at) != but && self.at(*at).is_active() && self.at(*at).share > 0;
        let open: Vec<usize> = (0..self.cells().len()).filter(is_open).collect();
        if open.is_empty() {
            return Err(Refusal::NoneActive);
        }
        let with_room = || open.iter().copied().filter(|at| self.at(*at).has_room(weight));
        let Some(least) = with_room().map(|at| self.at(at).fill(weight)).min() else {
            let room = open.iter().map(|at| self.at(*at).capacity.saturating_sub(self.at(*at).placed)).max();
            return Err(Refusal::NoRoom { weight, cells: open.len(), room: room.unwrap_or_default() });
        };
        let is_low = |at: &usize| {
            let cell = self.at(*at);
            let slack = u128::from((cell.capacity / SLACK).max(weight.saturating_mul(2)));
            u128::from(cell.placed) + u128::from(weight) <= cell.weight_at(least) + slack
        };
        Ok(with_room().filter(is_low).collect())
    }

    /// Returns the standby that a home gets, with the tenants that share the two.
    fn standby(&self, home: usize, request: &StandbyRequest) -> Result<Option<Sharing>, Refusal> {
        match request {
            StandbyRequest::None => Ok(None),
            StandbyRequest::Any => Ok(self.least_shared(home)),
            StandbyRequest::Cell(id) => {
                let at = self.index(id).ok_or_else(|| Refusal::UnknownCell { cell: id.clone() })?;
                if at == home {
                    return Err(Refusal::StandbyIsHome { cell: id.clone() });
                }
                let cell = self.at(at);
                if !cell.stands_by() {
                    return Err(Refusal::StandbyNotServing { cell: id.clone(), found: cell.status });
                }
                Ok(Some(self.sharing(home, at)))
            }
        }
    }

    /// Returns the standby that a home gets of its own accord, for a tenant that stays or moves there.
    #[must_use]
    pub fn choose_standby(&self, home: &CellId) -> Option<CellId> {
        self.least_shared(self.index(home)?).map(|sharing| self.at(sharing.standby).id.clone())
    }

    /// Returns the cells by relative load, the most loaded first.
    #[must_use]
    pub fn by_load(&self) -> Vec<&crate::Cell> {
        let mut cells: Vec<_> = self.cells().iter().collect();
        cells.sort_by_key(|cell| (Reverse(cell.fill(0)), cell.id.clone()));
        cells
    }
}

#[cfg(test)]
mod tests;
