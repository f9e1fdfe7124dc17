//! `cellstack-local place`

use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context as _, Result};
use cellstack_core::directory::Directory;
use cellstack_core::placement::{Placed, Placement};
use cellstack_core::{Ambient, CellId, SystemAmbient, TenantId, aws};
use clap::Args;

use super::print;

/// Place tenants in the cells of a deployed stack
///
/// Each tenant's fence first, then its entry in the tenant map. Safe to run again: a tenant that is placed already
/// stays where it is. Region, credentials and endpoint come from the environment, as for the AWS CLI.
#[derive(Args)]
pub(crate) struct Place {
    /// What the names of the stack's resources begin with
    #[arg(long, default_value = "cellstack")]
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
        Ok(Self { tenant, cell: id(cell)?, standby: standby.map(id).transpose()? })
    }
}

impl Place {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let client = aws_sdk_dynamodb::Client::new(&aws::config().await);
        let directory = Directory::new(client.clone(), format!("{}-registry", self.prefix));
        let map_table = format!("{}-tenant-map", self.prefix);
        let placement = Placement { client: &client, map_table: &map_table, operator: "cellstack-local place" };
        let mut code = ExitCode::SUCCESS;
        let now_ms = SystemAmbient::new().wall_ms();
        let table = async |cell: &CellId| {
            let record = directory.read(cell).await?;
            let record = record.with_context(|| format!("cell {cell} is not in the registry {}-registry", self.prefix));
            record.map(|record| record.table)
        };
        for Wish { tenant, cell, standby } in &self.placements {
            let route = match placement.place(tenant, cell, &table(cell).await?, now_ms).await? {
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
                placement.appoint_standby(&route, standby, &table(standby).await?, now_ms).await?;
                print(format_args!("{tenant} has {standby} as its standby"));
            }
        }
        Ok(code)
    }
}
