//! The draw from a seed: who moves where, what fails, which cell is marked down, and how long each run lives.

use std::time::Duration;

use cellstack_core::CellId;
use cellstack_core::limits::{LONGEST_WRITE, TENANT_LEASE};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, SeedableRng};

use crate::faults::fault::{Fault, Injection};
use cellstack_embedded::names::Ordering;

pub(super) const CELLS: usize = 3;
pub(super) const TENANTS: usize = 4;
/// Tenants that are moved.
pub(super) const MOVED: usize = 2;
/// Faults that pass within minutes.
const KINDS: [Fault; 11] = [
    Fault::Throttle,
    Fault::Error,
    Fault::Reset,
    Fault::Hang,
    Fault::Lost,
    Fault::Partial,
    Fault::Conflict,
    Fault::Duplicate,
    Fault::Lambda,
    Fault::Slow,
    Fault::Map,
];
/// The time at which a first run's pause begins.
const PAUSE: Duration = TENANT_LEASE.saturating_add(LONGEST_WRITE);
/// Salt that separates these random numbers from those of the other parts of a run.
const SALT: u64 = 0x004D_0BE5;
/// Salt of those that decide how a move ends.
const END: u64 = 0x00E4_D0F0;

/// A way to take a move further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Resume,
    Abort,
}

/// A run that takes a move further, and its life; `None` if it is not killed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Try {
    pub(super) verb: Verb,
    pub(super) life: Option<Duration>,
    /// True if another operator does the same at the same time.
    pub(super) twice: bool,
}

/// The end of a tenant's move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The copy is kept.
    Keep,
    /// The copy is deleted.
    Purge,
    /// The tenant is moved back.
    Back,
}

impl Then {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "",
            Self::Purge => ", then its copy is deleted",
            Self::Back => ", then back",
        }
    }
}

/// A tenant's move.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) at: Duration,
    pub(super) tenant: usize,
    pub(super) to: usize,
    pub(super) carries: bool,
    /// True if the destination has an event that no copy explains.
    pub(super) stray: bool,
    pub(super) life: Option<Duration>,
    pub(super) tries: Vec<Try>,
    pub(super) then: Then,
    /// The life of the first run that purges, or moves back.
    pub(super) then_life: Option<Duration>,
}

/// A cell that is marked down and up again.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub(super) at: Duration,
    pub(super) cell: usize,
    /// The time from the mark to the first run that brings the cell up.
    pub(super) lasts: Duration,
    /// The lives of the runs that are killed before one is not.
    pub(super) lives: Vec<Duration>,
}

#[derive(Debug, Clone)]
pub(super) struct Drawn {
    pub(super) seed: u64,
    pub(super) ordering: Ordering,
    pub(super) moves: Vec<Plan>,
    pub(super) faults: Vec<(Duration, Injection)>,
    pub(super) mark: Option<Mark>,
}

impl Drawn {
    pub(super) fn draw(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed ^ SALT);
        let moves: Vec<Plan> = (0..MOVED).map(|tenant| plan(seed, tenant, &mut rng)).collect();
        let mut faults = Vec::new();
        for _ in 0..rng.random_range(2..=6) {
            let at = rng.random_range(Duration::ZERO..PAUSE * 2);
            faults.extend(injection(rng.random_range(0..CELLS), &mut rng).map(|injection| (at, injection)));
        }
        // At the flip, in the source.
        for plan in &moves {
            let at = plan.at + PAUSE - Duration::from_secs(rng.random_range(1..=30));
            faults.extend(injection(plan.tenant % CELLS, &mut rng).map(|injection| (at, injection)));
        }
        let ordering = if seed % 4 == 3 { Ordering::Tenant } else { Ordering::None };
        let mark = rng.random_bool(0.5).then(|| mark(&mut rng));
        Self { seed, ordering, moves, faults, mark }
    }

    pub(super) fn in_words(&self) -> String {
        let moves = self.moves.iter().map(|plan| {
            let more = [(plan.carries, ", carries"), (plan.stray, ", meets a stray event")];
            let more: String = more.into_iter().filter_map(|(is, what)| is.then_some(what)).collect();
            let (tries, then) = (plan.tries.len() + 1, plan.then.as_str());
            format!("t{} to {} at {} s{more}, {tries} tries{then}", plan.tenant, plan.to, plan.at.as_secs())
        });
        let faults = self.faults.iter().map(|(at, injection)| {
            let what: Vec<&str> = injection.faults.iter().map(|(what, _)| what.as_str()).collect();
            format!("{} from {} s for {} s", what.join(" and "), at.as_secs(), injection.lasts.as_secs())
        });
        let mark = self.mark.iter().map(|mark| {
            let Mark { at, cell: number, lasts, lives } = mark;
            let (at, lasts, runs) = (at.as_secs(), lasts.as_secs(), lives.len() + 1);
            format!("{} down from {at} s for {lasts} s, brought up by {runs} runs", cell(*number))
        });
        moves.chain(faults).chain(mark).collect::<Vec<_>>().join("; ")
    }
}

/// Returns the name of a cell.
pub(super) fn cell(number: usize) -> String {
    format!("c{number:02}")
}

fn injection(number: usize, rng: &mut StdRng) -> Option<Injection> {
    let id: CellId = cell(number).parse().ok()?;
    KINDS.choose(rng)?.injection(&id, rng)
}

fn mark(rng: &mut StdRng) -> Mark {
    let lives = (0..rng.random_range(0..=2)).map(|_| rng.random_range(Duration::ZERO..Duration::from_secs(45)));
    let lives = lives.collect();
    Mark {
        at: rng.random_range(Duration::ZERO..PAUSE * 2),
        cell: rng.random_range(0..CELLS),
        lasts: rng.random_range(Duration::from_secs(20)..Duration::from_secs(240)),
        lives,
    }
}

fn plan(seed: u64, tenant: usize, rng: &mut StdRng) -> Plan {
    let tries = (0..rng.random_range(0..=4)).map(|_| Try {
        verb: if rng.random_bool(0.75) { Verb::Resume } else { Verb::Abort },
        life: rng.random_bool(0.6).then(|| short(rng)),
        twice: rng.random_bool(0.25),
    });
    let tries = tries.collect();
    // By another sequence, so that the rest of a seed's draw stays as it was before there was an end.
    let mut end = StdRng::seed_from_u64(seed ^ END ^ tenant as u64);
    let then = if end.random_bool(0.5) {
        Then::Keep
    } else if end.random_bool(0.5) {
        Then::Purge
    } else {
        Then::Back
    };
    let then_life = end.random_bool(0.5).then(|| match then {
        Then::Back => first(&mut end),
        Then::Keep | Then::Purge => Duration::from_micros(end.random_range(0..900_000)),
    });
    Plan {
        at: rng.random_range(Duration::ZERO..Duration::from_secs(60)),
        tenant,
        to: (tenant + rng.random_range(1..CELLS)) % CELLS,
        carries: rng.random_bool(0.5),
        stray: tenant == 0 && seed % 8 == 1,
        life: rng.random_bool(0.7).then(|| first(rng)),
        tries,
        then,
        then_life,
    }
}

/// Returns the life of a first run. Most end within the pause.
fn first(rng: &mut StdRng) -> Duration {
    if rng.random_bool(0.3) {
        rng.random_range(Duration::ZERO..PAUSE)
    } else {
        PAUSE + Duration::from_micros(rng.random_range(0..900_000))
    }
}

/// Returns the life of a run that takes a move further: it watches for 15 s first, and may wait for old routes again.
fn short(rng: &mut StdRng) -> Duration {
    let watch = Duration::from_secs(15);
    let into = Duration::from_micros(rng.random_range(0..900_000));
    if rng.random_bool(0.5) { watch + into } else { watch + PAUSE + into }
}
