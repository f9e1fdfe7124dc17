//! The take-over of a move whose run no longer lives, and its undoing.

use std::time::Duration;

use anyhow::{Result, bail};
use cellstack_core::event::rfc3339;
use cellstack_core::{Clock as _, Epoch, EventId};
use cellstack_store::carry::Homeward;
use cellstack_store::moves::{MoveId, MoveRecord, Phase, Steps, one};
use tokio::time::Instant;

use super::Sites;
use super::engine::BEAT;
use crate::audit::Signature;
use crate::cells::homecoming::wait;
use crate::deployment::Deployment;

/// Time for which the record is watched: that of three signs of life.
const WATCH: Duration = BEAT.saturating_mul(3);
const LOOK: Duration = Duration::from_secs(1);

/// Takes a move over. Watches its record first: a run that lives changes it every few seconds.
///
/// # Errors
/// Fails if the move has ended, or its run lives.
pub(crate) async fn claim(deployment: &Deployment, id: MoveId, by: &Signature) -> Result<MoveRecord> {
    let (client, registry) = (&deployment.dynamodb, deployment.registry());
    let read = async || match one(client, &registry, id).await? {
        Some(record) => Ok::<_, anyhow::Error>(record),
        None => bail!("no move {id} is on record; `cellctl moves ls` lists those that are"),
    };
    let seen = read().await?;
    under_way(&seen)?;
    let begun = Instant::now();
    while begun.elapsed() < WATCH && !deployment.stop().is_cancelled() {
        wait(deployment, LOOK).await;
        let now = read().await?;
        if (now.beat, now.run, now.phase) != (seen.beat, seen.run, seen.phase) {
            bail!(
                "move {id} is being run by {}: {} since {}; expected one whose run has ended: wait for it, and look with \
                 `cellctl moves show {id}`",
                now.by,
                now.phase.as_str(),
                rfc3339(now.at)
            );
        }
    }
    if deployment.stop().is_cancelled() {
        bail!("stopped before move {id} was taken over");
    }
    let now_ms = deployment.clock.wall_ms();
    let run = EventId::from_parts(now_ms, deployment.entropy.random());
    Steps { client, registry: &registry, id, run }.take_over(&seen, &by.operator, now_ms).await?;
    Ok(MoveRecord { run, by: by.operator.clone(), at: now_ms, ..seen })
}

fn under_way(MoveRecord { id, phase, .. }: &MoveRecord) -> Result<()> {
    if phase.is_under_way() {
        return Ok(());
    }
    bail!("move {id} is {}; expected one that is under way: nothing is left to do", phase.as_str())
}

/// Checks that a move may be undone.
///
/// # Errors
/// Fails if it has ended, or can only go forward.
pub(crate) fn may_abort(record: &MoveRecord) -> Result<()> {
    under_way(record)?;
    if record.carries {
        bail!(
            "move {} hands events over that its source did not process, and can only go forward: `cellctl moves resume {}`",
            record.id,
            record.id
        );
    }
    Ok(())
}

/// Gives the tenant of a claimed move back to its source. Returns the epoch under which the source has it.
///
/// # Errors
/// Fails if the move can only go forward, or another run has it by now.
pub(crate) async fn abort(deployment: &Deployment, record: &MoveRecord, by: &Signature) -> Result<Epoch> {
    may_abort(record)?;
    let sites = Sites::back(&deployment.fleet().await?, record)?;
    let (tables, registry) = (deployment.tables(), deployment.registry());
    let steps = Steps { client: &deployment.dynamodb, registry: &registry, id: record.id, run: record.run };
    let path = sites.path(deployment, &record.tenant, record.epoch);
    let placement = deployment.placement(&tables, &by.operator);
    let epoch = placement.give_back(&path, record, &steps, deployment.clock.wall_ms()).await?;
    // The run has not carried these held events home, and nobody else could once the fence was closed.
    if let Some(standby) = path.standby
        && record.phase != Phase::Moving
    {
        let (client, tenant) = (path.client, path.tenant);
        Homeward { client, tenant, standby: &standby.table, home: &path.source.table }.carry(epoch).await?;
    }
    Ok(epoch)
}
