//! The waits for events of a cell, as an environment remembers them.
//!
//! A request that waits holds its environment. In a cell whose pipeline has stopped every wait takes the whole of its time, and the
//! callers of that cell alone could fill the router's concurrency. One tenant's events may wait in a dead-letter queue
//! for long, which says nothing about the others'; so it takes two tenants to call the cell stalled.

use std::sync::Mutex;
use std::time::Duration;

use cellstack_core::TenantId;
use cellstack_core::limits::{VAIN_WAIT_MEMORY, VAIN_WAIT_MIN, VAIN_WAIT_PAUSE};
use cellstack_core::sync::lock;
use tokio::time::Instant;

/// The waits of a cell.
#[derive(Debug, Default)]
pub(crate) struct Waits(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The tenant whose wait was in vain, with none that was not since, and the end of that wait.
    in_vain: Option<(TenantId, Instant)>,
    /// The time until which no request waits.
    paused_until: Option<Instant>,
}

impl Waits {
    /// Returns whether a request may wait.
    pub(crate) fn are_open(&self) -> bool {
        lock(&self.0).paused_until.is_none_or(|until| Instant::now() >= until)
    }

    /// Remembers that an awaited event was done in time.
    pub(crate) fn note_done(&self) {
        *lock(&self.0) = State::default();
    }

    /// Remembers that a wait for a tenant's event was in vain, if it was a long one. The second tenant in a row stops waits for
    /// [`VAIN_WAIT_PAUSE`] times as long as this wait took. `random` draws up to as much again: environments that waited together must
    /// not do so again.
    pub(crate) fn note_in_vain(&self, tenant: &TenantId, took: Duration, random: u8) {
        if took < VAIN_WAIT_MIN {
            return;
        }
        let (mut state, now) = (lock(&self.0), Instant::now());
        if state.in_vain.as_ref().is_some_and(|(other, at)| other != tenant && now < *at + VAIN_WAIT_MEMORY) {
            let pause = took * VAIN_WAIT_PAUSE;
            state.paused_until = Some(now + pause + pause * u32::from(random) / u32::from(u8::MAX));
        }
        state.in_vain = Some((tenant.clone(), now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn tenant(id: &str) -> TenantId {
        id.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn one_tenant_stops_no_waits_two_in_a_row_stop_all_for_a_time() {
        let waits = Waits::default();
        for _ in 0..3 {
            waits.note_in_vain(&tenant("acme"), 5 * SECOND, 0);
        }
        assert!(waits.are_open());
        waits.note_in_vain(&tenant("globex"), 5 * SECOND, 0);
        assert!(!waits.are_open());
        tokio::time::sleep(5 * SECOND * VAIN_WAIT_PAUSE).await;
        assert!(waits.are_open());
        // It is still stalled.
        waits.note_in_vain(&tenant("acme"), 2 * SECOND, u8::MAX);
        tokio::time::sleep(4 * SECOND * VAIN_WAIT_PAUSE - SECOND / 10).await;
        assert!(!waits.are_open());
        tokio::time::sleep(SECOND / 10).await;
        assert!(waits.are_open());
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_that_is_done_in_time_opens_them_again() {
        let waits = Waits::default();
        waits.note_in_vain(&tenant("acme"), 2 * SECOND, 0);
        waits.note_done();
        waits.note_in_vain(&tenant("globex"), 2 * SECOND, 0);
        assert!(waits.are_open());
        waits.note_in_vain(&tenant("acme"), 2 * SECOND, 0);
        assert!(!waits.are_open());
        waits.note_done();
        assert!(waits.are_open());
    }

    #[tokio::test(start_paused = true)]
    async fn short_waits_and_those_of_long_ago_say_nothing() {
        let waits = Waits::default();
        waits.note_in_vain(&tenant("acme"), SECOND, 0);
        waits.note_in_vain(&tenant("globex"), SECOND, 0);
        assert!(waits.are_open());
        waits.note_in_vain(&tenant("acme"), 2 * SECOND, 0);
        tokio::time::sleep(VAIN_WAIT_MEMORY).await;
        waits.note_in_vain(&tenant("globex"), 2 * SECOND, 0);
        assert!(waits.are_open());
    }
}
