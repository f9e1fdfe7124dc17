//! `cellctl moves ls`

use anyhow::Result;
use cellstack_core::TenantId;
use cellstack_store::moves::{MoveRecord, all};
use clap::Args;

use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;
use crate::moving::ShownMove;

/// List moves, the latest first
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl moves ls
  cellctl moves ls --under-way
  cellctl moves ls --tenant acme --output json")]
pub(super) struct Ls {
    /// Only moves that have not ended
    #[arg(long)]
    under_way: bool,
    /// Only moves of this tenant
    #[arg(long, value_name = "TENANT")]
    tenant: Option<TenantId>,
    /// The most moves to list
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: usize,
}

impl Ls {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let wanted = |record: &MoveRecord| {
            (!self.under_way || record.phase.is_under_way())
                && self.tenant.as_ref().is_none_or(|tenant| record.tenant == *tenant)
        };
        let enough = |found: &[MoveRecord]| found.iter().filter(|record| wanted(record)).count() >= self.limit;
        let mut records = all(&deployment.dynamodb, &deployment.registry(), enough).await?;
        records.retain(wanted);
        ShownMove::print_all(&records, output, console)?;
        Ok(Completion::Done)
    }
}
