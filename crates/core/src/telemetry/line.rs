//! A line of the log as it grows.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use tracing::field::{Field, Visit};

/// A line in one of Lambda's two formats. Of two fields with one name the first counts.
pub(super) struct Line {
    text: Text,
    names: Vec<&'static str>,
}

enum Text {
    Json(Vec<u8>),
    Plain(String),
}

impl Line {
    /// Begins a line of JSON with the members that Lambda's filter reads. A line without a valid `timestamp` or `level`
    /// counts as `INFO`, and Lambda drops it where the function's level is higher
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>).
    pub(super) fn json(timestamp: &str, level: &str) -> Self {
        let mut line = Vec::with_capacity(512);
        for part in [r#"{"timestamp":""#, timestamp, r#"","level":""#, level, "\""] {
            line.extend_from_slice(part.as_bytes());
        }
        Self { text: Text::Json(line), names: Vec::with_capacity(16) }
    }

    pub(super) fn plain(level: &str) -> Self {
        Self { text: Text::Plain(format!("{level:>5}")), names: Vec::with_capacity(16) }
    }

    /// Adds a field whose value is text.
    pub(super) fn string(&mut self, name: &'static str, value: &str) {
        if self.is_named(name) {
            return;
        }
        match &mut self.text {
            Text::Json(line) => {
                key(line, name);
                // A string always serialises, and a write to a `Vec` does not fail.
                let _ = serde_json::to_writer(line, value);
            }
            Text::Plain(line) => plain(line, name, format_args!("{value:?}")),
        }
    }

    /// Adds a field whose value reads the same in JSON and in text.
    fn value(&mut self, name: &'static str, value: fmt::Arguments<'_>) {
        if self.is_named(name) {
            return;
        }
        match &mut self.text {
            Text::Json(line) => {
                key(line, name);
                let _ = line.write_fmt(value);
            }
            Text::Plain(line) => plain(line, name, value),
        }
    }

    /// Returns whether the line has this name already, and notes it. Parsers differ on JSON that has two members of one
    /// name.
    fn is_named(&mut self, name: &'static str) -> bool {
        let known = self.names.contains(&name);
        if !known {
            self.names.push(name);
        }
        known
    }

    pub(super) fn end(self) -> Vec<u8> {
        match self.text {
            Text::Json(mut line) => {
                line.extend_from_slice(b"}\n");
                line
            }
            // Any value stays on one line.
            Text::Plain(line) => format!("{}\n", line.replace('\n', "\\n")).into_bytes(),
        }
    }
}

fn key(line: &mut Vec<u8>, name: &str) {
    line.push(b',');
    let _ = serde_json::to_writer(&mut *line, name);
    line.push(b':');
}

fn plain(line: &mut String, name: &str, value: fmt::Arguments<'_>) {
    // A write to a `String` does not fail.
    let _ = if name == "message" { write!(line, " {value}") } else { write!(line, " {name}={value}") };
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.string(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.value(field.name(), format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.value(field.name(), format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.value(field.name(), format_args!("{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.value(field.name(), format_args!("{value}"));
        } else {
            self.string(field.name(), &value.to_string());
        }
    }

    /// Writes values without a type of their own here: messages, and values that are displayed.
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match &self.text {
            Text::Json(_) => self.string(field.name(), &format!("{value:?}")),
            Text::Plain(_) => self.value(field.name(), format_args!("{value:?}")),
        }
    }
}
