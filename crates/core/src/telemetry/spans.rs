//! The spans that name the request of a line.

use crate::sync::lock;
use std::cell::RefCell;
use std::fmt;
use std::sync::{Mutex, MutexGuard};

use tracing::Metadata;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};

use super::line::Line;

/// The fields that a line takes from the spans around it: Lambda's own name for an invocation, and the subject of its
/// work.
const TAKEN: [&str; 4] = ["requestId", "function", "path", "tenant"];

/// The open spans.
#[derive(Default)]
pub(super) struct Spans(Mutex<Vec<Option<Span>>>);

#[derive(Default)]
struct Span {
    fields: Vec<(&'static str, String)>,
    /// Handles to the span in addition to the first.
    clones: usize,
}

thread_local! {
    /// The spans that this thread is in, the innermost last.
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

impl Spans {
    /// Returns whether a span has a field that a line takes.
    pub(super) fn takes(metadata: &Metadata<'_>) -> bool {
        TAKEN.iter().any(|name| metadata.fields().field(name).is_some())
    }

    pub(super) fn open(&self, attributes: &Attributes<'_>) -> Id {
        let mut span = Span::default();
        attributes.record(&mut span);
        let mut spans = self.lock();
        let free = spans.iter().position(Option::is_none);
        let at = free.unwrap_or_else(|| {
            spans.push(None);
            spans.len() - 1
        });
        spans[at] = Some(span);
        Id::from_u64(at as u64 + 1)
    }

    pub(super) fn record(&self, id: &Id, values: &Record<'_>) {
        if let Some(span) = get(&mut self.lock(), id) {
            values.record(span);
        }
    }

    pub(super) fn clone_handle(&self, id: &Id) {
        if let Some(span) = get(&mut self.lock(), id) {
            span.clones += 1;
        }
    }

    /// Returns whether it was the last handle.
    pub(super) fn close_handle(&self, id: &Id) -> bool {
        let mut spans = self.lock();
        match get(&mut spans, id) {
            Some(span) if span.clones > 0 => {
                span.clones -= 1;
                false
            }
            Some(_) => {
                spans[index(id)] = None;
                true
            }
            None => false,
        }
    }

    pub(super) fn enter(id: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(id.into_u64()));
    }

    pub(super) fn exit(id: &Id) {
        ENTERED.with_borrow_mut(|entered| {
            if let Some(at) = entered.iter().rposition(|entered| *entered == id.into_u64()) {
                entered.remove(at);
            }
        });
    }

    /// Adds the fields of the spans around a line to it; the innermost span wins.
    pub(super) fn add_to(&self, line: &mut Line) {
        ENTERED.with_borrow(|entered| {
            if entered.is_empty() {
                return;
            }
            let mut spans = self.lock();
            for id in entered.iter().rev() {
                let Some(span) = get(&mut spans, &Id::from_u64(*id)) else { continue };
                for (name, value) in &span.fields {
                    line.string(name, value);
                }
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<Span>>> {
        // A panic while the lock was held can't leave a span half written.
        lock(&self.0)
    }
}

fn index(id: &Id) -> usize {
    usize::try_from(id.into_u64() - 1).unwrap_or(usize::MAX)
}

fn get<'a>(spans: &'a mut [Option<Span>], id: &Id) -> Option<&'a mut Span> {
    spans.get_mut(index(id))?.as_mut()
}

impl Visit for Span {
    fn record_str(&mut self, field: &Field, value: &str) {
        let Some(name) = TAKEN.iter().find(|name| **name == field.name()) else { return };
        match self.fields.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => value.clone_into(known),
            None => self.fields.push((name, value.to_owned())),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if TAKEN.contains(&field.name()) {
            self.record_str(field, &format!("{value:?}"));
        }
    }
}
