//! A line for each event, written at once. It is all that a function's log needs: the general registry of spans costs
//! several times the instructions, and a share of the zip.

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

use super::line::Line;
use super::spans::Spans;
use crate::event::rfc3339;

/// Writes events as lines of JSON or text, each with what the spans around it say of its request.
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

    /// The level is that of lines. A span has one too, but a warning wants its request's id whatever level that span has.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        if metadata.is_event() { *metadata.level() <= self.level } else { Spans::takes(metadata) }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // Without a line nothing needs a span.
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
