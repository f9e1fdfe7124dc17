//! A line for each event, written at once. A function's log needs no more: the general registry of spans costs several
//! times the instructions, and a share of the zip.

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

use super::line::Line;
use super::spans::Spans;
use crate::event::rfc3339;

/// A subscriber that writes events as lines of JSON or text, each with the request's fields from the spans around it.
pub(super) struct Lines {
    level: LevelFilter,
    json: bool,
    spans: Spans,
    unix_ms: fn() -> u64,
    write: fn(&[u8]),
}

impl Lines {
    pub(super) fn new(level: LevelFilter, json: bool, unix_ms: fn() -> u64, write: fn(&[u8])) -> Self {
        Self { level, json, spans: Spans::default(), unix_ms, write }
    }
}

impl Subscriber for Lines {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    /// Returns whether an event's level is enabled, or whether a span has a field that lines take. A span's level does
    /// not count: a warning needs its request's id at any level of the span.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        if metadata.is_event() { *metadata.level() <= self.level } else { Spans::takes(metadata) }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // Without lines there is no need for spans.
        Some(if self.level == LevelFilter::OFF { self.level } else { self.level.max(LevelFilter::INFO) })
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.spans.open(span)
    }

    fn event(&self, event: &Event<'_>) {
        let level = event.metadata().level().as_str();
        let mut line = if self.json { Line::json(&rfc3339((self.unix_ms)()), level) } else { Line::plain(level) };
        event.record(&mut line);
        self.spans.add_to(&mut line);
        (self.write)(&line.end());
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.spans.record(span, values);
    }

    fn clone_span(&self, span: &Id) -> Id {
        self.spans.clone_handle(span);
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        self.spans.close_handle(&span)
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, span: &Id) {
        Spans::enter(span);
    }

    fn exit(&self, span: &Id) {
        Spans::exit(span);
    }
}
