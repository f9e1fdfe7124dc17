//! The values that Rust and Terraform must agree on: the settings of pipelines and cells, and the functions' timeouts.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test's helpers end the test")]

use std::path::Path;
use std::time::Duration;

use cellstack_cellctl::health::{Rules, Settings};
use cellstack_core::limits::pipeline;
use cellstack_core::{names, registry};

fn terraform(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Reads the default of an optional number, within the block that begins with `block`.
fn default(variables: &str, block: &str, name: &str) -> u64 {
    let block = &variables[variables.find(block).unwrap_or_else(|| panic!("no {block}"))..];
    let line = block.lines().find(|line| line.trim_start().starts_with(&format!("{name} ")));
    let line = line.unwrap_or_else(|| panic!("no {name} after {block}"));
    let number = line.rsplit_once(", ").and_then(|(_, rest)| rest.split(')').next()?.parse().ok());
    number.unwrap_or_else(|| panic!("no default in: {line}"))
}

#[test]
fn the_pipelines_settings() {
    let variables = terraform("variables.tf");
    let pipeline = |name| default(&variables, "variable \"pipeline\"", name);
    let seconds = |time: Duration| time.as_secs();
    assert_eq!(pipeline("stream_batch_size"), pipeline::STREAM_BATCH as u64);
    assert_eq!(pipeline("stream_retries"), u64::from(pipeline::STREAM_RETRIES));
    assert_eq!(pipeline("stream_record_age"), seconds(pipeline::STREAM_RECORD_AGE));
    assert_eq!(pipeline("queue_batch_size"), pipeline::QUEUE_BATCH as u64);
    assert_eq!(pipeline("queue_maximum_concurrency"), pipeline::QUEUE_CONCURRENCY as u64);
    assert_eq!(pipeline("queue_retention"), seconds(pipeline::QUEUE_RETENTION));
    assert_eq!(pipeline("dlq_retention"), seconds(pipeline::DLQ_RETENTION));
    assert_eq!(pipeline("max_tries"), u64::from(pipeline::MAX_TRIES));
    assert_eq!(pipeline("max_receive_count"), u64::from(pipeline::MAX_RECEIVES));
    assert_eq!(pipeline("event_timeout"), seconds(pipeline::EVENT_TIMEOUT));
    // The visibility timeout follows from two others.
    let window = pipeline("queue_batching_window");
    assert_eq!(seconds(pipeline::VISIBILITY_TIMEOUT), 6 * seconds(pipeline::CONSUMER_TIMEOUT) + window);
}

#[test]
fn the_functions_timeouts() {
    let variables = terraform("variables.tf");
    for (function, timeout) in [
        ("router = ", pipeline::ROUTER_TIMEOUT),
        ("producer = ", pipeline::PRODUCER_TIMEOUT),
        ("consumer = ", pipeline::CONSUMER_TIMEOUT),
    ] {
        assert_eq!(default(&variables, function, "timeout"), timeout.as_secs(), "{function}");
    }
}

#[test]
fn the_index_of_cells() {
    let tables = terraform("modules/control-plane/main.tf");
    let (_, index) = tables.split_once("global_secondary_index {").unwrap();
    let index = index.split_once('}').unwrap().0;
    for (name, value) in [("name", registry::CELLS), ("hash_key", registry::CELL_ID)] {
        let line = index.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        assert_eq!(line.split('"').nth(1), Some(value), "{line}");
    }
    // The roles of all programs that list cells.
    for module in ["operator", "placer", "prober"] {
        let role = terraform(&format!("modules/{module}/main.tf"));
        assert!(role.contains(&format!("registry.arn}}/index/{}", registry::CELLS)), "{module}");
    }
}

#[test]
fn the_placers_settings() {
    let variables = terraform("variables.tf");
    let of_module = terraform("modules/placer/variables.tf");
    let seconds = pipeline::PLACER_RECORD_AGE.as_secs();
    for (variables, block) in [(&variables, "variable \"first_sight\""), (&of_module, "variable \"settings\"")] {
        assert_eq!(default(variables, block, "timeout"), pipeline::PLACER_TIMEOUT.as_secs(), "{block}");
        assert_eq!(default(variables, block, "batch_size"), pipeline::PLACER_BATCH as u64, "{block}");
        assert_eq!(default(variables, block, "record_age"), seconds, "{block}");
    }
    let name = names::placement_requests("${var.stack.prefix}");
    assert!(terraform("modules/placer/main.tf").contains(&format!("name             = \"{name}\"")), "{name}");
}

#[test]
fn the_probers_rounds() {
    for file in ["variables.tf", "modules/prober/variables.tf"] {
        let variables = terraform(file);
        let block = if file == "variables.tf" { "variable \"prober\"" } else { "variable \"settings\"" };
        let prober = |name| default(&variables, block, name);
        let Rules { failures, successes, max_down } = Rules::DEFAULT;
        let found = (prober("failures"), prober("successes"), prober("max_down"));
        assert_eq!(found, (failures.into(), successes.into(), max_down.into()), "{file}");
        assert_eq!(prober("probe_timeout"), Settings::TIMEOUT.as_secs(), "{file}");
        assert_eq!(prober("timeout"), pipeline::PROBER_TIMEOUT.as_secs(), "{file}");
    }
}

#[test]
fn the_cells_of_a_local_stack() {
    let variables = terraform("variables.tf");
    let cells = |name| default(&variables, "variable \"cells\"", name);
    assert_eq!(cells("capacity"), cellstack_embedded::cells::DEFAULT_CAPACITY);
    assert_eq!(cells("weight"), cellstack_embedded::cells::DEFAULT_WEIGHT);
}
