//! `cellctl tenants pin` and `unpin`

use anyhow::Result;
use cellstack_core::{Clock as _, TenantId};
use clap::Args;

use crate::audit::{self, Facts};
use crate::completion::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::operator::Routine;
use crate::tenants::{COLUMNS, ShownTenant};

/// Pin a tenant to its cell: no plan moves it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl tenants pin acme --reason 'contract: own cell'")]
pub(super) struct Pin {
    #[command(flatten)]
    change: Change,
}

/// Let plans move a tenant that was pinned
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl tenants unpin acme")]
pub(super) struct Unpin {
    #[command(flatten)]
    change: Change,
}

#[derive(Debug, Args)]
struct Change {
    /// The tenant
    #[arg(value_name = "TENANT")]
    tenant: TenantId,
    #[command(flatten)]
    by: Routine,
    /// Say what would change and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Pin {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        self.change.run(Pinned::Yes, deployment, output, console).await
    }
}

impl Unpin {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        self.change.run(Pinned::No, deployment, output, console).await
    }
}

/// The state that a command wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pinned {
    Yes,
    No,
}

impl Pinned {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "pinned",
            Self::No => "not pinned",
        }
    }

    const fn of(pinned: bool) -> Self {
        if pinned { Self::Yes } else { Self::No }
    }
}

impl Change {
    async fn run(
        self,
        wanted: Pinned,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let by = self.by.sign(console)?;
        let tables = deployment.tables();
        let placement = deployment.placement(&tables, &by.operator);
        let mut entry = placement.settled(&self.tenant).await?;
        let was = Pinned::of(entry.pinned);
        if was != wanted && !self.dry_run {
            let what = if wanted == Pinned::Yes { "tenants pin" } else { "tenants unpin" };
            let facts = |pinned: Pinned| Facts::default().text("pinned", pinned.as_str());
            let record = audit::begin(deployment, &by, what, self.tenant.to_string(), facts(was)).await?;
            let changed = placement.pin(&entry, wanted == Pinned::Yes, deployment.clock.wall_ms()).await;
            let troubles: Vec<String> = changed.as_ref().err().map(ToString::to_string).into_iter().collect();
            record.end(facts(wanted), Facts::default(), &troubles).await?;
            changed?;
            entry = placement.settled(&self.tenant).await?;
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
        let (tenant, cell) = (&self.tenant, &entry.route.cell_id);
        console.say(match (was == wanted, self.dry_run) {
            (true, _) => format!("{tenant} is {} to {cell}; nothing to change", wanted.as_str()),
            (false, true) => format!("{tenant} would be {} to {cell}", wanted.as_str()),
            (false, false) => format!("{tenant} is now {} to {cell}", wanted.as_str()),
        });
        Ok(Completion::Done)
    }
}
