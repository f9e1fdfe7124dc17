//! `cellstack-local fault add`

use std::time::Duration;

use anyhow::Result;
use cellstack_core::CellId;
use cellstack_embedded::admin::FAULTS;
use cellstack_embedded::faults::{Kind, Order, Posted};
use clap::Args;
use http::Method;

use super::{describe, duration};
use crate::commands::endpoint::Endpoint;
use crate::commands::print;

/// Add a fault to a cell, until it is cleared or its time is over
///
/// The fault hits calls of that cell's resources only. Faults of one cell add up: latencies are added, and of the
/// others the oldest that strikes decides. The router retries and then responds with 503. Once the fault is gone, it
/// finds the cell again within seconds.
#[derive(Args)]
#[command(after_help = "Examples:
  cellstack-local fault add down --cell alpha --for 2s
  cellstack-local fault add throttle --cell beta --probability 0.3
  cellstack-local fault add latency --cell gamma --latency 200ms --for 1s")]
pub(super) struct Add {
    /// The kind of fault
    #[arg(value_enum)]
    kind: Kind,
    /// The cell that it hits
    #[arg(long)]
    cell: CellId,
    /// Ends by itself after this time, for example 30s or 5m; unless given, it lasts until it is cleared
    #[arg(long = "for", value_name = "TIME", value_parser = duration::parse)]
    lasts: Option<Duration>,
    /// Share of the calls that it hits, over 0.0 and up to 1.0; all unless given
    #[arg(long, value_name = "SHARE")]
    probability: Option<f64>,
    /// Time added to each call, with latency and consumer-latency; 1s unless given
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    latency: Option<Duration>,
    #[command(flatten)]
    endpoint: Endpoint,
}

impl Add {
    pub(super) async fn run(self) -> Result<()> {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let order = Order {
            kind: self.kind,
            cell: self.cell,
            probability: self.probability,
            latency_ms: self.latency.map(ms),
            for_ms: self.lasts.map(ms),
        };
        let fault: Posted = self.endpoint.ask(Method::POST, FAULTS, serde_json::to_vec(&order)?).await?;
        let ends = match fault.order.for_ms {
            Some(ms) => format!("for {}", duration::show(ms)),
            None => format!("until cellstack-local fault clear {}", fault.id),
        };
        print(format_args!("fault {}: {}, {ends}", fault.id, describe(&fault)));
        Ok(())
    }
}
