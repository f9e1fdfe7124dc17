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
    /// A tenant and its cell, for example acme=alpha
    #[arg(value_name = "TENANT=CELL", required = true)]
    placements: Vec<Wish>,
}

/// A tenant and its cell.
#[derive(Debug, Clone)]
struct Wish {
    tenant: TenantId,
    cell: CellId,
}

impl FromStr for Wish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (tenant, cell) = text.split_once('=').ok_or("expected TENANT=CELL, for example acme=alpha")?;
        let cell = cell.parse().map_err(|error: cellstack_core::InvalidId| error.to_string())?;
        tenant.parse().map(|tenant| Self { tenant, cell }).map_err(|error: cellstack_core::InvalidId| error.to_string())
    }
}

impl Place {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let client = aws_sdk_dynamodb::Client::new(&aws::config().await);
        let directory = Directory::new(client.clone(), format!("{}-registry", self.prefix));
        let map_table = format!("{}-tenant-map", self.prefix);
        let placement = Placement { client: &client, map_table: &map_table, operator: "cellstack-local place" };
        let mut code = ExitCode::SUCCESS;
        for Wish { tenant, cell } in &self.placements {
            let record = directory.read(cell).await?;
            let record =
                record.with_context(|| format!("cell {cell} is not in the registry {}-registry", self.prefix))?;
            match placement.place(tenant, cell, &record.table, SystemAmbient::new().wall_ms()).await? {
                Placed::New => print(format_args!("{tenant} placed in {cell}")),
                Placed::Already(route) if route.cell_id == *cell => print(format_args!("{tenant} is in {cell}")),
                Placed::Already(route) => {
                    print(format_args!("{tenant} stays in {}: it was placed there before", route.cell_id));
                    code = ExitCode::FAILURE;
                }
            }
        }
        Ok(code)
    }
}
