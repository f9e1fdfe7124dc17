//! Automation over time: probes, operators, and its own marks follow each other in any order.

use super::*;
use crate::health::probe::{Probe, Stage};
use cellstack_core::EventId;

/// A step of a history, about the cell of an index.
#[derive(Debug, Clone)]
enum Step {
    /// Every cell is probed, and automation acts. The cells of these bits pass.
    Round(u8),
    /// Like a round, but the run is killed on a cell's way up, before it is active.
    KilledRound(u8),
    /// An operator marks a cell.
    Operator(usize, CellStatus),
}

const CELLS: usize = 5;

fn any_step() -> impl Strategy<Value = Step> {
    use CellStatus::{Active, Down, Draining, Full, Recovering};
    let status = prop_oneof![Just(Active), Just(Down), Just(Full), Just(Draining), Just(Recovering)];
    // Cells rarely all change at once: fates of few kinds make rows long enough to mark.
    let fates = prop_oneof![Just(0b00000_u8), Just(0b11111), Just(0b10101), Just(0b00111), any::<u8>()];
    prop_oneof![
        12 => fates.clone().prop_map(Step::Round),
        1 => fates.prop_map(Step::KilledRound),
        2 => (0..CELLS, status).prop_map(|(cell, status)| Step::Operator(cell, status)),
    ]
}

/// A fleet over time.
struct History {
    listing: Listing,
    all: BTreeSet<CellId>,
    /// Results of each cell since its last mark, the last one last.
    since_mark: Vec<Vec<bool>>,
    now_ms: u64,
    was_left: bool,
}

impl History {
    fn new() -> Self {
        let cells = (0..CELLS).map(|_| (Some(state(CellStatus::Active, "ana")), CellHealth::default())).collect();
        let (listing, all) = fleet(cells);
        Self { listing, all, since_mark: vec![Vec::new(); CELLS], now_ms: 100, was_left: false }
    }

    fn state(&mut self, index: usize) -> &mut CellState {
        self.listing.cells[index].state.as_mut().unwrap()
    }

    fn mark(&mut self, index: usize, status: CellStatus, by: &str) {
        self.now_ms += 1;
        let now_ms = self.now_ms;
        let state = self.state(index);
        let down_at = if status == CellStatus::Down { Some(now_ms) } else { state.down_at };
        *state = CellState {
            status,
            down_at,
            updated_by: Some(by.to_owned()),
            updated_at: Some(now_ms),
            ..CellState::default()
        };
        self.since_mark[index].clear();
    }

    fn probe(&mut self, passes: u8) {
        for (index, cell) in self.listing.cells.iter().enumerate() {
            let passed = passes >> index & 1 == 1;
            let stage = if passed { Stage::Processed } else { Stage::NotProcessed };
            let event = EventId::from_parts(0, [0; 10]);
            let probe = Probe { cell: cell.id.clone(), event, stage, ms: None, error: None };
            let mark = cell.state.as_ref().and_then(|state| state.updated_at);
            let health = probe.after(&self.listing.health[&cell.id], mark, self.now_ms);
            self.listing.health.insert(cell.id.clone(), health);
            self.since_mark[index].push(passed);
        }
    }

    fn decide(&self, rules: &Rules) -> Vec<(usize, Decision)> {
        let index = |id: &CellId| self.listing.cells.iter().position(|cell| cell.id == *id).unwrap();
        let decisions = decide(rules, Evidence { was_left: self.was_left, ..look(&self.listing, &self.all) });
        decisions.into_iter().map(|decision| (index(&decision.cell), decision)).collect()
    }

    /// Returns whether the last results of a cell since its mark are this many of one kind.
    fn row(&self, index: usize, passed: bool, count: u32) -> bool {
        self.since_mark[index].iter().rev().take_while(|result| **result == passed).count() >= count as usize
    }

    fn out(&self) -> usize {
        self.listing.cells.iter().filter(|cell| is_out(cell.status())).count()
    }
}

fn round(history: &mut History, rules: &Rules, passes: u8, killed: bool) -> Result<(), TestCaseError> {
    history.probe(passes);
    let mut left = false;
    for (index, Decision { seen, action, .. }) in history.decide(rules) {
        let by = history.state(index).updated_by.clone();
        match action {
            Action::Leave => {}
            Action::Down => {
                prop_assert!(seen == CellStatus::Active || by.as_deref() == Some(AUTOMATION));
                prop_assert!(history.row(index, false, rules.failures), "{:?}", history.since_mark[index]);
                let taken = usize::from(!is_out(seen));
                history.mark(index, CellStatus::Down, AUTOMATION);
                let most = CELLS * usize::from(rules.max_down) / 100;
                prop_assert!(taken == 0 || history.out() <= most, "{} of {most}", history.out());
            }
            Action::Up => {
                prop_assert_eq!(by.as_deref(), Some(AUTOMATION));
                let needed = if seen == CellStatus::Down { rules.successes } else { 1 };
                prop_assert!(history.row(index, true, needed), "{:?}", history.since_mark[index]);
                if seen == CellStatus::Down {
                    history.mark(index, CellStatus::Recovering, AUTOMATION);
                }
                if killed {
                    left = true;
                } else {
                    history.mark(index, CellStatus::Active, AUTOMATION);
                }
            }
        }
    }
    history.was_left = left;
    Ok(())
}

proptest! {
    #[test]
    fn a_history_keeps_the_share_and_an_operators_word(
        steps in vec(any_step(), 0..60),
        failures in 1..4_u32,
        successes in 1..5_u32,
        max_down in 0..=100_u8,
    ) {
        let rules = Rules { failures, successes, max_down };
        let mut history = History::new();
        let mut word: Vec<Option<CellStatus>> = vec![None; CELLS];
        for step in steps {
            match step {
                Step::Round(passes) => round(&mut history, &rules, passes, false)?,
                Step::KilledRound(passes) => round(&mut history, &rules, passes, true)?,
                Step::Operator(index, status) => {
                    history.mark(index, status, "ana");
                    word[index] = Some(status);
                }
            }
            for (index, word) in word.iter().enumerate() {
                // Only a mark as active lets automation mark the cell again.
                if let Some(word) = word.filter(|word| *word != CellStatus::Active) {
                    let state = history.state(index);
                    prop_assert_eq!((state.status, state.updated_by.as_deref()), (word, Some("ana")));
                }
            }
        }
    }

    #[test]
    fn a_cell_that_flaps_keeps_its_mark(
        results in vec(any::<bool>(), 0..80),
        is_down in any::<bool>(),
        failures in 2..5_u32,
        successes in 2..6_u32,
    ) {
        let rules = Rules { failures, successes, max_down: 100 };
        let mut history = History::new();
        if is_down {
            history.mark(0, CellStatus::Down, AUTOMATION);
        }
        let marked_at = history.state(0).updated_at;
        for result in results {
            // One short of what a mark takes, and the result is of the other kind.
            let (kind, most) = if is_down { (true, successes) } else { (false, failures) };
            let passed = if history.row(0, kind, most - 1) { !kind } else { result };
            round(&mut history, &rules, if passed { 0b11111 } else { 0b11110 }, false)?;
            prop_assert_eq!(history.state(0).updated_at, marked_at);
        }
    }
}
