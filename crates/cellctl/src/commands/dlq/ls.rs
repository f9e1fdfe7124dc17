//! `cellctl dlq ls`

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use cellstack_aws::AwsFailure;
use cellstack_core::CellId;
use cellstack_core::dead_letter::{Place, Reason};
use clap::Args;
use futures::stream::{self, StreamExt as _};
use serde::Serialize;

use crate::cells::named;
use crate::cells::queue::Size;
use crate::completion::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::dlq::{DeadLetterQueue, Filter, Reader, queues};

/// Count dead letters by cell, place and reason
///
/// Receives every letter and gives it back: letters are hidden from others for the seconds this takes, and SQS counts
/// one more receive of each. If some letters could not be seen, it says so. SQS's own approximate count is shown
/// alongside.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl dlq ls
  cellctl dlq ls --cell beta --output json")]
pub(super) struct Ls {
    /// Only these cells; all of them unless given
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    cell: Vec<CellId>,
    /// Read no more letters than this per queue
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    limit: usize,
}

/// Queues that are read at once.
const AT_ONCE: usize = 8;

/// The contents of one queue.
#[derive(Debug, Serialize)]
struct Contents {
    cell: CellId,
    place: Place,
    queue: String,
    #[serde(rename = "letters")]
    dead_letters: BTreeMap<Reason, Group>,
    seen: usize,
    approximate: Size,
    /// The reason why there may be more letters than were seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    unseen: Option<String>,
}

/// Letters of one reason.
#[derive(Debug, Default, Serialize)]
struct Group {
    count: usize,
    /// The time at which the oldest was dead-lettered.
    oldest: String,
}

impl Ls {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let cells = named(deployment, &self.cell).await?;
        let queues = queues(deployment, &cells, &Filter::default());
        let looks = stream::iter(&queues).map(|queue| look(queue, self.limit)).buffered(AT_ONCE);
        let (mut all, mut failures) = (Vec::new(), Vec::new());
        for (queue, look) in queues.iter().zip(looks.collect::<Vec<_>>().await) {
            match look {
                Ok(contents) => all.push(contents),
                Err(failure) => failures.push(format!("{}: {failure}", queue.name())),
            }
        }
        match output {
            Output::Json => console.json(&all)?,
            Output::Table => console.print(rows(&all))?,
        }
        for contents in &all {
            if let Some(unseen) = &contents.unseen {
                console.say(format_args!("{}: not all was seen: {unseen}", contents.queue));
            }
        }
        if !failures.is_empty() {
            bail!("{}", failures.join("; "));
        }
        Ok(Completion::of(all.iter().all(|contents| contents.unseen.is_none())))
    }
}

async fn look(queue: &DeadLetterQueue, limit: usize) -> Result<Contents, AwsFailure> {
    let mut reader = Reader::open(queue, limit).await?;
    let mut dead_letters: BTreeMap<Reason, Group> = BTreeMap::new();
    let ended = loop {
        let found = match reader.next().await {
            Ok(Some(found)) => found,
            Ok(None) => break Ok(()),
            Err(failure) => break Err(failure),
        };
        let group = dead_letters.entry(found.letter.reason).or_default();
        group.count += 1;
        // RFC 3339 in UTC sorts as time does.
        if group.oldest.is_empty() || found.letter.at < group.oldest {
            group.oldest = found.letter.at;
        }
    };
    let contents = Contents {
        cell: queue.cell.clone(),
        place: queue.place,
        queue: queue.name().to_owned(),
        dead_letters,
        seen: reader.seen(),
        approximate: reader.before(),
        unseen: reader.unseen(),
    };
    reader.close().await;
    ended.map(|()| contents)
}

fn rows(all: &[Contents]) -> comfy_table::Table {
    let mut table = table(&["cell", "place", "reason", "letters", "oldest", "SQS says"]);
    for contents in all {
        let about = contents.approximate;
        let about = match about.hidden {
            0 => format!("about {}", about.visible),
            hidden => format!("about {}, {hidden} of them in other hands", about.total()),
        };
        let place = contents.place.as_str();
        if contents.dead_letters.is_empty() {
            table.add_row([contents.cell.as_str(), place, "-", "0", "-", &about]);
        }
        for (at, (reason, group)) in contents.dead_letters.iter().enumerate() {
            let about = if at == 0 { about.as_str() } else { "" };
            let row = [contents.cell.as_str(), place, reason.as_str(), &group.count.to_string(), &group.oldest, about];
            table.add_row(row);
        }
    }
    table
}
