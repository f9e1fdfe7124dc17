//! `cellctl moves run`

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use cellstack_core::event::rfc3339;
use cellstack_core::{Clock as _, TenantId};
use cellstack_placement::plan::{Move, StandbyChange};
use cellstack_store::moves::Switch;
use clap::Args;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde::Serialize;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::audit::{self, Facts, Signature};
use crate::cells::homecoming::wait;
use crate::commands::tenants::Passage;
use crate::completion::Completion;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::moving::{Ended, Engine, Manner, Stage};
use crate::operator::Operator;
use crate::planning::plans::{Saved, Surveyed};

/// Run the moves of a plan that cells drain or rebalance has kept
///
/// Several tenants move at once. After a failure no further move begins, and those under way continue to their end: fix the
/// cause, make the plan anew, and run that. Any operator can pause all runs (cellctl moves pause).
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl moves run drain-alpha.json --reason 'alpha is old' --dry-run
  cellctl moves run drain-alpha.json --reason 'alpha is old' --tenants-at-once 64")]
pub(super) struct Run {
    /// The plan
    #[arg(value_name = "FILE")]
    plan: PathBuf,
    /// Tenants that move at once: each waits 310 s for old routes
    #[arg(long, value_name = "NUMBER", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    tenants_at_once: u16,
    #[command(flatten)]
    manner: Manner,
    #[command(flatten)]
    by: Operator,
    /// Say what would change and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Pause before a paused run looks at the switch again.
const LOOK: Duration = Duration::from_secs(5);

/// The result, for programs.
#[derive(Debug, Default, Serialize)]
struct Report {
    moved: u64,
    failed: BTreeMap<TenantId, String>,
    not_begun: usize,
    standbys: u64,
    /// The longest time for which the callers of one tenant waited, in milliseconds.
    longest_pause_ms: u64,
}

impl Run {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let by = self.by.sign(console)?;
        let saved = Saved::read(&self.plan, deployment)?;
        let surveyed = Surveyed::read(deployment).await?;
        let (changed, left): (Vec<String>, Vec<&Move>) = {
            let changed = saved.plan.check(&surveyed.world.fleet, &surveyed.tenants);
            (changed, saved.plan.moves.iter().collect())
        };
        if let Some(change) = changed.first() {
            bail!("{} things have changed since the plan was made, such as: {change}; make it anew", changed.len());
        }
        let standbys = &saved.plan.standbys;
        console.say(format_args!("tenants: {} to move, {} to get another standby", left.len(), standbys.len()));
        if self.dry_run {
            return Ok(Completion::Done);
        }
        let before = Facts::default().count("moves", left.len() as u64).count("standbys", standbys.len() as u64);
        let scope = self.plan.display().to_string();
        let trail = audit::begin(deployment, &by, "moves run", scope, before).await?;
        let mut report = Report::default();
        let ran = self.all(deployment, &by, &left, standbys, &mut report, console).await;
        let mut troubles: Vec<String> =
            report.failed.iter().map(|(tenant, error)| format!("{tenant}: {error}")).collect();
        troubles.extend(ran.as_ref().err().map(|error| format!("{error:#}")));
        troubles.extend((report.not_begun > 0).then(|| format!("{} moves were not begun", report.not_begun)));
        trail.end(Facts::default(), Facts::default().count("moved", report.moved), &troubles).await?;
        ran?;
        print(&report, output, console)?;
        Ok(Completion::of(report.failed.is_empty() && report.not_begun == 0))
    }

    async fn all(
        &self,
        deployment: &Deployment,
        by: &Signature,
        moves: &[&Move],
        standbys: &[StandbyChange],
        report: &mut Report,
        console: &mut Console,
    ) -> Result<()> {
        for change in standbys {
            appoint(deployment, by, change).await?;
            report.standbys += 1;
        }
        let (news, mut heard) = unbounded_channel();
        let (mut waiting, mut running) = (moves.iter().copied(), FuturesUnordered::new());
        loop {
            while running.len() < usize::from(self.tenants_at_once)
                && report.failed.is_empty()
                && !self.is_held_up(deployment, running.is_empty(), console).await
                && let Some(planned) = waiting.next()
            {
                running.push(self.one(deployment, by, planned, &news));
            }
            let ended = loop {
                tokio::select! {
                    biased;
                    Some(line) = heard.recv() => console.say(line),
                    ended = running.next() => break ended,
                }
            };
            let Some((tenant, ended)) = ended else { break };
            match ended {
                Ok(pause_ms) => {
                    report.moved += 1;
                    report.longest_pause_ms = report.longest_pause_ms.max(pause_ms);
                    console.say(format_args!("{tenant} has moved; callers waited {pause_ms} ms at most"));
                }
                Err(error) => {
                    console.say(format_args!("{tenant} has not moved: {error:#}"));
                    report.failed.insert(tenant.clone(), format!("{error:#}"));
                }
            }
        }
        report.not_begun = waiting.count();
        Ok(())
    }

    /// Returns whether no move may begin now, also since that can't be read. Waits while runs are paused and none is under way.
    async fn is_held_up(&self, deployment: &Deployment, idle: bool, console: &mut Console) -> bool {
        let registry = deployment.registry();
        let switch = Switch { client: &deployment.dynamodb, registry: &registry };
        let mut told = false;
        loop {
            if deployment.stop().is_cancelled() {
                return true;
            }
            let paused = match switch.read().await {
                Ok(Some(paused)) => paused,
                Ok(None) => return false,
                // Those under way must not be dropped for it.
                Err(failure) => {
                    console.say(format_args!("no further move begins: {failure}"));
                    return true;
                }
            };
            if !idle {
                return true;
            }
            if !told {
                let (by, at, reason) = (paused.by, rfc3339(paused.at), paused.reason);
                console.say(format_args!("paused by {by} since {at}: {reason}; `cellctl moves unpause` resumes it"));
                told = true;
            }
            wait(deployment, LOOK).await;
        }
    }

    /// Moves one tenant. Returns the time for which its callers waited, in milliseconds.
    async fn one<'m>(
        &self,
        deployment: &Deployment,
        by: &Signature,
        planned: &'m Move,
        news: &UnboundedSender<String>,
    ) -> (&'m TenantId, Result<u64>) {
        (&planned.tenant, self.take(deployment, by, planned, news).await)
    }

    async fn take(
        &self,
        deployment: &Deployment,
        by: &Signature,
        planned: &Move,
        news: &UnboundedSender<String>,
    ) -> Result<u64> {
        let tables = deployment.tables();
        let entry = deployment.placement(&tables, &by.operator).settled(&planned.tenant).await?;
        let route = &entry.route;
        if (route.epoch, &route.cell_id, &route.standby_cell_id)
            != (planned.epoch, &planned.from, &planned.standby_before)
        {
            bail!("it has changed its cell, standby or epoch since the plan was made");
        }
        if entry.pinned {
            bail!("it was pinned since the plan was made: `cellctl tenants unpin {}`", planned.tenant);
        }
        let world = deployment.fleet().await?;
        let (to, standby) = (planned.to.clone(), planned.standby_after.clone());
        let passage = Passage { entry, to, standby, manner: self.manner };
        let (sites, prediction) = passage.look(deployment, &world).await?;
        let record = passage.begin(deployment, by, &sites, prediction).await?;
        let id = record.id;
        // A tenant that writes faster than it is copied keeps the run from ending.
        let told = Cell::new(false);
        let report = |stage| {
            if let Stage::CatchingUp(events) = stage
                && !told.replace(true)
            {
                let tenant = &planned.tenant;
                let line = format!(
                    "{tenant} is not caught up: {events} events came while those before them were copied, and that continues until \
                     fewer come; Ctrl-C ends the run, and `cellctl moves resume {id} --write-units 900` copies faster"
                );
                // Nobody listens once the run has ended.
                let _ = news.send(line);
            }
        };
        let mut engine = Engine::new(deployment, &by.operator, sites, self.manner, record, report);
        match Box::pin(engine.drive()).await {
            Ok(Ended::Moved) => Ok(engine.record.counts.get("pause_ms").copied().unwrap_or_default()),
            Ok(Ended::NotDrained { pending }) => Err(anyhow!(
                "{pending} events were not processed in time, and it stays: `cellctl dlq ls --cell {}`, or --carry-pending",
                planned.from
            )),
            Ok(Ended::Stopped) => Err(anyhow!("stopped: `cellctl moves resume {id}` continues it")),
            Err(error) => Err(error.context(format!("`cellctl moves resume {id}` continues it"))),
        }
    }
}

async fn appoint(deployment: &Deployment, by: &Signature, change: &StandbyChange) -> Result<()> {
    let tables = deployment.tables();
    let placement = deployment.placement(&tables, &by.operator);
    let entry = placement.settled(&change.tenant).await?;
    let (tenant, route) = (&change.tenant, &entry.route);
    if (route.epoch, &route.cell_id) == (change.epoch, &change.home) && route.standby_cell_id == change.after {
        return Ok(());
    }
    if (route.epoch, &route.cell_id, route.standby_cell_id.as_ref())
        != (change.epoch, &change.home, Some(&change.before))
    {
        bail!("{tenant} has changed its cell, standby or epoch since the plan was made: make the plan anew");
    }
    let world = deployment.fleet().await?;
    let after = change.after.as_ref().map(|cell| world.site(cell)).transpose()?;
    let before = world.site(&change.before)?;
    placement.appoint_standby(&entry, after.as_ref(), Some(&before), deployment.clock.wall_ms()).await?;
    Ok(())
}

fn print(report: &Report, output: Output, console: &mut Console) -> Result<()> {
    if output == Output::Json {
        return console.json(report);
    }
    let mut rows = table(&["moved", "failed", "not begun", "standbys changed", "longest wait of callers"]);
    rows.add_row([
        report.moved.to_string(),
        report.failed.len().to_string(),
        report.not_begun.to_string(),
        report.standbys.to_string(),
        format!("{} ms", report.longest_pause_ms),
    ]);
    console.print(rows)
}
