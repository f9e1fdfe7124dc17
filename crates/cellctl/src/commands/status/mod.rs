//! `cellctl status`

mod moves;
mod row;
mod screen;

use std::time::Duration;

use anyhow::Result;
use cellstack_core::Clock as _;
use cellstack_core::event::rfc3339;
use clap::Args;

use self::screen::Screen;
use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;

/// Show all cells on one screen, and what needs a look
///
/// Messages and letters are SQS's approximate counts. The age of the oldest message, and of the stream record to which the producer
/// comes next, are CloudWatch's, some minutes old. The last probe's time is that from its write until it was processed; cellctl
/// cells probe makes one.
///
/// Exit code 3 if something needs a look: a cell that is down, recovering or nearly full, letters, a failed probe, messages or
/// stream records older than 15 minutes, a cell that only one of Terraform and cellctl knows, a tenant whose writes have waited
/// for its move for longer than a minute.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl status
  cellctl status --output json
  cellctl status --watch --every 5")]
pub(crate) struct Status {
    /// Refresh it in place until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    every: u64,
}

impl Status {
    pub(crate) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let mut completion = None;
        loop {
            let now_ms = deployment.clock.wall_ms();
            match Screen::read(deployment, now_ms).await {
                Ok(screen) => {
                    if self.watch {
                        console.clear()?;
                    }
                    screen.print(output, now_ms, console)?;
                    completion = Some(Completion::of(screen.notes.is_empty()));
                }
                // An outage must not end the watch over it. What was shown stays on the screen.
                Err(error) if self.watch && completion.is_some() => {
                    console.say(format_args!(
                        "not read at {}, next look in {} s: {error:#}",
                        rfc3339(now_ms),
                        self.every
                    ));
                    completion = Some(Completion::LeftSome);
                }
                Err(error) => return Err(error),
            }
            let completion = completion.unwrap_or(Completion::LeftSome);
            if !self.watch {
                return Ok(completion);
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(self.every)) => {}
                () = deployment.stop().cancelled() => return Ok(completion),
            }
        }
    }
}
