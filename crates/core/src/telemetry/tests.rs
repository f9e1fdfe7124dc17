use std::cell::RefCell;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use serde_json::{Value, json};
use tracing::Instrument as _;
use tracing::level_filters::LevelFilter;

use super::level;
use super::lines::Lines;

thread_local! {
    static WRITTEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn note(line: &[u8]) {
    WRITTEN.with_borrow_mut(|written| written.push(String::from_utf8(line.to_vec()).unwrap()));
}

/// Returns the lines that are written while `work` runs.
fn written(level: LevelFilter, json: bool, work: impl FnOnce()) -> Vec<String> {
    tracing::subscriber::with_default(Lines::new(level, json, || 1_700_000_000_123, note), work);
    WRITTEN.take()
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/// Returns whether Lambda's filter of application logs lets a line pass, in JSON format
/// (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>): a line whose level or timestamp
/// is missing or invalid counts as `INFO`.
pub(super) fn passes(line: &str, configured: &str) -> bool {
    let rank = |level: &str| LEVELS.iter().position(|known| known.eq_ignore_ascii_case(level));
    let json: Value = serde_json::from_str(line).unwrap_or_default();
    let timed = json["timestamp"]
        .as_str()
        .is_some_and(|time| DateTime::from_str(time, DateTimeFormat::DateTimeWithOffset).is_ok());
    let level = json["level"].as_str().and_then(rank).filter(|_| timed);
    level.or(rank("INFO")) >= rank(configured)
}

#[test]
fn a_line_of_json_has_time_level_message_fields_and_request() {
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
    let expected = json!({
        "timestamp": "2023-11-14T22:13:20.123Z", "level": "INFO", "message": "done 1", "status": 202, "tenant": "a\"b",
        "left": -1, "ok": true, "late": "NaN", "requestId": "r-1",
    });
    assert_eq!((lines.len(), json(&lines[0])), (1, expected));
    assert!(lines[0].ends_with("}\n") && lines[0].matches('\n').count() == 1);
}

#[test]
fn a_line_of_text_reads_alike() {
    let lines = written(LevelFilter::WARN, false, || {
        let _span = tracing::info_span!("request", path = "/v1/events").entered();
        let failure = std::io::Error::other("no\nway");
        tracing::warn!(%failure, tenant = "acme", "AWS");
        tracing::info!("not this");
    });
    assert_eq!(lines, [" WARN AWS failure=no\\nway tenant=\"acme\" path=\"/v1/events\"\n"]);
}

/// C2: Lambda lets every line pass that a function's level lets be written, and at every level the line names its
/// request.
#[test]
fn lambda_lets_pass_what_is_written_and_each_line_names_its_request() {
    for (at, name) in LEVELS.iter().enumerate() {
        let lines = written(level(name).unwrap(), true, || {
            let invoke = tracing::info_span!("Lambda runtime invoke", requestId = "r-1").entered();
            let request = tracing::info_span!("request", path = "/v1/events", tenant = tracing::field::Empty);
            request.record("tenant", "acme");
            request.in_scope(|| {
                tracing::trace!("x");
                tracing::debug!("x");
                tracing::info!("x");
                tracing::warn!("x");
                tracing::error!("x");
            });
            drop(invoke);
        });
        // `FATAL` is not a level of the log.
        assert_eq!(lines.len(), if *name == "FATAL" { 1 } else { 5 - at }, "{name}");
        for line in &lines {
            assert!(passes(line, name) || *name == "FATAL", "{name}: {line}");
            let line = json(line);
            let about = [&line["requestId"], &line["path"], &line["tenant"]];
            assert_eq!(about, ["r-1", "/v1/events", "acme"], "{name}");
        }
    }
    assert!(written(LevelFilter::OFF, true, || tracing::error!("x")).is_empty());
}

#[test]
fn the_filter_here_is_lambdas() {
    let time = r#""timestamp":"2026-01-01T00:00:00.000Z""#;
    let line = |fields: &str| format!("{{{fields}}}");
    assert!(passes(&line(&format!(r#"{time},"level":"error""#)), "ERROR"));
    for info in [format!(r#"{time},"level":"LOUD""#), r#""level":"ERROR""#.to_owned(), time.to_owned(), String::new()] {
        assert!(passes(&line(&info), "INFO") && !passes(&line(&info), "WARN"), "{info}");
    }
    assert!(!passes("no JSON", "WARN"));
}

#[test]
fn a_name_is_written_once_and_the_innermost_has_the_say() {
    let lines = written(LevelFilter::INFO, true, || {
        let _outer = tracing::info_span!("outer", requestId = "r-1", tenant = "outer").entered();
        let _other = tracing::info_span!("other", x = 1).entered();
        let _inner = tracing::info_span!("inner", requestId = "r-2", function = %"f").entered();
        tracing::info!(tenant = "own", "x");
    });
    for name in ["requestId", "tenant", "function"] {
        assert_eq!(lines[0].matches(name).count(), 1, "{}", lines[0]);
    }
    let line = json(&lines[0]);
    assert_eq!(
        [&line["requestId"], &line["tenant"], &line["function"], &line["x"]],
        [&json!("r-2"), &json!("own"), &json!("f"), &Value::Null]
    );
}

#[tokio::test]
async fn requests_at_the_same_time_keep_their_names_apart() {
    let _guard = tracing::subscriber::set_default(Lines::new(LevelFilter::INFO, true, || 0, note));
    let request = |id: &'static str| {
        async move {
            for _ in 0..3 {
                tokio::task::yield_now().await;
                tracing::info!(id);
            }
        }
        .instrument(tracing::info_span!("request", requestId = id))
    };
    for _ in 0..2 {
        tokio::join!(request("r-1"), request("r-2"));
    }
    tracing::info!("outside");
    let lines = WRITTEN.take();
    assert_eq!(lines.len(), 13);
    for line in lines.iter().map(|line| json(line)) {
        assert_eq!(line["requestId"], line["id"], "{line}");
    }
}

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
