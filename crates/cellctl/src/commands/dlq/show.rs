//! `cellctl dlq show`

use anyhow::Result;
use cellstack_core::CellId;
use clap::Args;
use serde::Serialize;

use crate::cells::named;
use crate::completion::Completion;
use crate::console::{Console, Output, dead_letters, table};
use crate::deployment::Deployment;
use crate::dlq::{Filter, Found, Reader, queues};

/// Show dead letters and their reasons
///
/// With --output json letters are printed whole, with the event or record each is about: that is tenant data.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl dlq show --cell beta
  cellctl dlq show --cell beta --because refused --tenant globex --output json")]
pub(super) struct Show {
    /// The cell
    #[arg(long, value_name = "ID")]
    cell: CellId,
    #[command(flatten)]
    filter: Filter,
    /// Show no more letters than this
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

/// Letters that are read for the few that are shown.
const MAX_LOOKED_AT: usize = 10_000;
/// The length of a detail in a table.
const DETAIL_WIDTH: usize = 100;

#[derive(Serialize)]
struct Shown<'a> {
    queue: &'a str,
    #[serde(flatten)]
    found: Found,
}

impl Show {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let queues = queues(deployment, &named(deployment, std::slice::from_ref(&self.cell)).await?, &self.filter);
        let mut shown = Vec::new();
        let mut more = Vec::new();
        for queue in &queues {
            let mut reader = Reader::open(queue, MAX_LOOKED_AT).await?;
            let ended = loop {
                match reader.next().await {
                    Ok(Some(found)) if !self.filter.matches(&found) => {}
                    Ok(Some(_)) if shown.len() == self.limit => {
                        more.push(format!("there are more than the {} shown: raise --limit", dead_letters(self.limit)));
                        break Ok(());
                    }
                    Ok(Some(found)) => shown.push(Shown { queue: queue.name(), found }),
                    Ok(None) => {
                        let unseen =
                            reader.unseen().map(|unseen| format!("{}: not all was seen: {unseen}", queue.name()));
                        more.extend(unseen);
                        break Ok(());
                    }
                    Err(failure) => break Err(failure),
                }
            };
            reader.close().await;
            ended?;
            if shown.len() == self.limit && !more.is_empty() {
                break;
            }
        }
        match output {
            Output::Json => console.json(&shown)?,
            Output::Table => console.print(rows(&shown))?,
        }
        for line in &more {
            console.say(line);
        }
        Ok(Completion::of(more.is_empty()))
    }
}

fn rows(shown: &[Shown<'_>]) -> comfy_table::Table {
    let mut table = table(&["place", "reason", "tenant", "event", "at", "tried", "redriven", "detail"]);
    for Shown { found, .. } in shown {
        let subject = found.subject();
        let dash = || "-".to_owned();
        let mut detail: String = found.letter.detail.chars().take(DETAIL_WIDTH).collect();
        if detail.len() < found.letter.detail.len() {
            detail.push('…');
        }
        table.add_row([
            found.place.to_string(),
            found.letter.reason.to_string(),
            subject.as_ref().map_or_else(dash, |subject| subject.tenant.to_string()),
            subject.as_ref().map_or_else(dash, |subject| subject.event.to_string()),
            found.letter.at.clone(),
            found.letter.attempts.to_string(),
            found.redrives.to_string(),
            detail,
        ]);
    }
    table
}
