//! `cellctl moves purge`

use anyhow::{Context as _, Result, bail};
use cellstack_core::event::rfc3339;
use cellstack_core::{CellId, Clock as _};
use cellstack_store::moves::{Copy, MoveId, MoveRecord, Phase, Purgeable, Steps, all};
use clap::Args;

use super::read;
use crate::audit::{self, Facts};
use crate::completion::Completion;
use crate::console::progress::Progress;
use crate::console::{Console, Output};
use crate::deployment::Deployment;
use crate::moving::ShownMove;
use crate::operator::Operator;
use crate::write_units::WriteUnits;

/// Delete the copy that a move has left: the source's, or the destination's where the move was aborted
///
/// The copy is compared once more with the cell that has the tenant, and stays if that lacks anything. Refused before the time
/// is over for which the move keeps it, unless --now. Events that the cell holds as a standby stay. Each deletion takes two write
/// units per KiB of the cell that has the copy. A purge that was stopped is run again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl moves purge 01932c07-209c-7a3e-8000-0123456789ab --reason 'a week is over' --dry-run
  cellctl moves purge 01932c07-209c-7a3e-8000-0123456789ab --reason 'a week is over'")]
pub(super) struct Purge {
    /// The move
    #[arg(value_name = "MOVE")]
    id: MoveId,
    #[command(flatten)]
    by: Operator,
    /// Also before the time is over for which it is kept
    #[arg(long)]
    now: bool,
    #[command(flatten)]
    write_units: WriteUnits,
    /// Say what would change and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Purge {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let by = self.by.sign(console)?;
        let record = read(deployment, self.id).await?;
        let of = self.copied(deployment, &record)?;
        let tables = deployment.tables();
        let entry = deployment.placement(&tables, &by.operator).settled(&record.tenant).await?;
        if entry.route.cell_id == of {
            bail!(
                "{} is in {of} again; expected it elsewhere: there is no copy to delete, only the tenant itself",
                record.tenant
            );
        }
        if !self.now {
            self.allow(deployment, &record, &of).await?;
        }
        let world = deployment.fleet().await?;
        let (site, owner) = (world.site(&of)?, world.site(&entry.route.cell_id)?);
        let copy = Copy {
            client: &deployment.dynamodb,
            tenant: &record.tenant,
            of: &site,
            is_source: record.has_flipped(),
            owner: &owner,
            epoch: entry.route.epoch,
            map_table: &tables.tenant_map,
        };
        let stays = || {
            let (tenant, owner) = (&record.tenant, &entry.route.cell_id);
            format!("the copy of {tenant} in {of} stays: {owner} is not known to have all of it")
        };
        let Purgeable { items, held } = copy.compare(|| deployment.clock.wall_ms()).await.with_context(stays)?;
        if held > 0 {
            console.say(format_args!("{held} events that {of} holds as a standby stay"));
        }
        if self.dry_run {
            console.say(format_args!("{items} items of {} would be deleted in {of}", record.tenant));
            return Ok(Completion::Done);
        }
        let before = Facts::default().text("cell", of.as_str()).count("items", items);
        let trail = audit::begin(deployment, &by, "moves purge", record.tenant.to_string(), before).await?;
        let (progress, mut deleted) = (Progress::of("items", items, console), 0);
        let go_on = |items| {
            progress.add(items);
            deleted += items;
            !deployment.stop().is_cancelled()
        };
        let purged = copy.delete(|| deployment.clock.wall_ms(), &self.write_units.limit(1), go_on).await;
        progress.finish();
        let stopped = matches!(purged, Ok(false)).then(|| "stopped before its end".to_owned());
        let troubles: Vec<String> = purged.as_ref().err().map(ToString::to_string).into_iter().chain(stopped).collect();
        let facts = Facts::default().text("move", &self.id.to_string()).count("deleted", deleted);
        trail.end(Facts::default(), facts, &troubles).await?;
        let rest_stays = || format!("{deleted} of {items} items are deleted, and the rest of the copy stays");
        if !purged.with_context(rest_stays)? {
            console.say(format_args!(
                "stopped: {deleted} of {items} items are deleted; `cellctl moves purge {}` continues",
                self.id
            ));
            return Ok(Completion::LeftSome);
        }
        let steps = Steps { client: &deployment.dynamodb, registry: &tables.registry, id: self.id, run: record.run };
        steps.record(&[record.phase], Phase::Purged, deployment.clock.wall_ms(), &[]).await?;
        console.say(format_args!("{deleted} items of {} are deleted in {of}", record.tenant));
        if output == Output::Json {
            console.json(&ShownMove::from(&read(deployment, self.id).await?))?;
        }
        Ok(Completion::Done)
    }

    /// Checks that no other move keeps the copy. The tenant may have come back and left it again since this move, and an
    /// aborted move leads to a copy that an earlier one has left.
    async fn allow(&self, deployment: &Deployment, record: &MoveRecord, of: &CellId) -> Result<()> {
        let now_ms = deployment.clock.wall_ms();
        // The latest comes first.
        let enough = |found: &[MoveRecord]| {
            record.phase != Phase::Aborted && found.last().is_some_and(|last| last.id <= self.id)
        };
        for other in all(&deployment.dynamodb, &deployment.registry(), enough).await? {
            let may_keep = other.id > self.id || (record.phase == Phase::Aborted && other.id != self.id);
            let is_of_copy = other.tenant == record.tenant && other.from == *of && other.phase == Phase::Flipped;
            if may_keep
                && is_of_copy
                && let Some(until) = other.retain_until
                && now_ms < until
            {
                bail!(
                    "the copy of {} in {of} is kept until {} by move {}; expected a later time, or --now",
                    record.tenant,
                    rfc3339(until),
                    other.id
                );
            }
        }
        Ok(())
    }

    /// Returns the cell that has the copy.
    fn copied(&self, deployment: &Deployment, record: &MoveRecord) -> Result<CellId> {
        let now_ms = deployment.clock.wall_ms();
        match (record.phase, record.retain_until) {
            (Phase::Aborted, _) => Ok(record.to.clone()),
            (Phase::Flipped, Some(until)) if now_ms < until && !self.now => bail!(
                "the copy of {} in {} is kept until {}; expected a later time, or --now",
                record.tenant,
                record.from,
                rfc3339(until)
            ),
            (Phase::Flipped, _) => Ok(record.from.clone()),
            (Phase::Purged, _) => bail!("the copy that move {} has left is deleted already", self.id),
            (phase, _) => bail!(
                "move {} is {}; expected one that has ended: `cellctl moves show {}`",
                self.id,
                phase.as_str(),
                self.id
            ),
        }
    }
}
