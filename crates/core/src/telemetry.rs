//! Logs: as Lambda's own settings say, to standard output, where Lambda collects them.

use tracing_subscriber::EnvFilter;

/// Starts logging. `AWS_LAMBDA_LOG_LEVEL` and `AWS_LAMBDA_LOG_FORMAT` (`JSON` or text) are what a function's
/// `logging_config` sets; `RUST_LOG` overrides the level for one's own machine.
pub fn start() {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").unwrap_or_else(|_| "info".to_owned());
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let json = std::env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    // Lambda stamps each line itself.
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_target(false).without_time().with_ansi(false);
    if json {
        builder.json().flatten_event(true).init();
    } else {
        builder.init();
    }
}
