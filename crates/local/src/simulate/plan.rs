//! What goes wrong in a run, and when: drawn from its seed.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use cellstack_core::CellId;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, SeedableRng};

use crate::simulate::Setup;
use crate::simulate::faults::{Injection, Mishap};
use crate::simulate::kill::{Armed, AwaitPoint};

/// One thing that goes wrong.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) mishap: Mishap,
    pub(crate) from: Duration,
    pub(crate) action: Action,
}

#[derive(Debug, Clone)]
pub(crate) enum Action {
    Inject(Injection),
    Kill(Armed),
    /// Each of these tenants moves to a cell.
    Move(Vec<(usize, usize)>),
    /// The workload has it in it: whether a whole tenant is poison.
    Poison {
        tenant: bool,
    },
}

/// Everything that goes wrong.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) planned: Vec<Planned>,
    /// How much was drawn, what is left out included.
    pub(crate) drawn: usize,
    /// The only cell that anything happens to, if there is one.
    pub(crate) only: Option<usize>,
}

/// Moves begin before this, and take the better part of what a run lasts.
const EARLY: Duration = Duration::from_secs(90);
/// Tenants that move at once, at most.
const MOVES: usize = 4;

/// Kills of a run that kills, at the points that most invocations come to.
const KILLS: usize = 16;
/// The last of these points.
const COMMON: usize = 6;

/// Where a seed kills. Seeds in a row take their turns, so that a run of enough of them has been everywhere. Of the points
/// that only the longest invocations come to there is one a seed: others would kill them before.
fn targets(seed: u64, points: &[AwaitPoint]) -> Vec<AwaitPoint> {
    let (common, rare): (Vec<AwaitPoint>, Vec<AwaitPoint>) = points.iter().partition(|point| point.number() <= COMMON);
    let turn = |points: &[AwaitPoint], kills: usize| {
        let turns = (0..kills.min(points.len())).map(|at| points[(seed as usize * kills + at) % points.len()]);
        turns.collect::<Vec<_>>()
    };
    [turn(&common, KILLS), turn(&rare, 1)].concat()
}

impl Plan {
    /// Draws it. What is left out is drawn all the same, so that the rest stays as it is.
    pub(crate) fn draw(setup: &Setup, cells: &[CellId], points: &[AwaitPoint]) -> Self {
        let mut rng = StdRng::seed_from_u64(setup.seed ^ 0x0091_A400);
        let lonely = setup.faults.iter().any(|mishap| mishap.is_of_a_cell()) && rng.random_bool(0.3);
        let only = lonely.then(|| rng.random_range(0..cells.len()));
        let mut planned = Vec::new();
        for _ in 0..rng.random_range(3..=9) {
            let mut rng = StdRng::seed_from_u64(rng.random());
            let Some(&mishap) = setup.faults.choose(&mut rng) else { break };
            if lonely && !mishap.is_of_a_cell() || mishap == Mishap::Kill {
                continue;
            }
            let from = Duration::from_millis(rng.random_range(0..setup.load().as_millis() as u64));
            let cell = only.unwrap_or_else(|| rng.random_range(0..cells.len()));
            let action = match mishap.injection(&cells[cell], &mut rng) {
                Some(injection) => Action::Inject(injection),
                None if mishap == Mishap::Move => {
                    let any = |rng: &mut StdRng, of: usize| rng.random_range(0..of.max(1));
                    let moves = (0..rng.random_range(1..=MOVES)).map(|_| (setup.tenants, cells.len()));
                    Action::Move(moves.map(|(tenants, cells)| (any(&mut rng, tenants), any(&mut rng, cells))).collect())
                }
                None => Action::Poison { tenant: rng.random_bool(0.5) },
            };
            let from = if mishap == Mishap::Move { from.min(EARLY) } else { from };
            planned.push(Planned { mishap, from, action });
        }
        if setup.faults.contains(&Mishap::Kill) && only.is_none() && !points.is_empty() {
            if setup.faults.contains(&Mishap::Poison) {
                // Giving an event up has await points of its own.
                let action = Action::Poison { tenant: false };
                planned.push(Planned { mishap: Mishap::Poison, from: Duration::ZERO, action });
            }
            for point in targets(setup.seed, points) {
                let from = Duration::from_millis(rng.random_range(0..setup.load().as_millis() as u64 / 2));
                // Few invocations wait often: the first that comes so far is the one.
                let skip = if point.number() > 2 { 0 } else { rng.random_range(0..3) };
                let action = Action::Kill(Armed { point, skip });
                planned.push(Planned { mishap: Mishap::Kill, from, action });
            }
        }
        let drawn = planned.len();
        planned = keep(planned, &setup.without);
        planned.sort_by_key(|planned| planned.from);
        Self { planned, drawn, only }
    }

    /// Whether events may be poison, and whether a tenant is.
    pub(crate) fn poison(&self) -> (bool, bool) {
        let tenants = self.planned.iter().filter_map(|planned| match planned.action {
            Action::Poison { tenant } => Some(tenant),
            _ => None,
        });
        tenants.fold((false, false), |(_, any), tenant| (true, any || tenant))
    }
}

fn keep(planned: Vec<Planned>, without: &BTreeSet<usize>) -> Vec<Planned> {
    planned.into_iter().enumerate().filter(|(at, _)| !without.contains(at)).map(|(_, planned)| planned).collect()
}

impl Planned {
    pub(crate) fn until(&self) -> Duration {
        match &self.action {
            Action::Inject(injection) => self.from + injection.lasts,
            _ => self.from,
        }
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>4} s  {}", self.from.as_secs(), self.mishap)?;
        match &self.action {
            Action::Inject(injection) => {
                write!(f, " for {} s: {:?}", injection.lasts.as_secs(), injection.faults)
            }
            Action::Kill(armed) => write!(f, " at {} after {} visits", armed.point, armed.skip),
            Action::Move(moves) => write!(f, ": tenants and cells {moves:?}"),
            Action::Poison { tenant: true } => f.write_str(": a whole tenant"),
            Action::Poison { tenant: false } => f.write_str(": some events"),
        }
    }
}
