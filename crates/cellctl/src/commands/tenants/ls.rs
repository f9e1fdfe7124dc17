//! `cellctl tenants ls`

use anyhow::Result;
use cellstack_core::CellId;
use cellstack_store::tenant_map::TenantEntry;
use clap::Args;

use crate::completion::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::tenants::{COLUMNS, ShownTenant};

/// List tenants with their cells
///
/// Reads the whole map, strongly consistent: one read unit per 4 KB. With --output json each tenant is a line of its
/// own. Exit code 3 if an entry could not be read: a message names it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl tenants ls
  cellctl tenants ls --cell alpha --output json")]
pub(super) struct Ls {
    /// Only tenants of these cells
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    cell: Vec<CellId>,
    /// Also tenants that were removed
    #[arg(long)]
    removed: bool,
}

impl Ls {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let (mut entries, mut unreadable) = (Vec::new(), Vec::new());
        let take = |entry: Result<TenantEntry, String>| match entry {
            Ok(entry) if self.wants(&entry) => entries.push(entry),
            Ok(_) => {}
            Err(reason) => unreadable.push(reason),
        };
        deployment.tenant_map().scan(take).await?;
        entries.sort_by(|one, other| one.route.tenant_id.cmp(&other.route.tenant_id));
        let shown = entries.iter().map(ShownTenant::from);
        match output {
            Output::Json => {
                for tenant in shown {
                    console.print(serde_json::to_string(&tenant)?)?;
                }
            }
            Output::Table => {
                let mut table = table(&COLUMNS);
                for tenant in shown {
                    table.add_row(tenant.row());
                }
                console.print(table)?;
            }
        }
        for reason in &unreadable {
            console.say(format_args!("left out: {reason}"));
        }
        Ok(Completion::of(unreadable.is_empty()))
    }

    fn wants(&self, entry: &TenantEntry) -> bool {
        let cell = &entry.route.cell_id;
        (self.removed || entry.is_placed()) && (self.cell.is_empty() || self.cell.contains(cell))
    }
}
