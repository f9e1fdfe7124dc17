//! `cellstack-local place`

use std::collections::HashMap;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context as _, Result, anyhow};
use aws_sdk_dynamodb::Client;
use cellstack_aws as aws;
use cellstack_cellctl::Destination;
use cellstack_core::{CellId, Clock, SystemClock, TenantId, names};
use cellstack_store::Registry;
use cellstack_store::placement::{Placed, Placement};
use clap::Args;

use super::print;

/// Place tenants in the cells of a deployed stack
///
/// Writes each tenant's fence first, then its entry in the tenant map. Safe to run again: a tenant that is placed
/// already stays where it is. Region, credentials and endpoint come from the environment, as for the AWS CLI.
#[derive(Args)]
#[command(after_help = "Examples:
  export AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_REGION=us-east-1    # with `make serve`
  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
  cellstack-local place umbrella=alpha hooli=beta+gamma")]
pub(crate) struct Place {
    /// The prefix of the names of the stack's resources
    #[arg(long, default_value = names::DEFAULT_PREFIX)]
    prefix: String,
    /// A tenant, its cell, and its standby cell if it is to have one, for example acme=alpha or acme=alpha+beta
    #[arg(value_name = "TENANT=CELL[+STANDBY]", required = true)]
    placements: Vec<Wish>,
}

/// A tenant and its cells.
#[derive(Debug, Clone)]
struct Wish {
    tenant: TenantId,
    cell: CellId,
    standby: Option<CellId>,
}

impl FromStr for Wish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (tenant, cells) =
            text.split_once('=').ok_or("expected TENANT=CELL or TENANT=CELL+STANDBY, for example acme=alpha")?;
        let (cell, standby) = cells.split_once('+').map_or((cells, None), |(cell, standby)| (cell, Some(standby)));
        let id = |text: &str| text.parse::<CellId>().map_err(|error| error.to_string());
        let tenant = tenant.parse().map_err(|error: cellstack_core::InvalidId| error.to_string())?;
        let (cell, standby) = (id(cell)?, standby.map(id).transpose()?);
        if standby.as_ref() == Some(&cell) {
            return Err(format!("the standby must be another cell than the tenant's own, which is {cell}"));
        }
        Ok(Self { tenant, cell, standby })
    }
}

impl Place {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let config = aws::config().await;
        let unusable = |diagnosis| anyhow!("no stack can be reached from this environment\n{diagnosis}");
        let destination = Destination::of(&config, &self.prefix).await.map_err(unusable)?;
        let placed = self.place(aws_sdk_dynamodb::Client::new(&config)).await;
        placed.map_err(|error| match destination.explain(&error) {
            Some(diagnosis) => anyhow!("{error:#}\n{diagnosis}"),
            None => error,
        })
    }

    async fn place(&self, client: Client) -> Result<ExitCode> {
        let tables = self.tables(&Registry::new(client.clone(), names::registry(&self.prefix))).await?;
        let map_table = names::tenant_map(&self.prefix);
        let placement = Placement { client: &client, map_table: &map_table, operator: "cellstack-local place" };
        let mut code = ExitCode::SUCCESS;
        let now_ms = SystemClock::new().wall_ms();
        for Wish { tenant, cell, standby } in &self.placements {
            let route = match placement.place(tenant, cell, &tables[cell], now_ms).await? {
                Placed::New(route) => {
                    print(format_args!("{tenant} placed in {cell}"));
                    route
                }
                Placed::Already(route) if route.cell_id == *cell => {
                    print(format_args!("{tenant} is in {cell}"));
                    route
                }
                Placed::Already(route) => {
                    print(format_args!("{tenant} stays in {}: it was placed there before", route.cell_id));
                    code = ExitCode::FAILURE;
                    continue;
                }
            };
            if let Some(standby) = standby {
                placement.appoint_standby(&route, standby, &tables[standby], now_ms).await?;
                print(format_args!("{tenant} has {standby} as its standby"));
            }
        }
        Ok(code)
    }

    /// Returns the table of each cell that is named: all of them, before the first tenant is placed.
    async fn tables(&self, registry: &Registry) -> Result<HashMap<CellId, String>> {
        let mut tables = HashMap::new();
        for cell in self.placements.iter().flat_map(|wish| std::iter::once(&wish.cell).chain(&wish.standby)) {
            if !tables.contains_key(cell) {
                let record = registry.read(cell).await?;
                let record = record.with_context(|| {
                    format!("cell {cell} is not in the registry {}-registry; no tenant was placed", self.prefix)
                })?;
                tables.insert(cell.clone(), record.table);
            }
        }
        Ok(tables)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standby_is_another_cell() {
        let wish: Wish = "acme=alpha+beta".parse().unwrap();
        assert_eq!((wish.cell.as_str(), wish.standby.unwrap().as_str()), ("alpha", "beta"));
        let refused = "acme=alpha+alpha".parse::<Wish>().unwrap_err();
        assert_eq!(refused, "the standby must be another cell than the tenant's own, which is alpha");
        assert!("acme".parse::<Wish>().unwrap_err().starts_with("expected TENANT=CELL"));
    }
}
