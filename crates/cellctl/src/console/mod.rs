//! The output of data and of messages.
//!
//! A terminal obeys control characters, and letters, reasons and errors may hold any. Tables and messages show them in an
//! escaped form; JSON stays as it is.

pub(crate) mod progress;

use std::fmt;
use std::io::{self, IsTerminal as _, Write};

use anyhow::Result;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Attribute, Cell, ContentArrangement, Row, Table};
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
    /// Fails if the data can't be written: a purge must not continue if nobody receives the letters that it deletes.
    pub(crate) fn print(&mut self, data: impl Data) -> Result<()> {
        data.write(&mut self.data)?;
        Ok(self.data.flush()?)
    }

    /// Prints a table that has rows. Where it has none, a message of the caller's says why.
    pub(crate) fn rows(&mut self, table: &Table) -> Result<()> {
        if table.is_empty() { Ok(()) } else { self.print(table.clone()) }
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

    /// Prints the error that ended a command.
    pub fn fail(&mut self, error: &anyhow::Error) {
        self.say(format_args!("error: {error:#}"));
    }

    /// Prints a message. A reader that went away is not an error.
    pub(crate) fn say(&mut self, text: impl fmt::Display) {
        let _ = writeln!(self.talk, "{}", escaped(&text.to_string()));
    }
}

/// Data in a form that may be printed.
pub(crate) trait Data {
    /// Writes the data and the end of their line.
    ///
    /// # Errors
    /// Fails if they can't be written.
    fn write(self, to: &mut impl Write) -> io::Result<()>;
}

/// JSON, as it is.
impl Data for String {
    fn write(self, to: &mut impl Write) -> io::Result<()> {
        writeln!(to, "{self}")
    }
}

/// Text for people, escaped.
impl Data for fmt::Arguments<'_> {
    fn write(self, to: &mut impl Write) -> io::Result<()> {
        writeln!(to, "{}", escaped(&self.to_string()))
    }
}

/// A table, its cells escaped. Rows have no style; that of the header is added when the table is written.
impl Data for Table {
    fn write(mut self, to: &mut impl Write) -> io::Result<()> {
        for row in self.row_iter_mut() {
            *row = Row::from(row.cell_iter().map(|cell| escaped(&cell.content())).collect::<Vec<_>>());
        }
        writeln!(to, "{self}")
    }
}

/// Returns the text with its control characters, but for ends of lines, in an escaped form.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() && char != '\n' {
            shown.extend(char.escape_default());
        } else {
            shown.push(char);
        }
    }
    shown
}

/// Makes an empty table.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().map(|name| Cell::new(escaped(name)).add_attribute(Attribute::Bold)));
    table
}

/// Returns `1 letter`, `2 letters` and so on.
pub(crate) fn dead_letters(count: usize) -> String {
    if count == 1 { "1 letter".to_owned() } else { format!("{count} letters") }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A writer whose text can be read.
    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Buffer {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    /// Sets the title of a terminal.
    const TITLE: &str = "\u{1b}]0;x\u{7}";
    const SHOWN: &str = "\\u{1b}]0;x\\u{7}";

    #[test]
    fn a_terminal_gets_no_control_characters_of_others() {
        let (data, talk) = (Buffer::default(), Buffer::default());
        let mut console = Console::new(data.clone(), talk.clone());
        console.say(format_args!("one\n{TITLE}\u{9b}2J\ttwo\r"));
        assert_eq!(talk.text(), format!("one\n{SHOWN}\\u{{9b}}2J\\ttwo\\r\n"));

        let mut rows = table(&["name", TITLE]);
        // The header is bold on a terminal.
        rows.force_no_tty();
        rows.add_row(["acme", TITLE]);
        rows.add_row(["first\nsecond", "é ┆ fine"]);
        console.rows(&rows).unwrap();
        console.print(rows).unwrap();
        console.print(format_args!("{TITLE}")).unwrap();
        let text = data.text();
        assert_eq!(text.matches(SHOWN).count(), 5, "{text}");
        assert_eq!(text.chars().find(|char| char.is_control() && *char != '\n'), None, "{text}");
        assert!(text.contains("first") && text.contains("é ┆ fine"), "{text}");
    }

    #[test]
    fn json_stays_as_it_is() {
        let data = Buffer::default();
        let mut console = Console::new(data.clone(), Buffer::default());
        console.json(&["\u{1b}\u{7f}é"]).unwrap();
        console.print("[\"\\u001b\u{7f}\"]".to_owned()).unwrap();
        assert_eq!(data.text(), "[\n  \"\\u001b\u{7f}é\"\n]\n[\"\\u001b\u{7f}\"]\n");
    }
}
