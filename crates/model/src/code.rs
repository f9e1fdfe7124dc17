//! A state as one number, by which it is found again. The routers have no order in it: states that differ only in which
//! router is which are explored once.

use crate::run::Run;
use crate::state::{Cell, EVENTS, Route, Router, State};

/// Gathers small numbers into a large one.
struct Bits(u64);

impl Bits {
    fn add(&mut self, value: u8, width: u32) {
        self.0 = (self.0 << width) | u64::from(value);
    }

    fn add_all(&mut self, values: [bool; EVENTS]) {
        for value in values {
            self.add(value.into(), 1);
        }
    }

    fn add_route(&mut self, route: Route) {
        self.add(route.side as u8, 1);
        self.add(route.epoch, 2);
        self.add(route.state as u8, 2);
    }

    fn add_cell(&mut self, cell: &Cell) {
        for event in 0..EVENTS {
            self.add(cell.events[event] as u8, 3);
            self.add(cell.effects[event], 2);
            self.add(cell.fence[event].epoch, 2);
            self.add(cell.fence[event].is_open.into(), 1);
        }
    }

    fn add_router(&mut self, router: &Router) {
        match router.route {
            Some(route) => self.add_route(route),
            None => self.add(0, 5),
        }
        self.add(router.is_fresh.into(), 1);
        match router.write {
            Some(write) => {
                self.add(write.event as u8, 1);
                self.add(write.to as u8, 1);
                self.add(write.epoch, 2);
                self.add(write.guard as u8, 1);
            }
            None => self.add(0, 5),
        }
    }

    fn add_run(&mut self, run: &Run) {
        self.add(run.step as u8, 4);
        self.add(run.carries.into(), 1);
        for event in 0..EVENTS {
            self.add(run.known[event] as u8, 3);
            self.add(run.copies[event] as u8, 3);
        }
        self.add(run.has_copied.into(), 1);
        let rest = run.rest.unwrap_or_default();
        self.add(run.rest.is_some().into(), 1);
        self.add(run.is_complete.into(), 1);
        // A key that is neither pending nor frozen, pending, or frozen. Before there is a rest, an open event.
        for event in 0..EVENTS {
            let key = u8::from(rest.keys[event]) + u8::from(rest.pending[event]) + 2 * u8::from(rest.frozen[event]);
            self.add(if run.rest.is_some() { key } else { run.open[event].into() }, 2);
        }
        self.add_all(run.list);
    }
}

impl State {
    /// Returns the number of the state. Only a state whose routers have changed places has the same.
    #[must_use]
    pub fn code(&self) -> u128 {
        let mut routers = self.routers.map(|router| part(|bits| bits.add_router(&router)));
        routers.sort_unstable();
        let parts = [
            (part(|bits| self.add_rest(bits)), 22),
            (part(|bits| self.cells.iter().for_each(|cell| bits.add_cell(cell))), 32),
            (routers[0], 11),
            (routers[1], 11),
            (part(|bits| self.runs.iter().for_each(|run| bits.add_run(run))), 52),
        ];
        parts.into_iter().fold(0, |code, (part, width)| {
            debug_assert!(part >> width == 0, "a part needs more than {width} bits");
            (code << width) | u128::from(part)
        })
    }

    /// Adds all but cells, routers and runs.
    fn add_rest(&self, bits: &mut Bits) {
        bits.add_route(self.map);
        bits.add(self.record.phase as u8, 3);
        bits.add(self.record.carries.into(), 1);
        bits.add(self.record.run as u8, 1);
        bits.add(self.record.is_purged.into(), 1);
        bits.add_all(self.acknowledged);
        bits.add_all(self.journal);
        self.processed.iter().for_each(|times| bits.add(*times, 2));
        bits.add_all(self.refused);
        bits.add(self.is_breached.into(), 1);
    }
}

fn part(add: impl FnOnce(&mut Bits)) -> u64 {
    let mut bits = Bits(0);
    add(&mut bits);
    bits.0
}
