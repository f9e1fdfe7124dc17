//! `cargo bench -p cellstack-local --bench moves [-- MOVES [EVENTS]]`: a tenant of 100,000 events, or so many, is moved to another cell
//! over a served stack, once or so many times there and back in turn, while a caller writes 500 events per second and sends each
//! again until it is accepted. Prints how long each move took and how long writes waited; ends with an error unless each accepted
//! event is there once and the total is exact.
//!
//! A move takes seven minutes and more. `cargo test` moves nothing: it checks the caller and the count.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

mod http;
mod served;

use std::collections::BTreeSet;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use cellstack_cellctl::{Cli, Completion, Console, Deployment};
use clap::Parser as _;
use http::{connect, exchange};
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, StatusCode};
use serde_json::Value;
use served::{Served, extent, is_bench};

const TENANT: &str = "tenant-1";
const CONNECTIONS: usize = 64;
/// Events that the caller writes per second. One that waits does not delay the others.
const RATE: u64 = 500;
/// One event in so many is sent once more after it was accepted.
const REPEATED: u64 = 10;
/// Pause before an event that was not accepted is sent again.
const AGAIN: Duration = Duration::from_millis(100);
/// The bound of the stack, where events that expire end the run with an error: ten moves come to a third of it.
const MAX_DATA: &str = "16G";
/// A time limit longer than any normal wait: a run that is stuck must end.
const PATIENCE: Duration = Duration::from_secs(300);

/// Events that the tenant has before it moves.
static EVENTS: LazyLock<usize> = LazyLock::new(|| extent(number(1).unwrap_or(100_000)));
/// Moves, there and back in turn.
static MOVES: LazyLock<usize> = LazyLock::new(|| if is_bench() { number(0).unwrap_or(1) } else { 0 });

fn main() -> Result<()> {
    let (server, url) = Served::start(1, &["--max-data", MAX_DATA])?;
    let measured = tokio::runtime::Runtime::new()?.block_on(measure(&server, url));
    let peak = server.peak_memory_mib();
    measured?;
    println!("peak memory of the stack   {}", peak.map_or_else(|| "unknown".to_owned(), |mib| format!("{mib} MiB")));
    Ok(())
}

/// Returns one of the numbers that the command line ends with.
fn number(at: usize) -> Option<usize> {
    std::env::args().filter_map(|argument| argument.parse().ok()).nth(at)
}

/// A caller of one tenant.
#[derive(Default)]
struct Caller {
    next: AtomicU64,
    ends: AtomicBool,
    sum: AtomicU64,
    /// Responses 5xx. Each is cured by sending the event again, or the run fails.
    refused: AtomicU64,
    /// The ids of accepted events.
    accepted: Mutex<BTreeSet<String>>,
    /// When each event was accepted, and after how many seconds since it was due.
    waits: Mutex<Vec<(Instant, f64)>>,
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
async fn measure(server: &Served, url: SocketAddr) -> Result<()> {
    let caller = Arc::new(Caller::default());
    let begun = Instant::now();
    let load = (0..CONNECTIONS).map(|_| tokio::spawn(load(Arc::clone(&caller), url))).collect::<Vec<_>>();
    for task in load {
        task.await??;
    }
    println!("events                     {} before the first move, in {:.0} s", *EVENTS, begun.elapsed().as_secs_f64());
    let (begun, before) = (Instant::now(), *EVENTS as u64);
    caller.next.store(before, Ordering::Relaxed);
    let writers = (0..CONNECTIONS).map(|_| tokio::spawn(write(Arc::clone(&caller), url, begun)));
    let writers = writers.collect::<Vec<_>>();
    let mut pauses = Vec::new();
    for number in 0..*MOVES {
        pauses.push(one_move(server, &caller, number).await?);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    caller.ends.store(true, Ordering::Relaxed);
    for task in writers {
        task.await??;
    }
    let (seconds, written) = (begun.elapsed().as_secs_f64(), caller.next.load(Ordering::Relaxed) - before);
    println!("written                    {written} events, {:.0} per second", written as f64 / seconds);
    let (p99, longest) = waits(&caller, begun);
    println!("wait of a write            {p99:.3} / {longest:.2} s (p99 / longest)");
    println!("5xx, cured by a repeat     {}", caller.refused.load(Ordering::Relaxed));
    pauses.sort_by(f64::total_cmp);
    if let [.., longest] = pauses[..] {
        println!("pause of a move            {:.2} / {longest:.2} s (median / longest)", pauses[pauses.len() / 2]);
    }
    let cell = status(server).await?["cell"].as_str().unwrap_or_default().to_owned();
    all_is_there(server, &caller, &cell, url).await?;
    println!(
        "all                        {} events once in {cell}, processed, total exact",
        lock(&caller.accepted).len()
    );
    Ok(())
}

/// Sends the events that are there before.
async fn load(caller: Arc<Caller>, url: SocketAddr) -> Result<()> {
    let mut connection = connect(url).await?;
    loop {
        let number = caller.next.fetch_add(1, Ordering::Relaxed);
        if number >= *EVENTS as u64 {
            return Ok(());
        }
        caller.send(&mut connection, url, number).await?;
    }
}

/// Sends events at their times until it is to stop.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
async fn write(caller: Arc<Caller>, url: SocketAddr, begun: Instant) -> Result<()> {
    let mut connection = connect(url).await?;
    while !caller.ends.load(Ordering::Relaxed) {
        let number = caller.next.fetch_add(1, Ordering::Relaxed);
        let due = begun + Duration::from_micros((number - *EVENTS as u64) * 1_000_000 / RATE);
        tokio::time::sleep_until(due.into()).await;
        let id = caller.send(&mut connection, url, number).await?;
        lock(&caller.waits).push((Instant::now(), due.elapsed().as_secs_f64()));
        if number.is_multiple_of(REPEATED) {
            let again = caller.send(&mut connection, url, number).await?;
            ensure!(id == again, "event {number} was {id} and is {again} when it is repeated");
        }
    }
    Ok(())
}

impl Caller {
    /// Sends an event under its name until it is accepted. Returns its id.
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
    async fn send(&self, connection: &mut SendRequest<Full<Bytes>>, url: SocketAddr, number: u64) -> Result<String> {
        let begun = Instant::now();
        loop {
            let request = Request::post("/v1/events")
                .header("host", url.to_string())
                .header("content-type", "application/json")
                .header("idempotency-key", number.to_string())
                .header("x-tenant-id", TENANT)
                .body(Full::from(format!(r#"{{"type":"bench","data":{{"amount":{}}}}}"#, number % 97)))?;
            let (status, body) = exchange(connection, request).await?;
            if status == StatusCode::ACCEPTED {
                let body: Value = serde_json::from_str(&body)?;
                let id = body["id"].as_str().with_context(|| format!("no id in {body}"))?.to_owned();
                if lock(&self.accepted).insert(id.clone()) {
                    self.sum.fetch_add(number % 97, Ordering::Relaxed);
                }
                return Ok(id);
            }
            ensure!(status.is_server_error(), "event {number} got {status}: {body}");
            ensure!(begun.elapsed() < PATIENCE, "event {number} was not accepted in time: {body}");
            self.refused.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// Moves the tenant to the other cell. Returns for how long its writes waited, in seconds, by the move's own record.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
async fn one_move(server: &Served, caller: &Caller, number: usize) -> Result<f64> {
    let begun = Instant::now();
    let to = if status(server).await?["cell"] == "alpha" { "beta" } else { "alpha" };
    let line = ["tenants", "move", TENANT, "--to", to, "--write-units", "100000"];
    let why = ["--reason", "measured", "--operator", "bench"];
    cellctl(server, &[&line[..], &why].concat()).await?;
    let moves = cellctl(server, &["moves", "ls", "--tenant", TENANT]).await?;
    let counts = &moves[0]["counts"];
    let count = |name: &str| counts[name].as_u64().with_context(|| format!("no {name} in {}", moves[0]));
    let pause = count("pause_ms")? as f64 / 1e3;
    let (p99, longest) = waits(caller, begun);
    println!(
        "move {:<2} to {to:<14} {:.0} s, {} events, {} of them copied in a pause of {pause:.2} s; a write waits {p99:.3} / {longest:.2} s",
        number + 1,
        begun.elapsed().as_secs_f64(),
        count("compared")?,
        count("copied_in_the_pause")?,
    );
    Ok(pause)
}

/// Returns the times, in seconds, from when events were due until they were accepted, since then: the 99th percentile, and the longest.
fn waits(caller: &Caller, since: Instant) -> (f64, f64) {
    let waits = lock(&caller.waits);
    let mut waits: Vec<f64> = waits.iter().filter(|(at, _)| *at >= since).map(|(_, wait)| *wait).collect();
    waits.sort_by(f64::total_cmp);
    let p99 = waits.get(waits.len() * 99 / 100).copied().unwrap_or_default();
    (p99, waits.last().copied().unwrap_or_default())
}

async fn status(server: &Served) -> Result<Value> {
    cellctl(server, &["tenants", "show", TENANT]).await
}

/// Checks that the tenant's cell has each accepted event, and no other, and that all are processed and counted once.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
async fn all_is_there(server: &Served, caller: &Caller, cell: &str, url: SocketAddr) -> Result<()> {
    let begun = Instant::now();
    let (count, sum) = (lock(&caller.accepted).len(), caller.sum.load(Ordering::Relaxed));
    let exact = format!(r#"[{{"type":"bench","count":{count},"sum":{sum}}}]}}"#);
    let mut connection = connect(url).await?;
    loop {
        let request = Request::get("/v1/totals").header("host", url.to_string()).header("x-tenant-id", TENANT);
        let (_, found) = exchange(&mut connection, request.body(Full::default())?).await?;
        if found.trim_end().ends_with(&exact) {
            break;
        }
        ensure!(begun.elapsed() < PATIENCE, "expected {exact}, found {found}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let events = server.dynamodb().query().table_name(format!("cellstack-cell-{cell}")).consistent_read(true);
    let events = events
        .key_condition_expression("tenant_id = :tenant AND begins_with(sk, :event)")
        .expression_attribute_values(":tenant", aws_sdk_dynamodb::types::AttributeValue::S(TENANT.to_owned()))
        .expression_attribute_values(":event", aws_sdk_dynamodb::types::AttributeValue::S("event#".to_owned()));
    let mut events = events.into_paginator().items().send();
    let mut found = BTreeSet::new();
    while let Some(event) = events.next().await {
        let event = event?;
        let text = |name: &str| event.get(name).and_then(|text| text.as_s().ok()).cloned().unwrap_or_default();
        ensure!(text("status") == "processed", "{event:?}");
        found.insert(text("sk").trim_start_matches("event#").to_owned());
    }
    let accepted = lock(&caller.accepted);
    ensure!(
        found == *accepted,
        "{} accepted events are not in {cell}, {} there were not accepted",
        accepted.difference(&found).count(),
        found.difference(&accepted).count()
    );
    Ok(())
}

/// Runs a command over the served stack. Returns its data.
async fn cellctl(server: &Served, words: &[&str]) -> Result<Value> {
    let deployment = Deployment::from_config("cellstack", &server.config());
    let (data, talk) = (Buffer::default(), Buffer::default());
    let mut console = Console::new(data.clone(), talk.clone());
    let ran = Cli::try_parse_from(["cellctl", "--output", "json"].iter().chain(words))?.run(&deployment, &mut console);
    let completion = ran.await.with_context(|| format!("{}: {}", words.join(" "), talk.text()))?;
    ensure!(completion == Completion::Done, "{}: {}", words.join(" "), talk.text());
    Ok(serde_json::from_str(&data.text()).unwrap_or_default())
}

/// A writer to memory.
#[derive(Debug, Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&lock(&self.0)).into_owned()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
