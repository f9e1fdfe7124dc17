//! The state of the fleet: read, and shown.

use anyhow::Result;
use futures::future::join3;
use futures::stream::{self, StreamExt as _};
use serde::Serialize;

use super::moves::{Moves, UnderWay};
use super::row::Row;
use crate::cells::{self, lag};
use crate::commands::cells::strays;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::moving::PausedBy;

/// Cells whose queues are read at once.
const AT_ONCE: usize = 16;

/// The state of the fleet.
#[derive(Debug, Serialize)]
pub(super) struct Screen {
    cells: Vec<Row>,
    tenants: u64,
    placed: u64,
    capacity: u64,
    moves: Moves,
    /// The reason why no cell's lag is known.
    lag_error: Option<String>,
    /// The things that need a look.
    pub(super) notes: Vec<String>,
}

impl Screen {
    pub(super) async fn read(deployment: &Deployment, now_ms: u64) -> Result<Self> {
        let listing = cells::list(deployment).await?;
        let rows = stream::iter(&listing.cells).map(|cell| Row::read(deployment, &listing, cell)).buffered(AT_ONCE);
        let (mut cells, moves, lags): (Vec<Row>, _, _) =
            join3(rows.collect(), Moves::read(deployment), lag::read(deployment, &listing.cells)).await;
        let (lags, lag_error) = lags.map_or_else(|error| (Vec::new(), Some(format!("{error:#}"))), |lags| (lags, None));
        for (row, lag) in cells.iter_mut().zip(lags) {
            row.lag = lag;
        }
        let mut notes: Vec<String> =
            cells.iter().flat_map(|row| row.notes(deployment.prefix())).chain(strays(&listing)).collect();
        // One record that can't be read does not hide the cells.
        let moves = moves.unwrap_or_else(|failure| {
            notes.push(failure.to_string());
            Moves::default()
        });
        notes.extend(moves.under_way.iter().filter_map(|one: &UnderWay| one.note(now_ms)));
        let sum = |of: fn(&Row) -> u64| cells.iter().map(of).sum();
        let (tenants, placed) = (sum(|row| row.tenants), sum(|row| row.placed));
        Ok(Self { tenants, placed, capacity: sum(|row| row.capacity), moves, lag_error, notes, cells })
    }

    pub(super) fn print(&self, output: Output, now_ms: u64, console: &mut Console) -> Result<()> {
        if output == Output::Json {
            return console.json(self);
        }
        let header = ["cell", "status", "tenants", "load", "messages", "stream lag", "letters", "last probe", "reason"];
        let mut table = table(&header);
        for row in &self.cells {
            table.add_row(row.cells(now_ms));
        }
        console.print(table)?;
        console.say(format_args!(
            "{} cells, {} tenants, {} of a capacity of {} placed",
            self.cells.len(),
            self.tenants,
            self.placed,
            self.capacity
        ));
        if let Some(error) = &self.lag_error {
            console.say(format_args!("the ages of messages and stream records are unknown: {error}"));
        }
        match self.moves.under_way.len() {
            0 => {}
            1 => console.say("1 move is under way: cellctl moves ls --under-way"),
            count => console.say(format_args!("{count} moves are under way: cellctl moves ls --under-way")),
        }
        if let Some(PausedBy { by, at, reason }) = &self.moves.paused {
            console
                .say(format_args!("plans are paused by {by} since {at}: {reason}. cellctl moves unpause resumes them"));
        }
        for note in &self.notes {
            console.say(format_args!("look: {note}"));
        }
        Ok(())
    }
}
