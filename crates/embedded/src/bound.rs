//! A bound on the data of a served stack, so that endless load does not make it grow without end.
//!
//! Near the bound, the events that were processed longest ago expire, as with a TTL. Data that must not be lost stays: events
//! that are not processed, messages, dead letters. When that alone reaches the bound, more is refused.

use std::time::Duration;

use cellstack_core::EventStatus;
use cellstack_emulator::Aws;

use crate::cells::Cells;
use crate::names::CellNames;

/// Default bound, in bytes: about a million small events.
pub const MAX_DATA: u64 = 1 << 30;
/// Smallest useful bound, in bytes: an empty stack of 64 cells holds a fifth of it.
pub const MIN_DATA: u64 = 8 << 20;

/// Time between two checks.
const TICK: Duration = Duration::from_millis(100);
/// Events that expire before other tasks run.
const BATCH: usize = 200;

/// Keeps a stack below a bound while it is polled.
pub(crate) async fn keep(aws: Aws, cells: Cells, max: u64) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut was_full = false;
    loop {
        tick.tick().await;
        let is_full = match make_room(&aws, &cells, max).await {
            Ok(held) => held >= max,
            Err(error) => {
                tracing::error!(error, "what the stack holds can't be told; it takes no more");
                true
            }
        };
        aws.refuse_growth(is_full);
        if is_full && !was_full {
            tracing::warn!(
                "the stack holds as much as --max-data allows, none of it processed: new events are refused"
            );
        }
        was_full = is_full;
    }
}

/// Expires events once nine tenths of the bound are in use, down to eight. Returns the bytes in use then.
async fn make_room(aws: &Aws, cells: &Cells, max: u64) -> Result<u64, String> {
    let mut held = aws.held_bytes()?;
    if held < max / 10 * 9 {
        return Ok(held);
    }
    aws.trim_streams();
    loop {
        held = aws.held_bytes()?;
        if held < max / 10 * 8 {
            return Ok(held);
        }
        let mut expired = 0;
        for cell in cells.roster().cells() {
            let table = CellNames::of(&cell).table;
            match aws.expire_oldest(&table, "status", EventStatus::Processed.as_str(), BATCH) {
                Ok(count) => expired += count,
                // It was removed meanwhile, with its table.
                Err(_) if !cells.roster().contains(&cell) => {}
                Err(error) => return Err(error),
            }
        }
        // The records of what expired.
        aws.trim_streams();
        if expired == 0 {
            return aws.held_bytes();
        }
        // Requests go first.
        tokio::task::yield_now().await;
    }
}
