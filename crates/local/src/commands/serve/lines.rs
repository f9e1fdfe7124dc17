//! Activity as lines on standard error.

use std::io::{IsTerminal as _, Write as _};

use cellstack_core::event::rfc3339;
use cellstack_core::{Clock as _, EventStatus, SystemClock};
use cellstack_embedded::activity::{Activity, Exchange, Happening, Subject};
use cellstack_embedded::cells::Change as Cell;
use cellstack_embedded::faults::{Change, Changed};

use crate::commands::duration;
use crate::commands::fault::describe;

/// A writer of activity to standard error.
#[derive(Clone)]
pub(super) struct Lines {
    verbose: bool,
    color: bool,
    clock: SystemClock,
}

/// A line's first word, and whether it is good news.
type Head = (&'static str, Tone);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tone {
    Plain,
    Good,
    Bad,
}

impl Lines {
    pub(super) fn new(verbose: bool) -> Self {
        let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { verbose, color, clock: SystemClock::new() }
    }

    /// Writes a line to standard error. A reader that went away is not our error.
    #[expect(clippy::unused_self, reason = "the one place that writes")]
    pub(super) fn say(&self, text: impl std::fmt::Display) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    /// Writes a line for each happening, until the stack is gone.
    pub(super) async fn follow(self, mut activity: Activity) {
        while let Some(happening) = activity.next().await {
            if let Some((head, rest)) = self.line(&happening) {
                self.say(format_args!("{}  {}  {rest}", self.time(), self.paint(head)));
            }
        }
    }

    fn time(&self) -> String {
        // The hours to the milliseconds of 2026-01-01T00:00:00.000Z.
        rfc3339(self.clock.wall_ms()).get(11..23).unwrap_or_default().to_owned()
    }

    fn paint(&self, (word, tone): Head) -> String {
        match tone {
            Tone::Good if self.color => format!("\x1b[32m{word:<13}\x1b[0m"),
            Tone::Bad if self.color => format!("\x1b[31m{word:<13}\x1b[0m"),
            _ => format!("{word:<13}"),
        }
    }

    /// Returns a line without its time; `None` for a happening that only `--verbose` shows.
    fn line(&self, happening: &Happening) -> Option<(Head, String)> {
        Some(match happening {
            Happening::Responded(exchange) => return self.responded(exchange),
            Happening::Accepted { subject, event_type, status, request, repeated } => {
                let word = match (repeated, status) {
                    (true, _) => "repeated",
                    (_, EventStatus::Held) => "held",
                    _ => "accepted",
                };
                let by = request
                    .as_ref()
                    .map_or_else(|| "not through this function URL".to_owned(), |request| format!("request {request}"));
                ((word, Tone::Plain), format!("{}  {event_type}  {by}", show(subject)))
            }
            Happening::Published(subject) => (("published", Tone::Plain), show(subject)),
            Happening::Delivered(_, 1) if !self.verbose => return None,
            Happening::Delivered(subject, 1) => (("delivered", Tone::Plain), show(subject)),
            Happening::Delivered(subject, times) => {
                (("delivered", Tone::Plain), format!("{}  again, try {times}", show(subject)))
            }
            Happening::Settled { subject, event_type, status, took, error } => {
                let tone = match status {
                    EventStatus::Processed => Tone::Good,
                    EventStatus::Failed => Tone::Bad,
                    _ => Tone::Plain,
                };
                let mut rest = format!("{}  {event_type}", show(subject));
                if let Some(took) = took {
                    rest.push_str(&format!("  {} ms", took.as_millis()));
                }
                if let Some(error) = error {
                    rest.push_str("  ");
                    rest.push_str(error);
                }
                // Its letter was redriven: back to where it began.
                let word = if *status == EventStatus::Accepted { "redriven" } else { status.as_str() };
                ((word, tone), rest)
            }
            Happening::DeadLetter { queue, letter } => {
                let tenant = letter.tenant.as_ref().map_or("-", |tenant| tenant.as_str());
                let event = letter.event.map_or_else(|| "-".to_owned(), |event| event.to_string());
                let tries =
                    if letter.attempts == 1 { "1 try".to_owned() } else { format!("{} tries", letter.attempts) };
                let rest = format!(
                    "{tenant:<8}  {:<6}  {event}  {} after {tries}, in {queue}: {}",
                    letter.cell.as_str(),
                    letter.reason,
                    letter.detail
                );
                (("dead letter", Tone::Bad), rest)
            }
            Happening::FunctionFailed { function, error } => (("function", Tone::Bad), format!("{function}: {error}")),
            Happening::Fault(change) => return Some(fault(change)),
            Happening::Cell(Cell::Added(cell)) => (("cell", Tone::Plain), format!("{:<6}  added", cell.as_str())),
            Happening::Cell(Cell::Removed(cell)) => (("cell", Tone::Plain), format!("{:<6}  removed", cell.as_str())),
            Happening::Missed(count) => (
                ("missed", Tone::Plain),
                format!("{count} happenings came faster than they could be shown; -q shows none"),
            ),
        })
    }

    fn responded(&self, exchange: &Exchange) -> Option<(Head, String)> {
        let is_problem = exchange.status >= 400;
        if !is_problem && !self.verbose {
            return None;
        }
        let tenant = exchange.tenant.as_deref().unwrap_or("-");
        let cell = exchange.cell.as_deref().unwrap_or("-");
        let mut rest = format!("{tenant:<8}  {cell:<6}  {} {}", exchange.status, exchange.call);
        if let Some(id) = &exchange.request_id {
            rest.push_str(&format!("  request {id}"));
        }
        if is_problem {
            let kind = exchange.said.r#type.as_deref().unwrap_or_default();
            let kind = kind.strip_prefix("urn:cellstack:problem:").unwrap_or(kind);
            rest.push_str(&format!("  {kind}: {}", exchange.said.detail.as_deref().unwrap_or("no detail")));
            Some((("problem", Tone::Bad), rest))
        } else {
            rest.push_str(&format!("  {:.1} ms", exchange.took.as_secs_f64() * 1e3));
            Some((("responded", Tone::Plain), rest))
        }
    }
}

fn fault(Change { fault, changed }: &Change) -> (Head, String) {
    let (tone, changed) = match changed {
        Changed::Added => (Tone::Bad, "added"),
        Changed::Cleared => (Tone::Good, "cleared"),
        Changed::Ended => (Tone::Good, "ended"),
    };
    let id = fault.id;
    let until = match fault.order.for_ms {
        Some(ms) if tone == Tone::Bad => format!("fault {id}, for {}", duration::show(ms)),
        None if tone == Tone::Bad => format!("fault {id}, until it is cleared"),
        _ => format!("fault {id}, {} calls hit", fault.hits),
    };
    (("fault", tone), format!("{}  {changed}  {until}", describe(fault)))
}

fn show(Subject { tenant, cell, event }: &Subject) -> String {
    format!("{tenant:<8}  {cell:<6}  {event}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ID: &str = "019b76da-a800-7000-8000-000000000004";

    fn line(happening: &Happening, verbose: bool) -> Option<String> {
        let lines = Lines { verbose, color: false, clock: SystemClock::new() };
        lines.line(happening).map(|(head, rest)| format!("{}  {rest}", lines.paint(head)))
    }

    fn subject() -> Subject {
        Subject { tenant: "acme".to_owned(), cell: "alpha".to_owned(), event: ID.parse().unwrap() }
    }

    fn settled(status: EventStatus, error: Option<&str>) -> Happening {
        let (event_type, took) = ("order.placed".to_owned(), Some(Duration::from_millis(9)));
        Happening::Settled { subject: subject(), event_type, status, took, error: error.map(ToOwned::to_owned) }
    }

    #[test]
    fn each_step_is_a_line_with_tenant_cell_and_event() {
        let accepted = |request: Option<&str>, repeated| Happening::Accepted {
            subject: subject(),
            event_type: "order.placed".to_owned(),
            status: EventStatus::Accepted,
            request: request.map(ToOwned::to_owned),
            repeated,
        };
        for (happening, expected) in [
            (accepted(Some("r-1"), false), format!("accepted       acme      alpha   {ID}  order.placed  request r-1")),
            (accepted(Some("r-2"), true), format!("repeated       acme      alpha   {ID}  order.placed  request r-2")),
            (
                accepted(None, false),
                format!("accepted       acme      alpha   {ID}  order.placed  not through this function URL"),
            ),
            (Happening::Published(subject()), format!("published      acme      alpha   {ID}")),
            (Happening::Delivered(subject(), 2), format!("delivered      acme      alpha   {ID}  again, try 2")),
            (
                settled(EventStatus::Processed, None),
                format!("processed      acme      alpha   {ID}  order.placed  9 ms"),
            ),
            (
                settled(EventStatus::Failed, Some("no data")),
                format!("failed         acme      alpha   {ID}  order.placed  9 ms  no data"),
            ),
            (
                settled(EventStatus::Accepted, None),
                format!("redriven       acme      alpha   {ID}  order.placed  9 ms"),
            ),
        ] {
            assert_eq!(line(&happening, false), Some(expected));
        }
        assert_eq!(line(&Happening::Delivered(subject(), 1), false), None);
        assert!(line(&Happening::Delivered(subject(), 1), true).is_some());
    }
}
