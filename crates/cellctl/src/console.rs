//! The output of data and of messages.

use std::io::{IsTerminal as _, Write};

use anyhow::Result;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Attribute, Cell, ContentArrangement, Table};
use serde::Serialize;

/// The shape of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Standard output and standard error, or a test's buffers.
pub struct Console {
    data: Box<dyn Write + Send>,
    talk: Box<dyn Write + Send>,
    terminal: bool,
}

impl Console {
    /// Returns the console of the process.
    #[must_use]
    pub fn standard() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { data: Box::new(std::io::stdout()), talk: Box::new(std::io::stderr()), terminal }
    }

    /// Makes a console that writes data and messages elsewhere, without a progress bar.
    #[must_use]
    pub fn new(data: impl Write + Send + 'static, talk: impl Write + Send + 'static) -> Self {
        Self { data: Box::new(data), talk: Box::new(talk), terminal: false }
    }

    /// Returns whether the console is a terminal.
    pub(crate) const fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Prints data.
    ///
    /// # Errors
    /// Fails if the data can't be written: a purge must not go on if nobody receives the letters that it deletes.
    pub(crate) fn print(&mut self, text: impl std::fmt::Display) -> Result<()> {
        writeln!(self.data, "{text}")?;
        Ok(self.data.flush()?)
    }

    /// Prints a table that has rows. Where it has none, a message of the caller's says why.
    pub(crate) fn rows(&mut self, table: &Table) -> Result<()> {
        if table.is_empty() { Ok(()) } else { self.print(table) }
    }

    /// Returns the writer of data, for output that is longer than memory.
    pub(crate) fn data(&mut self) -> &mut (dyn Write + Send) {
        &mut self.data
    }

    /// Clears the screen, so that what is printed next stands in place of what was. Elsewhere than on a terminal it does
    /// nothing.
    pub(crate) fn clear(&mut self) -> Result<()> {
        if self.terminal {
            // ECMA-48: the cursor to the top left, and erase from there on.
            write!(self.data, "\x1b[H\x1b[J")?;
        }
        Ok(())
    }

    /// Prints data for programs.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        self.print(text)
    }

    /// Prints a message. A reader that went away is not an error.
    pub(crate) fn say(&mut self, text: impl std::fmt::Display) {
        let _ = writeln!(self.talk, "{text}");
    }
}

/// Makes an empty table.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
    table
}

/// Returns `1 letter`, `2 letters` and so on.
pub(crate) fn dead_letters(count: usize) -> String {
    if count == 1 { "1 letter".to_owned() } else { format!("{count} letters") }
}
