//! The plan of a run: what goes wrong and when, drawn from its seed.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use cellstack_core::CellId;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, SeedableRng};

use super::fault::{Fault, Injection};
use crate::setup::Setup;
use crate::surroundings::kill::{Armed, AwaitPoint};
use crate::surroundings::processor::Behaviour;

/// A planned fault.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) fault: Fault,
    pub(crate) from: Duration,
    pub(crate) action: Action,
}

#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// An injection into a cell, or into the control plane.
    Inject(Option<usize>, Injection),
    Kill(Armed),
    /// Moves: each of these tenants to a cell.
    Move(Vec<(usize, usize)>),
    /// A mark of a cell: down, and then recovering, for these times.
    MarkDown {
        cell: usize,
        down: Duration,
        recovering: Duration,
    },
    /// Redrives that start together. Those with a time are killed after it.
    Redrive(Vec<Option<Duration>>),
    /// Events of this kind in the workload. Of poison, a whole tenant if `tenant` is set.
    Events {
        tenant: bool,
    },
}

/// The plan of everything that goes wrong.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) planned: Vec<Planned>,
    /// The number of faults drawn, including those left out.
    pub(crate) drawn: usize,
}

/// The kinds of event that give their processors trouble.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Trouble {
    pub(crate) poison_tenant: bool,
    poison: bool,
    slow: bool,
    hanging: bool,
    aborting: bool,
}

impl Trouble {
    pub(crate) fn behaviour(self, rng: &mut StdRng) -> Behaviour {
        match rng.random_range(0..100) {
            0..3 if self.poison => Behaviour::Poison,
            3..5 if self.poison => Behaviour::Broken,
            5..7 if self.poison => Behaviour::Panic,
            7..11 if self.poison => Behaviour::Flaky,
            11..31 if self.slow => Behaviour::Slow,
            31..33 if self.hanging => Behaviour::Hang,
            33 if self.hanging => Behaviour::Block,
            34..36 if self.aborting => Behaviour::Abort,
            _ => Behaviour::Good,
        }
    }
}

/// Latest start of a move, since moves take the better part of a run.
const EARLY: Duration = Duration::from_secs(90);
/// Tenants that move at once, at most.
const MOVES: usize = 4;
/// Operators that redrive at once, at most.
const OPERATORS: usize = 3;
/// Longest life of a redrive that is to be killed: each of its calls is an await point, milliseconds apart.
const SHORT_LIFE: Duration = Duration::from_secs(4);

/// Kills of a run that kills, at the points that most invocations reach.
const KILLS: usize = 16;
/// The last of these points.
const COMMON: usize = 6;
/// Kills at the points that only the longest invocations reach: more would kill them before they reach the last.
const RARE_KILLS: usize = 2;

/// Returns the points at which a seed kills. Seeds in a row pick different ones, so that enough of them reach every
/// point. Points that only the longest invocations reach are few per seed.
fn targets(seed: u64, points: &[AwaitPoint]) -> Vec<AwaitPoint> {
    let (common, rare): (Vec<AwaitPoint>, Vec<AwaitPoint>) = points.iter().partition(|point| point.number() <= COMMON);
    let pick = |points: &[AwaitPoint], kills: usize| {
        let picked = (0..kills.min(points.len())).map(|at| points[(seed as usize * kills + at) % points.len()]);
        picked.collect::<Vec<_>>()
    };
    [pick(&common, KILLS), pick(&rare, RARE_KILLS)].concat()
}

/// The range of faults in a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weather {
    Anything,
    /// One cell has all the faults. Any effect on the others' callers is a violation.
    OneCell,
    /// No service fails: the fate of an event is its own doing.
    Calm,
}

impl Weather {
    fn draw(faults: &[Fault], rng: &mut StdRng) -> Self {
        match rng.random_range(0..10) {
            0..3 if faults.iter().any(|fault| fault.is_of_a_cell()) => Self::OneCell,
            3..5 if faults.iter().any(|fault| !fault.is_of_a_service()) => Self::Calm,
            _ => Self::Anything,
        }
    }

    const fn has(self, fault: Fault) -> bool {
        match self {
            Self::Anything => true,
            Self::OneCell => fault.is_of_a_cell(),
            Self::Calm => !fault.is_of_a_service(),
        }
    }
}

impl Plan {
    /// Draws a plan. Faults that are left out are drawn all the same, so that the rest stays as it is.
    pub(crate) fn draw(setup: &Setup, cells: &[CellId], points: &[AwaitPoint]) -> Self {
        let mut rng = StdRng::seed_from_u64(setup.seed ^ 0x0091_A400);
        let weather = Weather::draw(&setup.faults, &mut rng);
        let only = (weather == Weather::OneCell).then(|| rng.random_range(0..cells.len()));
        let kinds: Vec<Fault> =
            setup.faults.iter().copied().filter(|fault| weather.has(*fault) && *fault != Fault::Kill).collect();
        let mut planned = Vec::new();
        for _ in 0..rng.random_range(4..=10) {
            let mut rng = StdRng::seed_from_u64(rng.random());
            let Some(&fault) = kinds.choose(&mut rng) else { break };
            planned.push(Planned::draw(fault, setup, cells, only, &mut rng));
        }
        if setup.faults.contains(&Fault::Kill) && weather == Weather::Anything && !points.is_empty() {
            if setup.faults.contains(&Fault::Poison) {
                // Dead-lettering has await points of its own.
                let action = Action::Events { tenant: false };
                planned.push(Planned { fault: Fault::Poison, from: Duration::ZERO, action });
            }
            for point in targets(setup.seed, points) {
                let from = Duration::from_millis(rng.random_range(0..setup.load().as_millis() as u64 / 2));
                // Few invocations wait often: the first that reaches the point is killed.
                let skip = if point.number() > 2 { 0 } else { rng.random_range(0..3) };
                let action = Action::Kill(Armed { point, skip });
                planned.push(Planned { fault: Fault::Kill, from, action });
            }
        }
        let drawn = planned.len();
        planned = keep(planned, &setup.without);
        planned.sort_by_key(|planned| planned.from);
        Self { planned, drawn }
    }

    /// Returns the kinds of troublesome event in the workload.
    pub(crate) fn trouble(&self) -> Trouble {
        let mut trouble = Trouble::default();
        for planned in &self.planned {
            match planned.fault {
                Fault::Poison => trouble.poison = true,
                Fault::SlowEvent => trouble.slow = true,
                Fault::HangingEvent => trouble.hanging = true,
                Fault::AbortingEvent => trouble.aborting = true,
                _ => {}
            }
            trouble.poison_tenant |= matches!(planned.action, Action::Events { tenant: true });
        }
        trouble
    }
}

fn keep(planned: Vec<Planned>, without: &BTreeSet<usize>) -> Vec<Planned> {
    planned.into_iter().enumerate().filter(|(at, _)| !without.contains(at)).map(|(_, planned)| planned).collect()
}

impl Planned {
    fn draw(fault: Fault, setup: &Setup, cells: &[CellId], only: Option<usize>, rng: &mut StdRng) -> Self {
        let from = Duration::from_millis(rng.random_range(0..setup.load().as_millis() as u64));
        let cell = only.unwrap_or_else(|| rng.random_range(0..cells.len()));
        let action = match (fault.injection(&cells[cell], rng), fault) {
            (Some(injection), Fault::Map) => Action::Inject(None, injection),
            (Some(injection), _) => Action::Inject(Some(cell), injection),
            (None, Fault::Move) => {
                let moves = 0..rng.random_range(1..=MOVES);
                let moves = moves.map(|_| (rng.random_range(0..setup.tenants), rng.random_range(0..cells.len())));
                Action::Move(moves.collect())
            }
            (None, Fault::MarkDown) => Action::MarkDown {
                cell,
                down: Duration::from_secs(rng.random_range(20..=400)),
                recovering: Duration::from_secs(rng.random_range(15..=120)),
            },
            (None, Fault::Redrive) => {
                let operators = 0..rng.random_range(1..=OPERATORS);
                let life = |_| rng.random_bool(0.6).then(|| rng.random_range(Duration::ZERO..SHORT_LIFE));
                Action::Redrive(operators.map(life).collect())
            }
            (None, _) => Action::Events { tenant: fault == Fault::Poison && rng.random_bool(0.4) },
        };
        let from = if fault == Fault::Move { from.min(EARLY) } else { from };
        Self { fault, from, action }
    }

    pub(crate) fn until(&self) -> Duration {
        match &self.action {
            Action::Inject(_, injection) => self.from + injection.lasts,
            _ => self.from,
        }
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>4} s  {}", self.from.as_secs(), self.fault)?;
        match &self.action {
            Action::Inject(_, injection) => {
                let faults: Vec<_> = injection.faults.iter().map(|(_, fault)| fault).collect();
                write!(f, " for {} s: {faults:?}", injection.lasts.as_secs())
            }
            Action::Kill(armed) => write!(f, " at {} after {} visits", armed.point, armed.skip),
            Action::Move(moves) => write!(f, ": tenants and cells {moves:?}"),
            Action::MarkDown { cell, down, recovering } => {
                let (down, recovering) = (down.as_secs(), recovering.as_secs());
                write!(f, ": cell {cell} for {down} s, then recovering for {recovering} s")
            }
            Action::Redrive(lives) => write!(f, ": runs that are killed after {lives:?}"),
            Action::Events { tenant: true } => f.write_str(": a whole tenant"),
            Action::Events { tenant: false } => f.write_str(": some events"),
        }
    }
}
