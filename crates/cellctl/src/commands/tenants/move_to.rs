//! `cellctl tenants move`

use anyhow::{Result, bail};
use cellstack_core::registry::CellStatus;
use cellstack_core::{CellId, Clock as _, EventId, RouteState, TenantId};
use cellstack_placement::Refusal;
use cellstack_store::moves::{MoveError, MoveOrder, MoveRecord, of_tenant};
use cellstack_store::placement::RegisteredFleet;
use cellstack_store::tenant_map::TenantEntry;
use clap::Args;

use crate::audit::{self, Facts, Signature};
use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;
use crate::moving::{Ended, Engine, Manner, Prediction, Reporter, ShownMove, Sites};
use crate::operator::Operator;

/// Move a tenant to another cell while it writes
///
/// The source takes events while what it has processed is copied and compared. After 310 s no router has an old route; then
/// callers wait while the source processes what it has, the rest is copied, all is compared, and the map is flipped. A caller
/// that waits longer than 2 s gets 503 with Retry-After. The source's copy is kept: `cellctl moves back` moves the tenant
/// back, `cellctl moves purge` deletes it. A run that ends early leaves a move that `cellctl moves resume` continues.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl tenants move acme --to beta --reason 'alpha is full' --dry-run
  cellctl tenants move acme --to beta --reason 'alpha is full'")]
pub(super) struct MoveTo {
    /// The tenant
    #[arg(value_name = "TENANT")]
    tenant: TenantId,
    /// The cell that it goes to
    #[arg(long, value_name = "CELL")]
    to: CellId,
    /// Its standby there, or `none` [default: the one it has; its old cell, if it goes to that one]
    #[arg(long, value_name = "CELL")]
    standby: Option<String>,
    #[command(flatten)]
    manner: Manner,
    #[command(flatten)]
    by: Operator,
    /// Say what would change and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl MoveTo {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let by = self.by.sign(console)?;
        let tables = deployment.tables();
        if let Some(record) = of_tenant(&deployment.tenant_map(), &tables.registry, &self.tenant).await? {
            return Err(MoveError::UnderWay(Box::new(record)).into());
        }
        let entry = deployment.placement(&tables, &by.operator).settled(&self.tenant).await?;
        let world = deployment.fleet().await?;
        let standby = standby(&world, &entry, &self.to, self.standby.as_deref())?;
        let passage = Passage { entry, to: self.to, standby, manner: self.manner };
        passage.go(deployment, &by, &world, self.dry_run, output, console).await
    }
}

/// Chooses the standby in the next cell.
pub(crate) fn standby(
    world: &RegisteredFleet,
    entry: &TenantEntry,
    to: &CellId,
    wanted: Option<&str>,
) -> Result<Option<CellId>> {
    let route = &entry.route;
    match wanted {
        Some("none") => return Ok(None),
        Some(cell) => {
            let cell: CellId = cell.parse()?;
            if cell == *to {
                return Err(Refusal::StandbyIsHome { cell }.into());
            }
            return Ok(Some(cell));
        }
        None => {}
    }
    let Some(standby) = &route.standby_cell_id else { return Ok(None) };
    if standby != to {
        return Ok(Some(standby.clone()));
    }
    // A standby that becomes the tenant's cell changes places with it, if the old cell takes tenants.
    let old = world.listing.cell(&route.cell_id).and_then(|cell| cell.state.as_ref()).map(|state| state.status);
    if matches!(old, Some(CellStatus::Active | CellStatus::Full)) {
        return Ok(Some(route.cell_id.clone()));
    }
    Ok(world.fleet.choose_standby(to))
}

/// A tenant's way that is about to be gone.
pub(crate) struct Passage {
    pub(crate) entry: TenantEntry,
    pub(crate) to: CellId,
    pub(crate) standby: Option<CellId>,
    pub(crate) manner: Manner,
}

impl Passage {
    /// Looks the cells up, and predicts.
    pub(crate) async fn look(&self, deployment: &Deployment, world: &RegisteredFleet) -> Result<(Sites, Prediction)> {
        let route = &self.entry.route;
        if route.cell_id == self.to {
            let (tenant, cell) = (route.tenant_id.clone(), self.to.clone());
            return Err(MoveError::AlreadyThere { tenant, cell }.into());
        }
        let before = (&route.cell_id, route.standby_cell_id.as_ref());
        let sites = Sites::new(world, before, (&self.to, self.standby.as_ref()))?;
        let status = world.listing.cell(&route.cell_id).and_then(|cell| Some(cell.state.as_ref()?.status));
        if !status.is_none_or(CellStatus::serves) {
            bail!(
                "cell {} is {}; expected one that serves, since it must process what it has: `cellctl cells up {}` first",
                route.cell_id,
                status.map_or("new", CellStatus::as_str),
                route.cell_id
            );
        }
        let prediction = Prediction::make(deployment, &sites.source, &route.tenant_id, &self.manner).await?;
        Ok((sites, prediction))
    }

    /// Says what is and what will change, and moves the tenant unless that was all.
    pub(crate) async fn go(
        self,
        deployment: &Deployment,
        by: &Signature,
        world: &RegisteredFleet,
        dry_run: bool,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let (sites, prediction) = self.look(deployment, world).await?;
        console.say(self.says());
        console.say(format_args!("predicted: {prediction}"));
        if !dry_run {
            return self.take(deployment, by, sites, prediction, output, console).await;
        }
        let (tables, route) = (deployment.tables(), &self.entry.route);
        let path = sites.path(deployment, &route.tenant_id, route.epoch);
        deployment.placement(&tables, &by.operator).examine_move(&self.entry, &path).await?;
        if output == Output::Json {
            console.json(&prediction)?;
        }
        Ok(Completion::Done)
    }

    fn says(&self) -> String {
        let route = &self.entry.route;
        let name = |cell: Option<&CellId>| cell.map_or_else(|| "none".to_owned(), ToString::to_string);
        format!(
            "{} is in {}, standby {}; it goes to {}, standby {}",
            route.tenant_id,
            route.cell_id,
            name(route.standby_cell_id.as_ref()),
            self.to,
            name(self.standby.as_ref())
        )
    }

    /// Begins the move.
    pub(crate) async fn begin(
        &self,
        deployment: &Deployment,
        by: &Signature,
        sites: &Sites,
        prediction: Prediction,
    ) -> Result<MoveRecord, MoveError> {
        let (tables, now_ms) = (deployment.tables(), deployment.clock.wall_ms());
        let fresh = || EventId::from_parts(now_ms, deployment.entropy.random());
        let route = &self.entry.route;
        let path = sites.path(deployment, &route.tenant_id, route.epoch);
        let retain = u64::try_from(self.manner.retain.as_millis()).unwrap_or(u64::MAX);
        let order = MoveOrder {
            entry: &self.entry,
            path: &path,
            id: fresh(),
            run: fresh(),
            reason: &by.reason,
            retain_until: now_ms.saturating_add(retain),
            counts: prediction.counts(),
        };
        deployment.placement(&tables, &by.operator).begin_move(&order, now_ms).await
    }

    async fn take(
        self,
        deployment: &Deployment,
        by: &Signature,
        sites: Sites,
        prediction: Prediction,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let route = &self.entry.route;
        let before = Facts::default().text("cell", route.cell_id.as_str()).count("epoch", route.epoch.0);
        let trail = audit::begin(deployment, by, "tenants move", route.tenant_id.to_string(), before).await?;
        let begun = self.begin(deployment, by, &sites, prediction).await;
        let record = match begun {
            Ok(record) => record,
            Err(error) => {
                trail.end(Facts::default(), Facts::default(), &[error.to_string()]).await?;
                return Err(error.into());
            }
        };
        console.say(format_args!("move {} begun", record.id));
        go_on(deployment, by, sites, self.manner, record, trail, output, console).await
    }
}

/// Takes the steps of a move that is this run's, and says how it ended.
#[expect(clippy::too_many_arguments, reason = "all that a run consists of")]
pub(crate) async fn go_on(
    deployment: &Deployment,
    by: &Signature,
    sites: Sites,
    manner: Manner,
    record: MoveRecord,
    trail: audit::Entry<'_>,
    output: Output,
    console: &mut Console,
) -> Result<Completion> {
    let events = record.counts.get("predicted_items").copied().unwrap_or_default();
    let reporter = Reporter::new(console, output, events);
    let mut engine = Engine::new(deployment, &by.operator, sites, manner, record, |stage| reporter.report(stage));
    let ended = Box::pin(engine.drive()).await;
    let record = engine.record.clone();
    drop(engine);
    reporter.finish();
    let id = record.id;
    let trouble = match &ended {
        Ok(Ended::Moved) => None,
        Ok(Ended::NotDrained { pending }) => Some(format!("{pending} events were not processed in time")),
        Ok(Ended::Stopped) => Some("stopped by the operator".to_owned()),
        Err(error) => Some(format!("{error:#}")),
    };
    let after = Facts::default().text("phase", record.phase.as_str());
    let troubles: Vec<String> = trouble.into_iter().collect();
    trail.end(after, Facts::default().text("move", &id.to_string()), &troubles).await?;
    let ended = ended.inspect_err(|_| {
        let undo = if record.carries { String::new() } else { format!(", `cellctl moves abort {id}` undoes it") };
        console.say(format_args!(
            "move {id} is {}: `cellctl moves resume {id}` continues it{undo}",
            record.phase.as_str()
        ));
    })?;
    if output == Output::Json {
        console.json(&ShownMove::from(&record))?;
    }
    match ended {
        Ended::Moved => {
            let pause = record.counts.get("pause_ms").copied().unwrap_or_default();
            let predicted = record.counts.get("predicted_pause_ms").copied().unwrap_or_default();
            console.say(format_args!(
                "{} is in {}; callers waited {pause} ms at most, predicted {predicted} ms; the copy in {} is kept",
                record.tenant, record.to, record.from
            ));
            Ok(Completion::Done)
        }
        Ended::NotDrained { pending } => bail!(
            "{} has {pending} events in {} that were not processed within {} s, and stays there; expected none: see \
             `cellctl dlq ls --cell {}`, or hand them over with --carry-pending",
            record.tenant,
            record.from,
            manner.drain_time.as_secs_f64(),
            record.from
        ),
        Ended::Stopped => {
            console.say(format_args!(
                "stopped; the move is {}: `cellctl moves resume {id}` continues it, `cellctl moves abort {id}` undoes it",
                RouteState::Moving.as_str()
            ));
            Ok(Completion::LeftSome)
        }
    }
}
