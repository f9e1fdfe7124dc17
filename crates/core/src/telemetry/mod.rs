//! Logs: as Lambda's own settings say, to standard output, where Lambda collects them.

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

/// Starts logging. `AWS_LAMBDA_LOG_LEVEL` and `AWS_LAMBDA_LOG_FORMAT` (`JSON` or text) are what a function's
/// `logging_config` sets; `RUST_LOG`, a level too, overrides the level for one's own machine.
pub fn start() {
    let named = |name| std::env::var(name).ok().and_then(|text: String| level(&text));
    let level = named("RUST_LOG").or_else(|| named("AWS_LAMBDA_LOG_LEVEL")).unwrap_or(LevelFilter::INFO);
    let json = std::env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    // It fails where logging was started before: the first one counts.
    let first = tracing::subscriber::set_global_default(Lines::new(level, json, unix_ms, write)).is_ok();
    if first && json {
        std::panic::set_hook(Box::new(note_panic));
    }
}

/// Logs a panic. Its text on standard error would be no JSON, so `INFO` to Lambda, and lost at a higher level.
fn note_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "panic: {}", panic.payload_as_str().unwrap_or_default());
}

/// Standard output can't be told that it fails.
fn write(line: &[u8]) {
    // One write, so that lines can't mix.
    let _ = io::stdout().write_all(line);
}

/// The system's own time: that of a line is no part of what a program does.
#[expect(clippy::disallowed_methods, reason = "log lines bear the real time")]
fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}

/// A level by its name. `FATAL` is Lambda's alone; the worst of ours is `ERROR`.
fn level(text: &str) -> Option<LevelFilter> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("fatal") {
        return Some(LevelFilter::ERROR);
    }
    text.parse().ok().filter(|_| !text.is_empty())
}
