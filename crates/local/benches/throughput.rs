//! `cargo bench -p cellstack-local`: 20,000 events from 50 tenants at once through a served stack, in a process of its
//! own. Prints events/s, latencies and peak memory; ends with an error unless every event is processed and every total
//! exact.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

mod http;
mod served;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use http::{connect, exchange};
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, StatusCode};
use served::{Served, extent};

const TENANTS: usize = 50;
const CONNECTIONS: usize = 32;
/// A time limit longer than any normal run takes: a run that is stuck must end.
const PATIENCE: Duration = Duration::from_secs(120);

static EVENTS: LazyLock<usize> = LazyLock::new(|| extent(20_000));

fn main() -> Result<()> {
    let (server, url) = Served::start(TENANTS, &[])?;
    let measured = tokio::runtime::Runtime::new()?.block_on(measure(&server, url));
    let peak = server.peak_memory_mib();
    let measured = measured?;
    println!("events                     {} from {TENANTS} tenants over {CONNECTIONS} connections", *EVENTS);
    println!("accepted                   {:.0} events/s", *EVENTS as f64 / measured.accepted.as_secs_f64());
    println!("processed, end to end      {:.0} events/s", *EVENTS as f64 / measured.processed.as_secs_f64());
    println!("accept, p50 / p99          {:.2} / {:.2} ms", measured.accept.0, measured.accept.1);
    println!(
        "accept to processed        {:.0} / {:.0} ms (p50 / p99, by the stack's own time stamps)",
        measured.through.0, measured.through.1
    );
    println!("peak memory of the stack   {}", peak.map_or_else(|| "unknown".to_owned(), |mib| format!("{mib} MiB")));
    println!("totals                     exact for {TENANTS} tenants");
    Ok(())
}

struct Measured {
    accepted: Duration,
    processed: Duration,
    accept: (f64, f64),
    through: (f64, f64),
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
async fn measure(server: &Served, url: SocketAddr) -> Result<Measured> {
    let next = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let posts = (0..CONNECTIONS).map(|_| tokio::spawn(post_all(url, Arc::clone(&next))));
    let mut accept = Vec::with_capacity(*EVENTS);
    for post in posts.collect::<Vec<_>>() {
        accept.extend(post.await??);
    }
    let accepted = start.elapsed();
    let mut connection = connect(url).await?;
    for tenant in 0..TENANTS {
        let (count, sum) = expected(tenant);
        let exact = format!(r#"[{{"type":"bench","count":{count},"sum":{sum}}}]"#);
        while !totals(&mut connection, url, tenant).await?.trim_end().ends_with(&format!("{exact}}}")) {
            ensure!(start.elapsed() < PATIENCE, "tenant {tenant} has not come to {exact}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let processed = start.elapsed();
    let through = times_through(&server.dynamodb()).await?;
    ensure!(through.len() == *EVENTS, "{} of {} events are processed", through.len(), *EVENTS);
    Ok(Measured { accepted, processed, accept: percentiles(accept), through: percentiles(through) })
}

/// Returns the number of a tenant's events, and their sum.
fn expected(tenant: usize) -> (usize, usize) {
    let mine = (0..*EVENTS).filter(|event| event % TENANTS == tenant);
    mine.fold((0, 0), |(count, sum), event| (count + 1, sum + event % 97))
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
async fn post_all(url: SocketAddr, next: Arc<AtomicUsize>) -> Result<Vec<f64>> {
    let mut connection = connect(url).await?;
    let mut took = Vec::new();
    loop {
        let event = next.fetch_add(1, Ordering::Relaxed);
        if event >= *EVENTS {
            return Ok(took);
        }
        let request = Request::post("/v1/events")
            .header("host", url.to_string())
            .header("content-type", "application/json")
            .header("x-tenant-id", format!("tenant-{}", event % TENANTS + 1))
            .body(Full::from(format!(r#"{{"type":"bench","data":{{"amount":{},"event":{event}}}}}"#, event % 97)))?;
        let sent = Instant::now();
        let (status, body) = exchange(&mut connection, request).await?;
        ensure!(status == StatusCode::ACCEPTED, "{status}: {body}");
        took.push(sent.elapsed().as_secs_f64() * 1e3);
    }
}

async fn totals(connection: &mut SendRequest<Full<Bytes>>, url: SocketAddr, tenant: usize) -> Result<String> {
    let request = Request::get("/v1/totals")
        .header("host", url.to_string())
        .header("x-tenant-id", format!("tenant-{}", tenant + 1))
        .body(Full::default())?;
    Ok(exchange(connection, request).await?.1)
}

fn percentiles(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share) as usize];
    (at(0.5), at(0.99))
}

/// Returns the milliseconds from accepted to processed, of every processed event in every cell.
async fn times_through(client: &aws_sdk_dynamodb::Client) -> Result<Vec<f64>> {
    let mut times = Vec::with_capacity(*EVENTS);
    for cell in ["alpha", "beta", "gamma"] {
        let mut items = client.scan().table_name(format!("cellstack-cell-{cell}")).into_paginator().items().send();
        while let Some(item) = items.next().await {
            let item = item?;
            let time = |name: &str| item.get(name)?.as_n().ok()?.parse::<f64>().ok();
            if let (Some(accepted), Some(processed)) = (time("accepted_at"), time("processed_at")) {
                times.push(processed - accepted);
            }
        }
    }
    Ok(times)
}
