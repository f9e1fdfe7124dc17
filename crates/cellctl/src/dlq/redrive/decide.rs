//! The decision on a letter. No I/O here.

use std::fmt;

use cellstack_core::{CellId, EventStatus, RouteState, TenantRoute};

use cellstack_store::cells::Cell;

/// The state of an event's item in the cell that has it, or should have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ItemState {
    /// The cell holds the item.
    Held {
        /// The event's status.
        status: EventStatus,
        /// The redrive that the event was last prepared for; 0 if there was none.
        redrives: u32,
    },
    /// The item can't be read by this program.
    Unreadable(String),
    /// The cell does not hold the item. `elsewhere` is the cell of the letter, if that is another one and holds it.
    Absent {
        /// The other cell.
        elsewhere: Option<CellId>,
    },
}

/// An action on a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Deletes the letter: nothing is left to do for the event.
    Settle(EventStatus),
    /// Prepares the event, then sends its message.
    Send {
        /// The status that the event must still have.
        status: EventStatus,
        /// The number of this redrive, from 1.
        redrive: u32,
    },
    /// Leaves the letter in its queue.
    Leave(SkipReason),
}

/// The facts of a letter that matter for the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The number of times its event was redriven before it was written; `None` for a stream mapping's note, which has
    /// no count.
    pub(crate) redrives: Option<u32>,
    /// True if a consumer wrote the letter of a refused event not long ago, and so may not have marked the event yet.
    pub(crate) fresh_refusal: bool,
}

/// A reason to skip a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SkipReason {
    /// The letter names no event.
    NamesNoEvent,
    /// Its tenant is not in the map.
    UnknownTenant,
    /// Its tenant changes owner.
    Changing(RouteState),
    /// The cell of its tenant is not registered.
    UnknownCell(CellId),
    /// The cell of its tenant must not be sent to.
    CellDown(CellId),
    /// The tenant moved, and its event stayed.
    StillIn(CellId),
    /// The cell of its tenant does not hold the event.
    NotHeld(CellId),
    /// The tenant's standby, which may hold the event, must not be sent to.
    StandbyDown(CellId),
    /// The cell holds the event as a standby, until the tenant's own cell is up again.
    OnHold(CellId),
    /// The event's item can't be read.
    Unreadable(String),
    /// Its event was redriven as often as it may be.
    AttemptCap(u32),
    /// Its consumer is just marking its event failed.
    BeingMarked,
    /// Its event was sent earlier in this run; the letter may be the result of that.
    SentBefore,
    /// The fence of the cell is closed, or of another epoch than the map.
    Fenced(CellId),
    /// Some events of a stream mapping's note were skipped.
    Partly(usize),
    /// The run may send no more.
    RunLimit,
    /// A call failed.
    Failed(String),
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NamesNoEvent => f.write_str("it names no event that could be looked up"),
            Self::UnknownTenant => f.write_str("its tenant is not in the tenant map"),
            Self::Changing(state) => write!(f, "its tenant is {}", state.as_str()),
            Self::UnknownCell(cell) => write!(f, "its tenant's cell {cell} is not in the registry"),
            Self::CellDown(cell) => write!(f, "its tenant's cell {cell} must not be sent to"),
            Self::StillIn(cell) => write!(f, "its tenant moved, its event is still in cell {cell}"),
            Self::NotHeld(cell) => write!(f, "its tenant's cell {cell} does not hold the event"),
            Self::StandbyDown(cell) => {
                write!(f, "its tenant's standby {cell}, which may hold its event, must not be sent to")
            }
            Self::OnHold(cell) => {
                write!(f, "cell {cell} holds its event as a standby: nothing to do until it is carried home")
            }
            Self::Unreadable(_) => f.write_str("its event's item can't be read"),
            Self::AttemptCap(redrives) => write!(f, "it was redriven {redrives} times (--max-attempts)"),
            Self::BeingMarked => f.write_str("its event was refused just now and is not marked failed yet"),
            Self::SentBefore => f.write_str("its event was sent in this run already"),
            Self::Fenced(cell) => write!(f, "the fence of cell {cell} does not let it be set back"),
            Self::Partly(_) => f.write_str("some of its batch's events were skipped"),
            Self::RunLimit => f.write_str("the run ended before it"),
            Self::Failed(what) => f.write_str(what),
        }
    }
}

impl SkipReason {
    /// Returns the part that is particular to this letter. Letters share the text itself.
    pub(crate) fn detail(&self) -> Option<String> {
        match self {
            Self::Unreadable(detail) => Some(detail.clone()),
            Self::Partly(events) => Some(format!("{events} events")),
            _ => None,
        }
    }
}

/// Returns the route of a tenant if events may be sent to its cell.
pub(crate) fn route(route: Option<TenantRoute>) -> Result<TenantRoute, SkipReason> {
    let route = route.ok_or(SkipReason::UnknownTenant)?;
    if route.state == RouteState::Active { Ok(route) } else { Err(SkipReason::Changing(route.state)) }
}

/// Returns a tenant's cell, by the registry's record of it, if it may be sent to.
pub(crate) fn usable(id: &CellId, cell: Option<Cell>) -> Result<Cell, SkipReason> {
    let cell = cell.ok_or_else(|| SkipReason::UnknownCell(id.clone()))?;
    if cell.status().serves() { Ok(cell) } else { Err(SkipReason::CellDown(cell.id)) }
}

/// Decides about an event that `cell` has, or should have.
pub(crate) fn decide(cell: &CellId, item: ItemState, claim: Claim, max_attempts: u32) -> Action {
    let (status, on_item) = match item {
        ItemState::Held { status, redrives } => (status, redrives),
        ItemState::Unreadable(detail) => return Action::Leave(SkipReason::Unreadable(detail)),
        ItemState::Absent { elsewhere: Some(other) } => return Action::Leave(SkipReason::StillIn(other)),
        ItemState::Absent { elsewhere: None } => return Action::Leave(SkipReason::NotHeld(cell.clone())),
    };
    let redrive = match status {
        EventStatus::Processed | EventStatus::Carried => return Action::Settle(status),
        EventStatus::Held => return Action::Leave(SkipReason::OnHold(cell.clone())),
        // A consumer writes the letter first and marks the event after. A message that is sent in between finds a
        // failed event, counts as done, and has no letter any more. An event that a killed run has prepared differs
        // only by the redrive it was prepared for.
        EventStatus::Accepted if claim.fresh_refusal && on_item <= claim.redrives.unwrap_or_default() => {
            return Action::Leave(SkipReason::BeingMarked);
        }
        EventStatus::Accepted => next(on_item, claim.redrives),
        // It has failed since it was prepared: that redrive is used up.
        EventStatus::Failed => on_item.max(claim.redrives.unwrap_or_default()) + 1,
    };
    // The cap bounds the messages that are sent. A letter that needs no sending is settled at any count.
    if redrive > max_attempts {
        Action::Leave(SkipReason::AttemptCap(redrive - 1))
    } else {
        Action::Send { status, redrive }
    }
}

/// Returns the number of the next redrive of an event that is still `accepted`.
///
/// A run that was killed between preparing an event and deleting its letter has left its number on the item. The next
/// run takes the same number, so that a FIFO queue counts the two messages as one. A note has no count of its own: the
/// number on its event's item counts the tries, killed runs included.
fn next(on_item: u32, claimed: Option<u32>) -> u32 {
    claimed.map_or(on_item + 1, |redrives| on_item.max(redrives + 1))
}

#[cfg(test)]
mod tests {
    use cellstack_core::Epoch;
    use cellstack_core::registry::{CellState, CellStatus};

    use super::*;

    fn id(text: &str) -> CellId {
        text.parse().unwrap()
    }

    fn entry(state: RouteState) -> Option<TenantRoute> {
        let (tenant_id, cell_id) = ("acme".parse().unwrap(), id("beta"));
        Some(TenantRoute { tenant_id, cell_id, epoch: Epoch(2), state, standby_cell_id: None })
    }

    fn cell(status: CellStatus) -> Option<Cell> {
        let urls = ["table", "queue_url", "stream_dlq_url", "topic_dlq_url", "dlq_url"];
        let config = serde_json::from_value(urls.into_iter().map(|name| (name, "q")).collect()).unwrap();
        Some(Cell { id: id("beta"), config, state: Some(CellState { status, ..CellState::default() }) })
    }

    #[test]
    fn a_letter_goes_to_the_current_owner_while_that_may_be_sent_to() {
        for status in [CellStatus::Active, CellStatus::Full, CellStatus::Draining] {
            assert_eq!(usable(&id("beta"), cell(status)).unwrap().id, id("beta"));
        }
        assert_eq!(route(entry(RouteState::Active)).unwrap().epoch, Epoch(2));
        assert_eq!(route(None).unwrap_err(), SkipReason::UnknownTenant);
        for state in [RouteState::Moving, RouteState::Fenced] {
            assert_eq!(route(entry(state)).unwrap_err(), SkipReason::Changing(state));
        }
        assert_eq!(usable(&id("beta"), None).unwrap_err(), SkipReason::UnknownCell(id("beta")));
        for status in [CellStatus::Down, CellStatus::Recovering, CellStatus::Retired] {
            assert_eq!(usable(&id("beta"), cell(status)).unwrap_err(), SkipReason::CellDown(id("beta")));
        }
    }

    const fn held(status: EventStatus) -> ItemState {
        ItemState::Held { status, redrives: 0 }
    }

    fn decided(item: ItemState, redrives: u32) -> Action {
        decide(&id("beta"), item, Claim { redrives: Some(redrives), fresh_refusal: false }, 3)
    }

    #[test]
    fn the_item_says_what_is_left_to_do() {
        for status in [EventStatus::Processed, EventStatus::Carried] {
            for redrives in [0, 9] {
                assert_eq!(decided(held(status), redrives), Action::Settle(status));
            }
        }
        for (status, redrives) in [(EventStatus::Accepted, 0), (EventStatus::Failed, 2)] {
            assert_eq!(decided(held(status), redrives), Action::Send { status, redrive: redrives + 1 });
        }
        let leave = |item| match decided(item, 0) {
            Action::Leave(left) => left,
            action => panic!("{action:?}"),
        };
        assert_eq!(leave(ItemState::Absent { elsewhere: None }), SkipReason::NotHeld(id("beta")));
        assert_eq!(leave(ItemState::Absent { elsewhere: Some(id("alpha")) }), SkipReason::StillIn(id("alpha")));
        assert_eq!(leave(ItemState::Unreadable("x".into())), SkipReason::Unreadable("x".into()));
        assert_eq!(leave(held(EventStatus::Held)), SkipReason::OnHold(id("beta")));
    }

    #[test]
    fn what_was_redriven_as_often_as_it_may_is_not_sent_again() {
        for status in [EventStatus::Accepted, EventStatus::Failed] {
            for redrives in [3, 4] {
                assert_eq!(decided(held(status), redrives), Action::Leave(SkipReason::AttemptCap(redrives)));
            }
        }
    }

    #[test]
    fn redrives_of_an_event_that_only_a_note_knows_are_counted_on_its_item() {
        let decided = |redrives| {
            let item = ItemState::Held { status: EventStatus::Accepted, redrives };
            decide(&id("beta"), item, Claim { redrives: None, fresh_refusal: false }, 3)
        };
        for redrives in 0..3 {
            assert_eq!(decided(redrives), Action::Send { status: EventStatus::Accepted, redrive: redrives + 1 });
        }
        assert_eq!(decided(3), Action::Leave(SkipReason::AttemptCap(3)));
    }

    #[test]
    fn a_run_that_is_run_again_takes_the_number_that_the_killed_one_took() {
        let decided = |status, redrives| {
            decide(
                &id("beta"),
                ItemState::Held { status, redrives },
                Claim { redrives: Some(1), fresh_refusal: false },
                9,
            )
        };
        let (accepted, failed) = (EventStatus::Accepted, EventStatus::Failed);
        assert_eq!(decided(accepted, 2), Action::Send { status: accepted, redrive: 2 }, "prepared, and not sent");
        assert_eq!(decided(failed, 2), Action::Send { status: failed, redrive: 3 }, "sent, and failed since");
        assert_eq!(decided(accepted, 0), Action::Send { status: accepted, redrive: 2 });
    }

    #[test]
    fn a_refusal_that_is_not_marked_yet_waits_and_one_that_a_killed_run_has_prepared_does_not() {
        let decided = |status, redrives, fresh_refusal| {
            let claim = Claim { redrives: Some(1), fresh_refusal };
            decide(&id("beta"), ItemState::Held { status, redrives }, claim, 3)
        };
        for redrives in [0, 1] {
            assert_eq!(decided(EventStatus::Accepted, redrives, true), Action::Leave(SkipReason::BeingMarked));
            assert!(matches!(decided(EventStatus::Accepted, redrives, false), Action::Send { .. }));
        }
        assert!(matches!(decided(EventStatus::Accepted, 2, true), Action::Send { .. }));
        assert!(matches!(decided(EventStatus::Failed, 1, true), Action::Send { .. }));
    }
}
