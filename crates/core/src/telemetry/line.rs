//! A line of the log as it grows.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use tracing::field::{Field, Visit};

/// A line in one of Lambda's two formats. A field's name is written once, by whoever is first.
pub(super) struct Line {
    text: Text,
    names: Vec<&'static str>,
}

enum Text {
    Json(Vec<u8>),
    Plain(String),
}

impl Line {
    /// A line of JSON. It begins with what Lambda's filter wants: a line without a valid `timestamp` or `level` counts as
    /// `INFO`, and is dropped where the function's level is higher
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

    /// A field whose value is text.
    pub(super) fn string(&mut self, name: &'static str, value: &str) {
        if self.is_named(name) {
            return;
        }
        match &mut self.text {
            Text::Json(line) => {
                key(line, name);
                // A string is always JSON, and a Vec takes everything.
                let _ = serde_json::to_writer(line, value);
            }
            Text::Plain(line) => plain(line, name, format_args!("{value:?}")),
        }
    }

    /// A field whose value reads the same in JSON and in text.
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

    /// Two members of one name are no JSON that others read alike.
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
            // A line is a line, whatever a value holds.
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
    // A String takes everything.
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

    /// Writes what has no type of its own here: messages, and values that are displayed.
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match &self.text {
            Text::Json(_) => self.string(field.name(), &format!("{value:?}")),
            Text::Plain(_) => self.value(field.name(), format_args!("{value:?}")),
        }
    }
}
