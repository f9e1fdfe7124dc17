//! What becomes of a letter. No I/O here.

use std::fmt;

use cellstack_core::{CellId, EventStatus, RouteState, TenantRoute};

use crate::cells::Cell;

/// What the cell that owns the tenant says of the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ItemState {
    /// It holds it.
    Held {
        /// Where the event is in its life.
        status: EventStatus,
        /// For which redrive it was set back last; 0 if it never was.
        reopened: u32,
    },
    /// It holds something that this program can't read.
    Unreadable(String),
    /// It does not hold it; `elsewhere` when the cell in which the letter lies is another one and does.
    Absent {
        /// The other cell.
        elsewhere: Option<CellId>,
    },
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing is left to do for the event: delete the letter.
    Settle(EventStatus),
    /// Send the event's message.
    Send,
    /// Set the event back to `accepted`, then send its message.
    ReopenAndSend,
    /// Leave the letter where it is.
    Leave(Left),
}

/// What a letter says that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    /// How often its event was redriven before it was written.
    pub(crate) redrives: u32,
    /// Whether a consumer wrote it of a refused event not long ago, and so may not have marked the event yet.
    pub(crate) fresh_refusal: bool,
}

/// Why a letter is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Left {
    /// It names no event.
    NamesNoEvent,
    /// Its tenant is not in the map.
    UnknownTenant,
    /// Its tenant changes owner.
    Changing(RouteState),
    /// The cell its tenant lives in is not registered.
    UnknownCell(CellId),
    /// The cell its tenant lives in must not be sent to.
    CellDown(CellId),
    /// The tenant moved, and its event stayed.
    StillIn(CellId),
    /// The cell its tenant lives in does not hold the event.
    NotHeld(CellId),
    /// The cell holds the event as a standby, until the tenant's own cell is up again.
    OnHold(CellId),
    /// The event's item can't be read.
    Unreadable(String),
    /// It was redriven as often as it may.
    AttemptCap(u32),
    /// Its consumer is just marking its event failed.
    BeingMarked,
    /// Its event was sent earlier in this run; the letter may be what came of that.
    SentBefore,
    /// The fence of the cell is closed, or of another epoch than the map.
    Fenced(CellId),
    /// Of a stream mapping's note: some of its events were left alone.
    Partly(usize),
    /// The run may send no more.
    RunLimit,
    /// A call failed.
    Failed(String),
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NamesNoEvent => f.write_str("it names no event that could be looked up"),
            Self::UnknownTenant => f.write_str("its tenant is not in the tenant map"),
            Self::Changing(state) => write!(f, "its tenant is {}", state.as_str()),
            Self::UnknownCell(cell) => write!(f, "its tenant's cell {cell} is not in the registry"),
            Self::CellDown(cell) => write!(f, "its tenant's cell {cell} must not be sent to"),
            Self::StillIn(cell) => write!(f, "its tenant moved, its event is still in cell {cell}"),
            Self::NotHeld(cell) => write!(f, "its tenant's cell {cell} does not hold the event"),
            Self::OnHold(cell) => write!(f, "cell {cell} holds its event as a standby"),
            Self::Unreadable(_) => f.write_str("its event's item can't be read"),
            Self::AttemptCap(redrives) => write!(f, "it was redriven {redrives} times (--max-attempts)"),
            Self::BeingMarked => f.write_str("its event was refused just now and is not marked failed yet"),
            Self::SentBefore => f.write_str("its event was sent in this run already"),
            Self::Fenced(cell) => write!(f, "the fence of cell {cell} does not let it be set back"),
            Self::Partly(_) => f.write_str("some of its batch's events were left alone"),
            Self::RunLimit => f.write_str("the run ended before it"),
            Self::Failed(what) => f.write_str(what),
        }
    }
}

impl Left {
    /// More than the text, which letters share: what is particular to this one.
    pub(crate) fn detail(&self) -> Option<String> {
        match self {
            Self::Unreadable(detail) => Some(detail.clone()),
            Self::Partly(events) => Some(format!("{events} events")),
            _ => None,
        }
    }
}

/// The cell to send to, by the tenant's entry in the map and the registry's record of the cell it names.
pub(crate) fn destination(route: Option<TenantRoute>, cell: Option<Cell>) -> Result<(TenantRoute, Cell), Left> {
    let route = route.ok_or(Left::UnknownTenant)?;
    if route.state != RouteState::Active {
        return Err(Left::Changing(route.state));
    }
    let cell = cell.ok_or_else(|| Left::UnknownCell(route.cell_id.clone()))?;
    if !cell.status.serves() {
        return Err(Left::CellDown(cell.id));
    }
    Ok((route, cell))
}

/// What to do about an event whose tenant lives in `cell`.
pub(crate) fn decide(cell: &CellId, item: ItemState, claim: Claim, max_attempts: u32) -> Action {
    let action = match item {
        ItemState::Held { status: status @ (EventStatus::Processed | EventStatus::Carried), .. } => {
            return Action::Settle(status);
        }
        // A consumer writes the letter first and marks the event after. What is sent in between finds a failed event,
        // counts as done, and has no letter any more. An event that a killed run has set back looks the same, but for
        // the redrive it was set back for.
        ItemState::Held { status: EventStatus::Accepted, reopened }
            if claim.fresh_refusal && reopened <= claim.redrives =>
        {
            return Action::Leave(Left::BeingMarked);
        }
        ItemState::Held { status: EventStatus::Failed, .. } => Action::ReopenAndSend,
        ItemState::Held { status: EventStatus::Accepted, .. } => Action::Send,
        ItemState::Unreadable(detail) => return Action::Leave(Left::Unreadable(detail)),
        ItemState::Held { status: EventStatus::Held, .. } => return Action::Leave(Left::OnHold(cell.clone())),
        ItemState::Absent { elsewhere: Some(other) } => return Action::Leave(Left::StillIn(other)),
        ItemState::Absent { elsewhere: None } => return Action::Leave(Left::NotHeld(cell.clone())),
    };
    // The cap bounds what is sent. A letter that needs no sending is settled however often it came.
    let redrives = claim.redrives;
    if redrives >= max_attempts { Action::Leave(Left::AttemptCap(redrives)) } else { action }
}

#[cfg(test)]
mod tests {
    use cellstack_core::Epoch;
    use cellstack_core::directory::CellStatus;

    use super::*;

    fn id(text: &str) -> CellId {
        text.parse().unwrap()
    }

    fn route(state: RouteState) -> Option<TenantRoute> {
        let (tenant_id, cell_id) = ("acme".parse().unwrap(), id("beta"));
        Some(TenantRoute { tenant_id, cell_id, epoch: Epoch(2), state, standby_cell_id: None })
    }

    fn cell(status: CellStatus) -> Option<Cell> {
        let (table, queue_url) = ("t".to_owned(), "q".to_owned());
        let dead_letters = [(); 3].map(|()| String::new());
        Some(Cell { id: id("beta"), table, queue_url, dead_letters, status, down_at: None })
    }

    #[test]
    fn a_letter_goes_to_the_current_owner_while_that_may_be_sent_to() {
        for status in [CellStatus::Active, CellStatus::Full, CellStatus::Draining] {
            let (route, cell) = destination(route(RouteState::Active), cell(status)).unwrap();
            assert_eq!((route.epoch, cell.id), (Epoch(2), id("beta")));
        }
        let left = |route, cell| destination(route, cell).unwrap_err();
        assert_eq!(left(None, None), Left::UnknownTenant);
        for state in [RouteState::Moving, RouteState::Fenced] {
            assert_eq!(left(route(state), cell(CellStatus::Active)), Left::Changing(state));
        }
        assert_eq!(left(route(RouteState::Active), None), Left::UnknownCell(id("beta")));
        for status in [CellStatus::Down, CellStatus::Retired] {
            assert_eq!(left(route(RouteState::Active), cell(status)), Left::CellDown(id("beta")));
        }
    }

    const fn held(status: EventStatus) -> ItemState {
        ItemState::Held { status, reopened: 0 }
    }

    fn decided(item: ItemState, redrives: u32) -> Action {
        decide(&id("beta"), item, Claim { redrives, fresh_refusal: false }, 3)
    }

    #[test]
    fn the_item_says_what_is_left_to_do() {
        for status in [EventStatus::Processed, EventStatus::Carried] {
            for redrives in [0, 9] {
                assert_eq!(decided(held(status), redrives), Action::Settle(status));
            }
        }
        assert_eq!(decided(held(EventStatus::Accepted), 0), Action::Send);
        assert_eq!(decided(held(EventStatus::Failed), 2), Action::ReopenAndSend);
        let leave = |item| match decided(item, 0) {
            Action::Leave(left) => left,
            action => panic!("{action:?}"),
        };
        assert_eq!(leave(ItemState::Absent { elsewhere: None }), Left::NotHeld(id("beta")));
        assert_eq!(leave(ItemState::Absent { elsewhere: Some(id("alpha")) }), Left::StillIn(id("alpha")));
        assert_eq!(leave(ItemState::Unreadable("x".into())), Left::Unreadable("x".into()));
    }

    #[test]
    fn what_was_redriven_as_often_as_it_may_is_not_sent_again() {
        for status in [EventStatus::Accepted, EventStatus::Failed] {
            for redrives in [3, 4] {
                assert_eq!(decided(held(status), redrives), Action::Leave(Left::AttemptCap(redrives)));
            }
        }
    }

    #[test]
    fn a_refusal_that_is_not_marked_yet_waits_and_one_that_a_killed_run_has_set_back_does_not() {
        let decided = |status, reopened, fresh_refusal| {
            decide(&id("beta"), ItemState::Held { status, reopened }, Claim { redrives: 1, fresh_refusal }, 3)
        };
        for reopened in [0, 1] {
            assert_eq!(decided(EventStatus::Accepted, reopened, true), Action::Leave(Left::BeingMarked));
            assert_eq!(decided(EventStatus::Accepted, reopened, false), Action::Send);
        }
        assert_eq!(decided(EventStatus::Accepted, 2, true), Action::Send);
        assert_eq!(decided(EventStatus::Failed, 1, true), Action::ReopenAndSend);
    }
}
