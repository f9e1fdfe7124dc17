//! The command line.

use cellstack_core::names;

use anyhow::Result;
use clap::{Parser, Subcommand};
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use crate::commands::audit::Audit;
use crate::commands::cells::Cells;
use crate::commands::dlq::Dlq;
use crate::commands::moves::Moves;
use crate::commands::plan::PlanCommand;
use crate::commands::rebalance::Rebalance;
use crate::commands::simulate::Simulate;
use crate::commands::snapshot::Snapshot;
use crate::commands::status::Status;
use crate::commands::tenants::Tenants;
use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;

/// Operate the cells of a stack: place tenants, mark cells, redrive dead letters
///
/// Region, credentials and endpoint come from the environment, as for the AWS CLI. Data goes to standard output,
/// messages to standard error.
///
/// Exit codes: 0 all done, 1 an error, 2 the command line is wrong, 3 done, but something was skipped, refused, could not
/// be seen, or no letter matched the filter of a purge (a message says which).
#[derive(Debug, Parser)]
#[command(name = "cellctl", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Examples:
  export AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_REGION=us-east-1    # with `make serve`
  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
  cellctl cells ls
  cellctl tenants place umbrella --reason 'a new customer'
  cellctl dlq ls")]
pub struct Cli {
    /// The prefix of the names of the stack's resources
    #[arg(long, global = true, help_heading = GLOBAL, default_value = names::DEFAULT_PREFIX, env = "CELLSTACK_PREFIX", hide_env_values = true)]
    prefix: String,
    /// A table for people, JSON for programs
    #[arg(long, global = true, help_heading = GLOBAL, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

const GLOBAL: &str = "Options of every command";

#[derive(Debug, Subcommand)]
enum Command {
    Status(Status),
    Cells(Cells),
    Tenants(Tenants),
    Rebalance(Rebalance),
    Plan(PlanCommand),
    Moves(Moves),
    Simulate(Simulate),
    Dlq(Dlq),
    Snapshot(Snapshot),
    Audit(Audit),
}

impl Cli {
    /// Returns the prefix of the names of the stack's resources.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Runs the command if it needs no deployment, and so neither credentials nor a region; returns `None` for all others.
    pub fn run_offline(&self, console: &mut Console) -> Option<Result<Completion>> {
        match &self.command {
            Command::Simulate(simulate) => Some(simulate.run(self.output, console)),
            Command::Tenants(tenants) => tenants.run_offline(self.output, console),
            _ => None,
        }
    }

    /// Runs the command.
    ///
    /// # Errors
    /// Fails if something could not be read or done. The console shows what was done until then.
    pub fn run<'a>(
        self,
        deployment: &'a Deployment,
        console: &'a mut Console,
    ) -> LocalBoxFuture<'a, Result<Completion>> {
        // Boxed, so that the commands are compiled here and not again in each program that runs them.
        self.command.run(self.output, deployment, console).boxed_local()
    }
}

impl Command {
    async fn run(self, output: Output, deployment: &Deployment, console: &mut Console) -> Result<Completion> {
        match self {
            Command::Status(status) => status.run(deployment, output, console).await,
            Command::Cells(cells) => cells.run(deployment, output, console).await,
            Command::Tenants(tenants) => Box::pin(tenants.run(deployment, output, console)).await,
            Command::Rebalance(rebalance) => rebalance.run(deployment, output, console).await,
            Command::Moves(moves) => Box::pin(moves.run(deployment, output, console)).await,
            Command::Plan(plan) => plan.run(deployment, output, console).await,
            Command::Simulate(simulate) => simulate.run(output, console),
            Command::Dlq(dlq) => dlq.run(deployment, output, console).await,
            Command::Audit(audit) => audit.run(deployment, output, console).await,
            Command::Snapshot(snapshot) => snapshot.run(deployment, output, console).await,
        }
    }
}
