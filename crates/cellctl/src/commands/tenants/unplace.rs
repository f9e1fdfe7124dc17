//! `cellctl tenants unplace`

use anyhow::{Result, bail};
use cellstack_core::limits::REPLACE_WAIT;
use cellstack_core::{Clock as _, TenantId};
use cellstack_store::events::undone;
use cellstack_store::placement::Site;
use cellstack_store::tenant_map::TenantEntry;
use clap::Args;

use crate::audit::{self, Facts};
use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;
use crate::operator::Operator;
use crate::tenants::ShownTenant;

/// Remove a tenant from its cell
///
/// Its fences are closed, and its room is free. Its data stays in the cell's table. A router may serve its old route for 300 s,
/// and a write may be under way for 10 s more: for these 310 s the tenant can't be placed again. Refused while events of the tenant are neither processed
/// nor failed, unless --force says that they may stay so.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl tenants unplace umbrella --reason 'contract ended' --dry-run
  cellctl tenants unplace umbrella --reason 'contract ended'")]
pub(super) struct Unplace {
    /// The tenant
    #[arg(value_name = "TENANT")]
    tenant: TenantId,
    #[command(flatten)]
    by: Operator,
    /// Also with events that are not done
    #[arg(long)]
    force: bool,
    /// Say what would change and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Events that are counted until a refusal.
const ENOUGH: u64 = 1_000;

impl Unplace {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let by = self.by.sign(console)?;
        let tables = deployment.tables();
        let placement = deployment.placement(&tables, &by.operator);
        let entry = placement.settled(&self.tenant).await?;
        let world = deployment.fleet().await?;
        let home = world.site(&entry.route.cell_id)?;
        let standby = entry.route.standby_cell_id.as_ref().map(|standby| world.site(standby)).transpose()?;
        if !self.force {
            for site in std::iter::once(&home).chain(&standby) {
                self.check_done(deployment, site).await?;
            }
        }
        if !self.dry_run {
            let before = Facts::default().text("cell", home.id.as_str()).count("epoch", entry.route.epoch.0);
            let record = audit::begin(deployment, &by, "tenants unplace", self.tenant.to_string(), before).await?;
            let removed = placement.unplace(&entry, &home, standby.as_ref(), deployment.clock.wall_ms()).await;
            let troubles: Vec<String> = removed.as_ref().err().map(ToString::to_string).into_iter().collect();
            record.end(Facts::default(), Facts::default(), &troubles).await?;
            removed?;
        }
        self.conclude(&entry, output, console)
    }

    async fn check_done(&self, deployment: &Deployment, site: &Site) -> Result<()> {
        let undone = undone(&deployment.dynamodb, &site.table, Some(&self.tenant), ENOUGH).await?;
        if undone.count > 0 {
            bail!(
                "{} has {undone} events in cell {} that are not processed; expected none: wait until they are, see \
                 `cellctl dlq ls --cell {}`, or leave them so with --force",
                self.tenant,
                site.id,
                site.id
            );
        }
        Ok(())
    }

    fn conclude(&self, entry: &TenantEntry, output: Output, console: &mut Console) -> Result<Completion> {
        if output == Output::Json {
            console.json(&ShownTenant::from(entry))?;
        }
        let (tenant, cell, wait) = (&self.tenant, &entry.route.cell_id, REPLACE_WAIT.as_secs());
        console.say(if self.dry_run {
            format!("{tenant} would be removed from {cell}; its data would stay there")
        } else {
            format!("{tenant} is removed from {cell}; its data stays there, and it can be placed again in {wait} s")
        });
        Ok(Completion::Done)
    }
}
