//! `cellctl tenants show`

use anyhow::{Result, bail};
use cellstack_core::TenantId;
use clap::Args;

use crate::completion::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::tenants::{COLUMNS, ShownTenant};

/// Show a tenant: its cell, its standby, its epoch, and who changed it last
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl tenants show acme
  cellctl tenants show acme --output json")]
pub(super) struct Show {
    /// The tenant
    #[arg(value_name = "TENANT")]
    tenant: TenantId,
}

impl Show {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let Some(entry) = deployment.tenant_map().entry(&self.tenant).await? else {
            bail!("tenant {0} is not placed; `cellctl tenants place {0}` places it", self.tenant);
        };
        let shown = ShownTenant::from(&entry);
        match output {
            Output::Json => console.json(&shown)?,
            Output::Table => {
                let mut table = table(&COLUMNS);
                table.add_row(shown.row());
                console.print(table)?;
            }
        }
        Ok(Completion::Done)
    }
}
