//! `cellctl tenants usage`

use std::cmp::Reverse;

use anyhow::Result;
use cellstack_core::CellId;
use cellstack_core::limits::USAGE_DAYS;
use clap::Args;
use serde::Serialize;

use crate::cells;
use crate::completion::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::planning::loads::{count, sum};

/// Show which tenants have the most events
///
/// Cells count one event in 16, for all of them, in the transaction that marks it processed: a tenant with few events may have
/// none here. A tenant that was moved has events in several cells. With --output json each tenant is a line of its own.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl tenants usage
  cellctl tenants usage --days 1 --cell alpha --output json")]
pub(super) struct UsageCommand {
    /// Only events in these cells
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    cell: Vec<CellId>,
    /// Days of usage, today included
    #[arg(long, default_value_t = USAGE_DAYS, value_parser = clap::value_parser!(u8).range(1..=i64::from(USAGE_DAYS)))]
    days: u8,
    /// Tenants to show at most, the busiest first; 0 shows all
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    top: usize,
}

/// A tenant's usage.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    tenant: &'a str,
    /// The cells in which the events were processed.
    cells: Vec<&'a CellId>,
    events: u64,
    /// Their part of all events.
    share: f64,
}

impl UsageCommand {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let by_cell = count(deployment, &cells::named(deployment, &self.cell).await?, self.days).await?;
        let sums = sum(by_cell.values());
        let all: u64 = sums.values().sum();
        let mut shown: Vec<Shown<'_>> = sums
            .iter()
            .map(|(tenant, events)| Shown {
                tenant: tenant.as_str(),
                cells: by_cell.iter().filter(|(_, usage)| usage.contains_key(tenant)).map(|(id, _)| id).collect(),
                events: *events,
                share: *events as f64 / all.max(1) as f64,
            })
            .collect();
        shown.sort_by_key(|tenant| (Reverse(tenant.events), tenant.tenant));
        let tenants = shown.len();
        if self.top > 0 {
            shown.truncate(self.top);
        }
        match output {
            Output::Json => {
                for tenant in &shown {
                    console.print(serde_json::to_string(tenant)?)?;
                }
            }
            Output::Table => {
                let mut table = table(&["tenant", "cells", "events", "share"]);
                for Shown { tenant, cells, events, share } in &shown {
                    let cells: Vec<&str> = cells.iter().map(|id| id.as_str()).collect();
                    let share = format!("{:.1} %", share * 100.0);
                    table.add_row([(*tenant).to_owned(), cells.join(", "), events.to_string(), share]);
                }
                console.print(table)?;
            }
        }
        let days = if self.days == 1 { "today".to_owned() } else { format!("in {} days", self.days) };
        console.say(format_args!("some {all} events of {tenants} tenants {days}"));
        if shown.len() < tenants {
            console.say(format_args!("{} tenants more: --top 0 shows all", tenants - shown.len()));
        }
        Ok(Completion::Done)
    }
}
