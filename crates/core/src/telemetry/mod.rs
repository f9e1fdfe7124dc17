//! Logs on standard output, where Lambda collects them, in the format and level that Lambda's settings name.

mod line;
mod lines;
mod metric;
mod spans;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::level_filters::LevelFilter;

use lines::Lines;
pub use metric::count;

/// Starts logging. A function's `logging_config` sets `AWS_LAMBDA_LOG_LEVEL` and `AWS_LAMBDA_LOG_FORMAT` (`JSON` or
/// text). `RUST_LOG`, a level too, overrides the level on a developer's machine.
pub fn start() {
    let named = |name| std::env::var(name).ok().and_then(|text: String| level(&text));
    let level = named("RUST_LOG").or_else(|| named("AWS_LAMBDA_LOG_LEVEL")).unwrap_or(LevelFilter::INFO);
    let json = std::env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    // The call fails where logging was started before: the first subscriber counts.
    let first = tracing::subscriber::set_global_default(Lines::new(level, json, unix_ms, write)).is_ok();
    if first && json {
        std::panic::set_hook(Box::new(note_panic));
    }
}

/// Logs a panic. Its text on standard error would not be JSON: it would count as `INFO`, and be lost at a higher level.
fn note_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "panic: {}", panic.payload_as_str().unwrap_or_default());
}

/// Writes a line to standard output. An error has nowhere to go.
fn write(line: &[u8]) {
    // A single write keeps lines from mixing.
    let _ = io::stdout().write_all(line);
}

/// Returns the system's own time: a line's time has no influence on the program.
#[expect(clippy::disallowed_methods, reason = "log lines bear the real time")]
fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}

/// Returns a level by its name. `FATAL` is Lambda's alone; the worst level here is `ERROR`.
fn level(text: &str) -> Option<LevelFilter> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("fatal") {
        return Some(LevelFilter::ERROR);
    }
    text.parse().ok().filter(|_| !text.is_empty())
}
