//! `cellctl dlq`

mod ls;
mod purge;
mod redrive;
mod show;

use anyhow::Result;
use cellstack_core::CellId;
use clap::{Args, Subcommand};

use crate::audit::Counts;
use crate::cells::named;
use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;
use crate::dlq::{DeadLetterQueue, Filter, queues};

/// Inspect, redrive and purge dead letters
///
/// Every cell has three dead-letter queues: of its stream (changes that the producer could not publish), of its topic
/// (messages that the topic could not deliver) and of its queue (messages that the consumer could not process).
#[derive(Debug, Args)]
pub(crate) struct Dlq {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Ls(ls::Ls),
    Show(show::Show),
    Redrive(redrive::RedriveDeadLetters),
    Purge(purge::Purge),
}

impl Dlq {
    pub(crate) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        match self.verb {
            Verb::Ls(ls) => ls.run(deployment, output, console).await,
            Verb::Show(show) => show.run(deployment, output, console).await,
            Verb::Redrive(redrive) => redrive.run(deployment, output, console).await,
            Verb::Purge(purge) => purge.run(deployment, output, console).await,
        }
    }
}

/// A choice of cells, and of letters in them.
#[derive(Debug, Args)]
struct Scope {
    /// Only these cells; all of them unless given
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    cell: Vec<CellId>,
    #[command(flatten)]
    filter: Filter,
}

impl Scope {
    async fn queues(&self, deployment: &Deployment) -> Result<Vec<DeadLetterQueue>> {
        Ok(queues(deployment, &named(deployment, &self.cell).await?, &self.filter))
    }
}

/// The form for the audit trail.
impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cells: Vec<&str> = self.cell.iter().map(CellId::as_str).collect();
        let cells = if cells.is_empty() { "all cells".to_owned() } else { format!("--cell {}", cells.join(",")) };
        write!(f, "{cells}{}", self.filter)
    }
}

/// Returns SQS's count of messages per queue.
async fn sizes(queues: &[DeadLetterQueue]) -> Result<Counts> {
    let mut counts = Counts::new();
    for queue in queues {
        counts.insert(queue.name().to_owned(), queue.size().await?.total());
    }
    Ok(counts)
}
