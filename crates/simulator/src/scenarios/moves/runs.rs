//! The operators' runs of `cellctl`, some of them killed.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cellstack_cellctl::{Cli, Console, Deployment};
use cellstack_core::sync::lock;
use cellstack_embedded::Stack;
use cellstack_embedded::names::PREFIX;
use clap::Parser as _;

use crate::trace::Trace;

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    Killed,
    Done,
    Failed(String),
}

/// Runs a command line as an operator, for as long as it lives.
pub(super) async fn cellctl(
    stack: &Stack,
    trace: &Trace,
    operator: &str,
    line: &str,
    life: Option<Duration>,
) -> (End, String) {
    let deployment = Deployment::new(PREFIX, stack.dynamodb(), stack.sqs(), Arc::clone(stack.clock()));
    let data = Buffer::default();
    let mut console = Console::new(data.clone(), std::io::sink());
    let words = ["cellctl"].into_iter().chain(line.split_whitespace());
    let end = match Cli::try_parse_from(words) {
        Ok(cli) => {
            // A run without a life is cancelled after a day.
            let life = life.unwrap_or(Duration::from_secs(86_400));
            match tokio::time::timeout(life, Box::pin(cli.run(&deployment, &mut console))).await {
                Ok(Ok(_)) => End::Done,
                Ok(Err(error)) => End::Failed(format!("{error:#}")),
                Err(_) => End::Killed,
            }
        }
        Err(error) => End::Failed(error.to_string()),
    };
    trace.note(format_args!("operator {operator}: {line}: {end:?}"));
    let data = String::from_utf8_lossy(&lock(&data.0)).into_owned();
    (end, data)
}

/// A writer to memory.
#[derive(Debug, Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
