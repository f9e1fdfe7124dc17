//! A breadth-first search through all states that a model can reach.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use crate::actions::{Action, Model};
use crate::properties::broken;
use crate::state::State;

/// The shortest way to a state that breaks a property.
#[derive(Debug, Clone)]
pub struct Counterexample {
    /// The property.
    pub property: &'static str,
    /// The actions that lead there.
    pub actions: Vec<Action>,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, after {} actions:", self.property, self.actions.len())?;
        self.actions.iter().enumerate().try_for_each(|(at, action)| writeln!(f, "{:>3}. {action}", at + 1))
    }
}

/// The extent of an exploration that found nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explored {
    /// States.
    pub states: usize,
    /// Ways from a state to a next one.
    pub ways: usize,
    /// States in which the move has ended.
    pub ends: usize,
}

/// A hasher of codes: the standard one takes most of the time of a build without optimisation.
#[derive(Default)]
struct Fold(u64);

impl Hasher for Fold {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u128((*byte).into()));
    }

    fn write_u128(&mut self, code: u128) {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let [high, low] = [(code >> 64) as u64, code as u64];
        let mixed = (self.0 ^ low).wrapping_mul(ODD) ^ high;
        let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(ODD);
        self.0 = mixed ^ (mixed >> 29);
    }
}

/// All states that were found, in the order of their distance from the first.
struct Search<'a> {
    model: &'a Model,
    states: Vec<State>,
    parents: Vec<u32>,
    places: HashMap<u128, u32, BuildHasherDefault<Fold>>,
    ways: Vec<(u32, u32)>,
}

impl Model {
    /// Explores all states.
    ///
    /// # Errors
    /// The shortest way to a state that breaks a property, or from which the move can't be brought to an end.
    pub fn explore(&self) -> Result<Explored, Counterexample> {
        let first = State::first();
        let places = std::iter::once((first.code(), 0)).collect();
        let mut search = Search { model: self, states: vec![first], parents: vec![0], places, ways: Vec::new() };
        let mut at = 0;
        while let Some(state) = search.states.get(at).copied() {
            if let Some(property) = broken(&state) {
                return Err(search.counterexample(at, property));
            }
            for (_, next) in self.next(&state) {
                search.add(at, next);
            }
            at += 1;
        }
        search.check_ends()
    }
}

impl Search<'_> {
    fn add(&mut self, from: usize, next: State) {
        let (from, new) = (place(from), place(self.states.len()));
        let found = *self.places.entry(next.code()).or_insert(new);
        if found == new {
            self.states.push(next);
            self.parents.push(from);
        }
        self.ways.push((from, found));
    }

    /// Checks that from each state a way leads to an end.
    fn check_ends(self) -> Result<Explored, Counterexample> {
        let mut leads: Vec<bool> = self.states.iter().map(|state| state.record.phase.is_ended()).collect();
        let ends = leads.iter().filter(|ended| **ended).count();
        // Most ways lead away from the first state: few passes from the last way to the first are enough.
        let mut changed = true;
        while changed {
            changed = false;
            for (from, to) in self.ways.iter().rev() {
                if leads[*to as usize] && !leads[*from as usize] {
                    leads[*from as usize] = true;
                    changed = true;
                }
            }
        }
        match leads.iter().position(|leads| !leads) {
            Some(at) => Err(self.counterexample(at, "the move can't be brought to an end")),
            None => Ok(Explored { states: self.states.len(), ways: self.ways.len(), ends }),
        }
    }

    fn counterexample(&self, at: usize, property: &'static str) -> Counterexample {
        let (mut actions, mut at) = (Vec::new(), at);
        while at != 0 {
            let parent = self.parents[at] as usize;
            let led = self.model.next(&self.states[parent]).into_iter().find(|(_, next)| *next == self.states[at]);
            actions.extend(led.map(|(action, _)| action));
            at = parent;
        }
        actions.reverse();
        Counterexample { property, actions }
    }
}

/// Returns the place of a state. A search of 4 billion states ends for other reasons first.
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
