//! `cellctl cells bootstrap`

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use cellstack_core::registry::CellState;
use cellstack_core::{CellId, Clock as _};
use cellstack_store::cells::{Cell, StateError, create_state};
use clap::{ArgGroup, Args};
use serde::Serialize;

use crate::audit::{self, Facts, Signature};
use crate::cells;
use crate::cells::queue::size;
use crate::cells::recount::Counted;
use crate::completion::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::dlq::{Filter, queues};
use crate::health::{Probe, probe};
use crate::operator::Routine;

/// Take a stamped cell into service: look at its parts, send an event through it, and let it take tenants
///
/// Checks that the cell's table and queues are there, and that an event passes through stream, producer, topic, queue and
/// consumer. Then the cell is active. Run it again at any point: nothing is done twice. Exit code 3 if a cell did not get
/// there.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").args(["cell", "all"]).required(true))]
#[command(after_help = "Examples:
  cellctl cells bootstrap delta --dry-run
  cellctl cells bootstrap delta
  cellctl cells bootstrap --all")]
pub(super) struct Bootstrap {
    /// The cells
    #[arg(value_name = "CELL")]
    cell: Vec<CellId>,
    /// Every stamped cell that takes no tenants yet
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    by: Routine,
    /// Seconds that the event may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    /// Look at the cell's parts, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// A step, and its result.
#[derive(Debug, Serialize)]
struct Step {
    cell: CellId,
    step: &'static str,
    ok: bool,
    detail: String,
}

impl Bootstrap {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let by = self.by.sign(console)?;
        let mut chosen = cells::named(deployment, &self.cell).await?;
        if self.all {
            chosen.retain(|cell| cell.state.is_none());
            if chosen.is_empty() {
                console.say("every stamped cell was bootstrapped; nothing to change");
            }
        }
        let mut steps = Vec::new();
        for cell in &chosen {
            match &cell.state {
                Some(state) => {
                    console.say(format_args!("cell {} is {}; nothing to change", cell.id, state.status.as_str()));
                }
                None => self.cell(deployment, &by, cell, &mut steps).await?,
            }
        }
        match output {
            Output::Json => console.json(&steps)?,
            Output::Table => {
                let mut table = table(&["cell", "step", "result", "detail"]);
                for Step { cell, step, ok, detail } in &steps {
                    table.add_row([cell.as_str(), step, if *ok { "ok" } else { "failed" }, detail]);
                }
                console.rows(&table)?;
            }
        }
        let failed = steps.iter().find(|step| !step.ok);
        if let Some(Step { cell, step, .. }) = failed {
            console.say(format_args!(
                "cell {cell} takes no tenants: {step} failed. Mend it, then cellctl cells bootstrap {cell}"
            ));
        }
        Ok(Completion::of(failed.is_none()))
    }

    async fn cell(&self, deployment: &Deployment, by: &Signature, cell: &Cell, steps: &mut Vec<Step>) -> Result<()> {
        let step = |step, ok, detail| Step { cell: cell.id.clone(), step, ok, detail };
        let (ok, detail) = parts(deployment, cell).await;
        steps.push(step("parts", ok, detail));
        if !ok || self.dry_run {
            return Ok(());
        }
        let probed = probe(deployment, cell, Duration::from_secs(self.timeout)).await;
        let detail = match &probed {
            Probe { ms: Some(ms), .. } => format!("processed after {ms} ms"),
            Probe { stage, error, .. } => format!("{}: {}", stage.as_str(), error.as_deref().unwrap_or_default()),
        };
        steps.push(step("event through it", probed.passed(), detail));
        if !probed.passed() {
            return Ok(());
        }
        if let Err(why) = probed.keep(deployment, cell).await {
            bail!("the probe's result could not be kept: {why}");
        }
        let tenants = self.activate(deployment, by, cell).await?;
        steps.push(step(
            "active",
            true,
            format!("{tenants} tenants; takes up to a weight of {}", cell.config.capacity),
        ));
        Ok(())
    }

    async fn activate(&self, deployment: &Deployment, by: &Signature, cell: &Cell) -> Result<u64> {
        // None, unless it served before cellctl kept states.
        let counts = Counted::read(deployment).await?.of(&cell.id);
        let state = CellState {
            tenants: counts.tenants,
            placed: counts.placed,
            reason: Some(by.reason.clone()),
            updated_by: Some(by.operator.clone()),
            updated_at: Some(deployment.clock.wall_ms()),
            ..CellState::default()
        };
        let record = audit::begin(
            deployment,
            by,
            "cells bootstrap",
            cell.id.to_string(),
            Facts::default().text("status", "new"),
        );
        let record = record.await?;
        let created = create_state(&deployment.dynamodb, &deployment.registry(), &cell.id, &state).await;
        let troubles: Vec<String> = created.as_ref().err().map(ToString::to_string).into_iter().collect();
        record.end(Facts::default().text("status", "active"), Facts::default(), &troubles).await?;
        match created {
            // Another operator was quicker.
            Ok(()) | Err(StateError::Replaced { .. }) => Ok(counts.tenants),
            Err(error) => Err(error).with_context(|| format!("cell {} has no state yet", cell.id)),
        }
    }
}

/// Looks at the parts of a cell that its configuration names. Returns whether all are there.
async fn parts(deployment: &Deployment, cell: &Cell) -> (bool, String) {
    let table = deployment.dynamodb.describe_table().table_name(&cell.config.table).send().await;
    let table = match table {
        Err(error) => return (false, cellstack_aws::AwsFailure::of("find the cell's table", error).to_string()),
        Ok(found) => found.table,
    };
    let has_stream = table.and_then(|table| table.stream_specification).is_some_and(|stream| stream.stream_enabled);
    if !has_stream {
        return (false, format!("table {} has no stream; expected one: terraform apply", cell.config.table));
    }
    let dlqs = queues(deployment, std::slice::from_ref(cell), &Filter::default());
    if let Err(failure) = size(&deployment.sqs, &cell.config.queue_url).await {
        return (false, failure.to_string());
    }
    for queue in &dlqs {
        if let Err(failure) = queue.size().await {
            return (false, format!("{}: {failure}", queue.name()));
        }
    }
    (true, format!("table with a stream, queue, {} dead-letter queues", dlqs.len()))
}
