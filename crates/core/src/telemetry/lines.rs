//! A line for each event, written at once. It is all that a function's log needs: the general registry of spans costs
//! several times the instructions, and a share of the zip.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

/// The field by which the span of an invocation is known, and what a line calls it too: Lambda's own name for it.
const REQUEST_ID: &str = "requestId";

/// Writes events as lines of JSON or text, each with the request id of its invocation. A function's environment has one
/// invocation at a time, so the last span that named one is the one that an event belongs to.
pub(super) struct Lines {
    level: LevelFilter,
    json: bool,
    request_id: Mutex<String>,
    write: fn(&[u8]),
}

impl Lines {
    pub(super) const fn new(level: LevelFilter, json: bool, write: fn(&[u8])) -> Self {
        Self { level, json, request_id: Mutex::new(String::new()), write }
    }

    fn line(&self, event: &Event<'_>, request_id: &str) -> Vec<u8> {
        let level = *event.metadata().level();
        let mut line = if self.json { Line::json(level) } else { Line::text(level) };
        event.record(&mut line);
        if !request_id.is_empty() {
            line.string(REQUEST_ID, request_id);
        }
        line.end()
    }
}

impl Subscriber for Lines {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level && (metadata.is_event() || metadata.fields().field(REQUEST_ID).is_some())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut request_id = self.request_id.lock().unwrap_or_else(PoisonError::into_inner);
        span.record(&mut RequestId(&mut request_id));
        // Nothing is kept of a span but this, so one id serves all.
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let request_id = self.request_id.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (self.write)(&self.line(event, &request_id));
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Takes an invocation's request id from its span.
struct RequestId<'a>(&'a mut String);

impl Visit for RequestId<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == REQUEST_ID {
            value.clone_into(self.0);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// A line as it grows.
enum Line {
    Json(Vec<u8>),
    Text(String),
}

impl Line {
    fn json(level: Level) -> Self {
        let mut line = Vec::with_capacity(512);
        line.extend_from_slice(br#"{"level":""#);
        line.extend_from_slice(level.as_str().as_bytes());
        line.push(b'"');
        Self::Json(line)
    }

    fn text(level: Level) -> Self {
        Self::Text(format!("{level:>5}"))
    }

    /// A field whose value is text.
    fn string(&mut self, name: &str, value: &str) {
        match self {
            Self::Json(line) => {
                key(line, name);
                // A string is always JSON, and a Vec takes everything.
                let _ = serde_json::to_writer(line, value);
            }
            Self::Text(_) => self.plain(name, format_args!("{value:?}")),
        }
    }

    /// A field whose value reads the same in JSON and in text.
    fn plain(&mut self, name: &str, value: fmt::Arguments<'_>) {
        // Neither a Vec nor a String refuses.
        let _ = match self {
            Self::Json(line) => {
                key(line, name);
                line.write_fmt(value).is_ok()
            }
            Self::Text(line) if name == "message" => write!(line, " {value}").is_ok(),
            Self::Text(line) => write!(line, " {name}={value}").is_ok(),
        };
    }

    fn end(self) -> Vec<u8> {
        match self {
            Self::Json(mut line) => {
                line.extend_from_slice(b"}\n");
                line
            }
            // A line is a line, whatever a value holds.
            Self::Text(line) => format!("{}\n", line.replace('\n', "\\n")).into_bytes(),
        }
    }
}

fn key(line: &mut Vec<u8>, name: &str) {
    line.push(b',');
    let _ = serde_json::to_writer(&mut *line, name);
    line.push(b':');
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.string(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field.name(), format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field.name(), format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field.name(), format_args!("{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.plain(field.name(), format_args!("{value}"));
        } else {
            self.string(field.name(), &value.to_string());
        }
    }

    /// What has no type of its own here: messages, and values that are displayed.
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match self {
            Self::Json(_) => self.string(field.name(), &format!("{value:?}")),
            Self::Text(_) => self.plain(field.name(), format_args!("{value:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    thread_local! {
        static WRITTEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    fn note(line: &[u8]) {
        WRITTEN.with_borrow_mut(|written| written.push(String::from_utf8(line.to_vec()).unwrap()));
    }

    /// What is written while `work` runs.
    fn written(level: LevelFilter, json: bool, work: impl FnOnce()) -> Vec<String> {
        tracing::subscriber::with_default(Lines::new(level, json, note), work);
        WRITTEN.take()
    }

    #[test]
    fn a_line_of_json_has_level_message_fields_and_request() {
        let lines = written(LevelFilter::INFO, true, || {
            let span = tracing::info_span!("Lambda runtime invoke", requestId = "r-1", xrayTraceId = "t");
            span.in_scope(|| {
                let cell: Option<&str> = None;
                tracing::info!(
                    status = 202_u16,
                    tenant = "a\"b",
                    cell,
                    left = -1,
                    ok = true,
                    late = f64::NAN,
                    "done {}",
                    1
                );
                tracing::debug!("not this");
            });
        });
        let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        let expected = serde_json::json!({"level": "INFO", "message": "done 1", "status": 202, "tenant": "a\"b", "left": -1, "ok": true, "late": "NaN", "requestId": "r-1"});
        assert_eq!((lines.len(), line), (1, expected));
        assert!(lines[0].ends_with("}\n") && lines[0].matches('\n').count() == 1);
    }

    #[test]
    fn a_line_of_text_reads_alike() {
        let lines = written(LevelFilter::WARN, false, || {
            let failure = std::io::Error::other("no\nway");
            tracing::warn!(%failure, tenant = "acme", "AWS");
            tracing::info!("not this");
        });
        assert_eq!(lines, ["WARN AWS failure=no\\nway tenant=\"acme\"\n".replacen("WARN", " WARN", 1)]);
    }

    #[test]
    fn an_invocation_takes_the_place_of_the_one_before() {
        let lines = written(LevelFilter::INFO, true, || {
            for id in ["r-1", "r-2"] {
                let _span = tracing::info_span!("Lambda runtime invoke", requestId = id).entered();
                tracing::info!("x");
            }
            // A span that names no request changes nothing.
            let _span = tracing::info_span!("other", x = 1).entered();
            tracing::info!("y");
        });
        let ids: Vec<bool> = lines.iter().zip(["r-1", "r-2", "r-2"]).map(|(line, id)| line.contains(id)).collect();
        assert_eq!(ids, [true; 3]);
    }
}
