//! `cargo bench -p cellstack-local --bench copy`: the copy of a move, and the same reads and writes by the SDK alone, in turn,
//! over one served stack. Prints items/s of both and the ratio; ends with an error unless each copy is whole.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

mod served;

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, Select, WriteRequest};
use cellstack_core::{Epoch, EventId, TenantId};
use cellstack_store::RateLimit;
use cellstack_store::moves::{Known, Path};
use cellstack_store::placement::Site;
use futures::{StreamExt as _, TryStreamExt as _};
use served::{Served, extent};

/// Tenants that are copied each way.
const ROUNDS: usize = 5;
/// Writes at once: the default of `cellctl tenants move --at-once`.
const AT_ONCE: usize = 32;
/// Actions of one `BatchWriteItem`.
const BATCH: usize = 25;

const FROM: &str = "cellstack-cell-alpha";
const TO: &str = "cellstack-cell-beta";

/// Events of a tenant.
static EVENTS: LazyLock<usize> = LazyLock::new(|| extent(10_000));

fn main() -> Result<()> {
    let (server, _) = Served::start(1, &[])?;
    let measured = tokio::runtime::Runtime::new()?.block_on(measure(&server.dynamodb()));
    let peak = server.peak_memory_mib();
    let measured = measured?;
    println!(
        "events                     {} per tenant, {AT_ONCE} writes at once, {ROUNDS} tenants each way, in turn",
        *EVENTS
    );
    let rate = |time: Duration| *EVENTS as f64 / time.as_secs_f64();
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let of = |which: fn(&(Duration, Duration)) -> f64| median(measured.iter().map(which).collect());
    println!("the SDK alone              {:.0} items/s", median(measured.iter().map(|round| rate(round.0)).collect()));
    println!("the copy of a move         {:.0} items/s", median(measured.iter().map(|round| rate(round.1)).collect()));
    println!("peak memory of the stack   {}", peak.map_or_else(|| "unknown".to_owned(), |mib| format!("{mib} MiB")));
    println!("time of the copy           {:.2} of the SDK's", of(|(sdk, copy)| copy.as_secs_f64() / sdk.as_secs_f64()));
    Ok(())
}

/// Returns the times of the SDK and of the copy, by round.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
async fn measure(client: &Client) -> Result<Vec<(Duration, Duration)>> {
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let [raw, moved]: [TenantId; 2] = [format!("raw-{round}").parse()?, format!("moved-{round}").parse()?];
        fill(client, &raw).await?;
        fill(client, &moved).await?;
        let begun = Instant::now();
        by_sdk(client, &raw).await?;
        let sdk = begun.elapsed();
        let begun = Instant::now();
        by_move(client, &moved).await?;
        times.push((sdk, begun.elapsed()));
        for tenant in [&raw, &moved] {
            let copied = count(client, tenant).await?;
            ensure!(copied == *EVENTS, "{copied} of {} events of {tenant} were copied", *EVENTS);
        }
    }
    Ok(times)
}

/// Writes a tenant's processed events into the source.
async fn fill(client: &Client, tenant: &TenantId) -> Result<()> {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let item = |number: usize| {
        let id = EventId::named(tenant.as_str(), &number.to_string());
        HashMap::from([
            ("tenant_id".to_owned(), text(tenant.as_str())),
            ("sk".to_owned(), text(&format!("event#{id}"))),
            ("type".to_owned(), text("order.placed")),
            ("status".to_owned(), text("processed")),
            ("data".to_owned(), text(&format!(r#"{{"amount":{number},"note":"{}"}}"#, "-".repeat(100)))),
            ("epoch".to_owned(), AttributeValue::N("1".to_owned())),
        ])
    };
    for first in (0..*EVENTS).step_by(BATCH) {
        let put = |number| {
            Ok(WriteRequest::builder().put_request(PutRequest::builder().set_item(Some(item(number))).build()?).build())
        };
        let puts = (first..first + BATCH).map(put).collect::<Result<Vec<_>>>()?;
        client.batch_write_item().request_items(FROM, puts).send().await?;
    }
    Ok(())
}

/// Begins a query for a tenant's events.
fn query(
    client: &Client,
    table: &str,
    tenant: &TenantId,
) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
    let query = client.query().table_name(table).consistent_read(true);
    let query = query.key_condition_expression("tenant_id = :tenant AND begins_with(sk, :event)");
    let query = query.expression_attribute_values(":tenant", AttributeValue::S(tenant.as_str().to_owned()));
    query.expression_attribute_values(":event", AttributeValue::S("event#".to_owned()))
}

/// Copies with nothing but the SDK: what is read is written, on condition that it is not there.
async fn by_sdk(client: &Client, tenant: &TenantId) -> Result<()> {
    let items = query(client, FROM, tenant).into_paginator().items().send();
    let items = futures::stream::unfold(items, async |mut items| Some((items.next().await?, items)));
    let put = async |item| {
        let put = client.put_item().table_name(TO).set_item(Some(item?));
        put.condition_expression("attribute_not_exists(tenant_id)").send().await?;
        anyhow::Ok(())
    };
    items.map(put).buffer_unordered(AT_ONCE).try_collect().await
}

/// Copies as a move does.
async fn by_move(client: &Client, tenant: &TenantId) -> Result<()> {
    let site = |id: &str, table: &str| anyhow::Ok(Site { id: id.parse()?, table: table.to_owned(), capacity: 1 });
    let (source, destination) = (site("alpha", FROM)?, site("beta", TO)?);
    let path = Path {
        client,
        tenant,
        source: &source,
        destination: &destination,
        standby: None,
        next_standby: None,
        epoch: Epoch::FIRST,
    };
    let round = path.round(&mut Known::default(), &RateLimit::new(u32::MAX, AT_ONCE), 0, |_| {}).await?;
    ensure!(round.copied == *EVENTS as u64, "{round:?}");
    Ok(())
}

async fn count(client: &Client, tenant: &TenantId) -> Result<usize> {
    let mut pages = query(client, TO, tenant).select(Select::Count).into_paginator().send();
    let mut count = 0;
    while let Some(page) = pages.next().await {
        count += usize::try_from(page?.count)?;
    }
    Ok(count)
}
