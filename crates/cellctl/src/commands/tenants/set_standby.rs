//! `cellctl tenants set-standby`

use anyhow::Result;
use cellstack_core::{CellId, Clock as _, TenantId};
use clap::{ArgGroup, Args};

use crate::audit::{self, Facts};
use crate::completion::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::operator::Routine;
use crate::tenants::{COLUMNS, ShownTenant};

/// Appoint the cell that holds a tenant's new events while its own cell is marked down
///
/// The fence of the standby that was is closed. While the tenant's cell is down or recovering its standby holds events, and
/// can't be replaced.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").args(["standby", "none"]).required(true))]
#[command(after_help = "Examples:
  cellctl tenants set-standby acme gamma
  cellctl tenants set-standby acme --none --reason 'it keeps its own copy'")]
pub(super) struct SetStandby {
    /// The tenant
    #[arg(value_name = "TENANT")]
    tenant: TenantId,
    /// The standby
    #[arg(value_name = "CELL")]
    standby: Option<CellId>,
    /// No standby: while its cell is marked down, the tenant gets 503
    #[arg(long)]
    none: bool,
    #[command(flatten)]
    by: Routine,
    /// Say what would change and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl SetStandby {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let by = self.by.sign(console)?;
        let tables = deployment.tables();
        let placement = deployment.placement(&tables, &by.operator);
        let mut entry = placement.settled(&self.tenant).await?;
        let was = entry.route.standby_cell_id.clone();
        if was != self.standby {
            let world = deployment.fleet().await?;
            let standby = self.standby.as_ref().map(|standby| world.site(standby)).transpose()?;
            let before = was.as_ref().map(|was| world.site(was)).transpose()?;
            if self.dry_run {
                placement.examine_standbys(&entry, standby.as_ref(), before.as_ref()).await?;
            } else {
                let facts =
                    |standby: Option<&CellId>| Facts::default().text("standby", standby.map_or("none", CellId::as_str));
                let scope = self.tenant.to_string();
                let record = audit::begin(deployment, &by, "tenants set-standby", scope, facts(was.as_ref())).await?;
                let now = deployment.clock.wall_ms();
                let changed = placement.appoint_standby(&entry, standby.as_ref(), before.as_ref(), now).await;
                let troubles: Vec<String> = changed.as_ref().err().map(ToString::to_string).into_iter().collect();
                record.end(facts(self.standby.as_ref()), Facts::default(), &troubles).await?;
                changed?;
                entry = placement.settled(&self.tenant).await?;
            }
        }
        let shown = ShownTenant::from(&entry);
        match output {
            Output::Json => console.json(&shown)?,
            Output::Table => {
                let mut table = table(&COLUMNS);
                table.add_row(shown.row());
                console.print(table)?;
            }
        }
        let name = |standby: Option<&CellId>| standby.map_or("none", CellId::as_str).to_owned();
        let (was, now) = (name(was.as_ref()), name(self.standby.as_ref()));
        console.say(match (was == now, self.dry_run) {
            (true, _) => format!("the standby of {} is {now}; nothing to change", self.tenant),
            (false, true) => format!("the standby of {} would change from {was} to {now}", self.tenant),
            (false, false) => format!("the standby of {} has changed from {was} to {now}", self.tenant),
        });
        Ok(Completion::Done)
    }
}
