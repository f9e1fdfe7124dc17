//! The choice of the cell that takes a tenant's new events.
//!
//! | the tenant's cell is | without standby | with a standby | with a standby that is itself not sent to |
//! |---|---|---|---|
//! | active, full, draining | home | home | home |
//! | down | nobody | standby | nobody |
//! | recovering | home | standby | nobody |
//! | retired | nobody | nobody | nobody |
//!
//! The status is set by people, never guessed by the router: a write that timed out may have landed, and only the
//! operator who marks a cell down knows that nobody writes there any more. In a recovering cell new events would
//! overtake those that its standbys still hold; a tenant without a standby has none to wait for.

use cellstack_core::EventStatus;
use cellstack_core::mutation::{Mutation, is_planted};
use cellstack_core::registry::{CellRecord, CellStatus};

/// The treatment of the events that a tenant's standby gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standby {
    /// The standby holds them until the tenant's cell is back, and processes none.
    #[default]
    Hold,
    /// The standby processes them. It is meant for processors that keep no state: totals, order and repeats around a
    /// mark-down depend on the cell that accepted an event.
    Process,
}

impl Standby {
    /// Returns the status that an event is written into the standby with.
    pub(crate) fn status(self) -> EventStatus {
        match self {
            Self::Hold if is_planted(Mutation::HeldIsAccepted) => EventStatus::Accepted,
            Self::Hold => EventStatus::Held,
            Self::Process => EventStatus::Accepted,
        }
    }

    /// Returns whether the standby of a tenant whose cell is `home` may have events that this cell has not. What a standby
    /// holds comes home; what it processes stays there.
    pub(crate) fn may_have_events(self, home: &CellRecord) -> bool {
        match self {
            Self::Hold => home.may_be_held_for(),
            Self::Process => home.was_down(),
        }
    }
}

/// The cell that takes a tenant's new events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taker {
    Home,
    Standby,
    Nobody,
}

/// Returns the cell that takes the new events of a tenant whose cell is `home`, and whose standby, if it has one, is
/// `standby`.
pub(crate) const fn taker(home: CellStatus, standby: Option<CellStatus>) -> Taker {
    match (home, standby) {
        (CellStatus::Active | CellStatus::Full | CellStatus::Draining, _) | (CellStatus::Recovering, None) => {
            Taker::Home
        }
        (CellStatus::Down | CellStatus::Recovering, Some(standby)) if standby.serves() => Taker::Standby,
        (CellStatus::Down | CellStatus::Recovering | CellStatus::Retired, _) => Taker::Nobody,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [CellStatus; 6] = [
        CellStatus::Active,
        CellStatus::Full,
        CellStatus::Draining,
        CellStatus::Down,
        CellStatus::Recovering,
        CellStatus::Retired,
    ];

    #[test]
    fn nothing_is_written_into_a_cell_that_is_marked_otherwise() {
        for home in ALL {
            for standby in ALL.map(Some).into_iter().chain([None]) {
                let taker = taker(home, standby);
                let case = format!("{home:?} {standby:?} {taker:?}");
                match taker {
                    Taker::Home => {
                        assert!(home.serves() || (home == CellStatus::Recovering && standby.is_none()), "{case}")
                    }
                    Taker::Standby => {
                        assert!(standby.is_some_and(CellStatus::serves), "{case}");
                        assert!(matches!(home, CellStatus::Down | CellStatus::Recovering), "{case}");
                    }
                    Taker::Nobody => assert!(!home.serves(), "{case}"),
                }
            }
        }
    }
}
