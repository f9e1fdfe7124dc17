//! Logs: as Lambda's own settings say, to standard output, where Lambda collects them.

mod lines;

use std::io::{self, Write};

use tracing::level_filters::LevelFilter;

use lines::Lines;

/// Starts logging. `AWS_LAMBDA_LOG_LEVEL` and `AWS_LAMBDA_LOG_FORMAT` (`JSON` or text) are what a function's
/// `logging_config` sets; `RUST_LOG`, a level too, overrides the level for one's own machine.
pub fn start() {
    let named = |name| std::env::var(name).ok().and_then(|text: String| level(&text));
    let level = named("RUST_LOG").or_else(|| named("AWS_LAMBDA_LOG_LEVEL")).unwrap_or(LevelFilter::INFO);
    let json = std::env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    // It fails where logging was started before: the first one counts.
    let _ = tracing::subscriber::set_global_default(Lines::new(level, json, write));
}

/// Standard output can't be told that it fails.
fn write(line: &[u8]) {
    let _ = io::stdout().write_all(line);
}

/// A level by its name. `FATAL` is Lambda's alone; the worst of ours is `ERROR`.
fn level(text: &str) -> Option<LevelFilter> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("fatal") {
        return Some(LevelFilter::ERROR);
    }
    text.parse().ok().filter(|_| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambdas_levels_and_rusts_are_understood_and_nothing_else() {
        for name in ["TRACE", "debug", "Info", " warn ", "ERROR", "off"] {
            assert!(level(name).is_some(), "{name}");
        }
        assert_eq!(level("FATAL"), Some(LevelFilter::ERROR));
        for name in ["", "loud", "cellstack_core=debug"] {
            assert_eq!(level(name), None, "{name}");
        }
    }
}
