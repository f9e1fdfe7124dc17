//! The operators' part of a run: what lies among the dead letters is redriven, by a run that is killed on its way and by
//! one that is not.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use cellstack_cellctl::{Cli, Console, Ending, Estate};
use cellstack_core::Ambient;
use clap::Parser as _;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng};

use crate::Stack;
use crate::names::PREFIX;
use crate::simulate::trace::Trace;

/// What tells its randomness from that of the other parts of a run.
const SALT: u64 = 0x7265_6472_6976_6531;
/// The longest a run lives that is to be killed: each of its calls is an await point, and they are milliseconds apart.
const SHORT_LIFE: Duration = Duration::from_secs(2);
/// Longer than a killed run's letters stay hidden.
const HIDDEN: Duration = Duration::from_secs(180);

/// Redrives everything, twice: killed somewhere, then to the end.
pub(crate) async fn redrive(stack: &Stack, seed: u64, trace: &Trace) -> Result<()> {
    let life = StdRng::seed_from_u64(seed ^ SALT).random_range(Duration::ZERO..SHORT_LIFE);
    match tokio::time::timeout(life, run(stack)).await {
        Ok(ending) => trace.note(format_args!("redriven before it could be killed: {:?}", ending?)),
        Err(_) => trace.note(format_args!("a redrive was killed after {} ms", life.as_millis())),
    }
    tokio::time::sleep(HIDDEN).await;
    let ending = run(stack).await?;
    trace.note(format_args!("redriven: {ending:?}"));
    Ok(())
}

async fn run(stack: &Stack) -> Result<Ending> {
    let ambient: Arc<dyn Ambient> = stack.ambient.clone();
    let estate = Estate::new(PREFIX, stack.dynamodb(), stack.sqs(), ambient);
    let arguments = ["cellctl", "dlq", "redrive", "--reason", "simulated", "--operator", "simulate", "--rate", "50"];
    let mut console = Console::new(std::io::sink(), std::io::sink());
    Cli::try_parse_from(arguments)?.run(&estate, &mut console).await
}
