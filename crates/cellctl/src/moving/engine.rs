//! The steps of a move, from the phase on record to its end. Each phase is recorded before its work begins.

use std::time::Duration;

use anyhow::{Result, bail};
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_core::limits::{LONGEST_WRITE, TENANT_LEASE};
use cellstack_core::mutation::{Mutation, is_planted};
use cellstack_core::registry::CellStatus;
use cellstack_core::{Clock as _, EventId};
use cellstack_store::RateLimit;
use cellstack_store::cells::{Cell, one};
use cellstack_store::moves::{Known, MoveError, MoveRecord, Path, Phase, Rest, Round, Steps};
use tokio::time::Instant;

use super::{Manner, Sites};
use crate::deployment::{Deployment, Tables};

/// Time between two signs of life of a run.
pub(super) const BEAT: Duration = Duration::from_secs(5);
/// Pause between two looks at the events that the source still has to process.
const LOOK: Duration = Duration::from_millis(50);
/// Least time between two sweeps of the source while old routes run out. Each copies the events that arrived since, so that few are
/// left for the end.
const FOLLOW: Duration = Duration::from_secs(10);
/// Least time between two sweeps as a multiple of the time that one takes: the tenant's own work comes first.
const FOLLOW_SHARE: u32 = 4;
/// The fence closes after a read of the journal that copied fewer events than this,
const FEW: u64 = 100;
/// or took less time than this. The pause has to copy about as many as came in that time.
const SOON: Duration = Duration::from_millis(300);

/// A step of a move that is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A phase is on record.
    Phase(Phase),
    /// The progress of a round of the copy, or of a sweep after it.
    Round(Round),
    /// The number of events that arrived while those before them were copied.
    CatchingUp(u64),
    /// The copy waits until no router can have an old route.
    Waiting(Duration),
    /// The number of events that the source still has to process.
    Draining(usize),
}

/// The end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The tenant is in the destination.
    Moved,
    /// The source did not process all in time, and has the tenant again.
    NotDrained {
        /// Events that it has not processed.
        pending: usize,
    },
    /// The operator stopped the run. The move is under way.
    Stopped,
}

/// A run of a move.
pub(crate) struct Engine<'a, T> {
    deployment: &'a Deployment,
    tables: Tables,
    operator: &'a str,
    sites: Sites,
    manner: Manner,
    run: EventId,
    report: T,
    pub(crate) record: MoveRecord,
    known: Known,
    rest: Option<Rest>,
    fenced: Option<Instant>,
}

impl<'a, T: Fn(Stage)> Engine<'a, T> {
    /// Makes a run of a move that is on record as this run's.
    pub(crate) fn new(
        deployment: &'a Deployment,
        operator: &'a str,
        sites: Sites,
        manner: Manner,
        record: MoveRecord,
        report: T,
    ) -> Self {
        let (tables, run) = (deployment.tables(), record.run);
        let (known, rest, fenced) = (Known::default(), None, None);
        Self { deployment, tables, operator, sites, manner, run, report, record, known, rest, fenced }
    }

    /// Takes all remaining steps.
    ///
    /// # Errors
    /// Fails if a step fails, or another run has taken the move over. The move stays on record, and can be gone on with.
    pub(crate) async fn drive(&mut self) -> Result<Ended> {
        let (deployment, registry) = (self.deployment, self.tables.registry.clone());
        let steps = Steps { client: &deployment.dynamodb, registry: &registry, id: self.record.id, run: self.run };
        tokio::select! {
            // In this order rather than a random one: a seed must always run the same way.
            biased;
            lost = beat(&steps) => Err(lost.into()),
            ended = self.phases(&steps) => ended,
        }
    }

    async fn phases(&mut self, steps: &Steps<'_>) -> Result<Ended> {
        loop {
            match self.record.phase {
                Phase::Moving => {
                    if !self.copy().await? {
                        return Ok(Ended::Stopped);
                    }
                    self.look_before_the_pause().await?;
                    self.record(steps, Phase::Fenced).await?;
                }
                Phase::Fenced => {
                    let left = self.close_and_drain(steps).await?;
                    if left == 0 {
                        self.record(steps, Phase::Drained).await?;
                    } else if self.manner.carry_pending {
                        self.record(steps, Phase::Carrying).await?;
                    } else {
                        return self.give_back(steps, left).await;
                    }
                }
                Phase::Carrying => {
                    self.scan(steps).await?;
                    if let Some(rest) = self.rest.take() {
                        self.path().freeze(&rest, steps).await?;
                    }
                    self.record(steps, Phase::Drained).await?;
                }
                Phase::Drained => {
                    self.copy_rest(steps).await?;
                    self.record(steps, Phase::Verified).await?;
                }
                Phase::Verified => {
                    if self.record.carries {
                        let carried = self.path().hand_over(steps).await?;
                        self.count("carried", carried);
                    }
                    self.flip(steps).await?;
                }
                Phase::Flipped => return Ok(Ended::Moved),
                Phase::Purged | Phase::Aborted => {
                    bail!("move {} is {}; nothing is left to do", self.record.id, self.record.phase.as_str())
                }
            }
        }
    }

    fn path(&self) -> Path<'_> {
        self.sites.path(self.deployment, &self.record.tenant, self.record.epoch)
    }

    fn count(&mut self, name: &str, count: u64) {
        self.record.counts.insert(name.to_owned(), count);
    }

    async fn record(&mut self, steps: &Steps<'_>, next: Phase) -> Result<(), MoveError> {
        let now_ms = self.deployment.clock.wall_ms();
        let carries = [("carries", AttributeValue::Bool(true))];
        let facts = if next == Phase::Carrying { &carries[..] } else { &[] };
        steps.record(&[self.record.phase], next, now_ms, facts).await?;
        self.record.carries |= next == Phase::Carrying;
        self.has_come_to(next, now_ms);
        Ok(())
    }

    /// Copies the events that can't change any more, until no router can have a route from before the move. The time is counted on
    /// this machine alone, so other machines' clocks do not matter. Every write goes into the journal then, so the sweep that begins
    /// then is the last. Returns `false` if the operator has stopped it.
    async fn copy(&mut self) -> Result<bool> {
        let stop = self.deployment.stop().clone();
        // The round of a tenant that writes faster than it is copied never ends. The next run continues where it stopped.
        tokio::select! {
            biased;
            () = stop.cancelled() => Ok(false),
            caught_up = self.catch_up() => caught_up.map(|()| true),
        }
    }

    async fn catch_up(&mut self) -> Result<()> {
        let begun = Instant::now();
        let lease = if is_planted(Mutation::LeaseNotAwaited) { Duration::ZERO } else { TENANT_LEASE + LONGEST_WRITE };
        let rate_limit = self.manner.write_units.limit(self.manner.at_once());
        let mut copied = self.round(&rate_limit).await?;
        // Leftovers of an earlier placement are there already: found now, they cost no wait of five minutes.
        self.look_for_strays().await?;
        let (mut pause, mut cycle) = (FOLLOW, Duration::ZERO);
        loop {
            let left = (begun + lease).saturating_duration_since(Instant::now());
            if !left.is_zero() {
                (self.report)(Stage::Waiting(left));
                // The last copy ends with the wait, so that it leaves as little as it can.
                tokio::time::sleep(if left > cycle { pause.min(left - cycle) } else { left }).await;
            }
            let swept = Instant::now();
            self.sweep(copied).await?;
            if swept >= begun + lease {
                self.known.complete();
                break;
            }
            pause = FOLLOW.max(swept.elapsed() * FOLLOW_SHARE);
            copied += self.follow(&rate_limit).await?;
            cycle = swept.elapsed();
        }
        // A tenant that writes faster than it is copied stays in its source: callers would wait for all that is left.
        loop {
            let followed = Instant::now();
            let round = self.follow(&rate_limit).await?;
            copied += round;
            if round.copied < FEW || followed.elapsed() < SOON {
                break;
            }
            (self.report)(Stage::CatchingUp(round.copied));
        }
        self.count("copied", copied.copied);
        Ok(())
    }

    async fn follow(&mut self, rate_limit: &RateLimit) -> Result<Round, MoveError> {
        let path = self.sites.path(self.deployment, &self.record.tenant, self.record.epoch);
        path.follow(&mut self.known, rate_limit, self.deployment.clock.wall_ms()).await
    }

    async fn sweep(&mut self, copied: Round) -> Result<(), MoveError> {
        let path = self.sites.path(self.deployment, &self.record.tenant, self.record.epoch);
        let report = &self.report;
        path.sweep(&mut self.known, |events| report(Stage::Round(Round { events, ..copied }))).await
    }

    async fn round(&mut self, rate_limit: &RateLimit) -> Result<Round, MoveError> {
        let now_ms = self.deployment.clock.wall_ms();
        let path = self.sites.path(self.deployment, &self.record.tenant, self.record.epoch);
        let report = &self.report;
        path.round(&mut self.known, rate_limit, now_ms, |round| report(Stage::Round(round))).await
    }

    /// Checks, while the move can still be undone, everything that would keep callers waiting once the fence is closed.
    async fn look_before_the_pause(&self) -> Result<()> {
        let MoveRecord { id, tenant, from, to, standby_after, .. } = &self.record;
        for cell in [from, to].into_iter().chain(standby_after) {
            let found = one(&self.deployment.dynamodb, &self.tables.registry, cell).await?;
            let status = found.as_ref().map(Cell::status);
            if !status.is_some_and(CellStatus::serves) {
                bail!(
                    "cell {cell} is {}; expected one that serves before the callers of {tenant} wait: `cellctl cells up {cell}`, then \
                     `cellctl moves resume {id}`",
                    status.map_or("not registered", CellStatus::as_str)
                );
            }
        }
        self.look_for_strays().await
    }

    /// Checks that the destination has no event that the source lacks.
    async fn look_for_strays(&self) -> Result<()> {
        if !is_planted(Mutation::ComparisonSkipped) {
            self.path().compare_strays(&self.known, self.deployment.clock.wall_ms()).await?;
        }
        Ok(())
    }

    /// Closes the fences, and waits until the source has processed its events. Returns the number of those that it has not.
    async fn close_and_drain(&mut self, steps: &Steps<'_>) -> Result<usize> {
        self.fenced.get_or_insert_with(Instant::now);
        let path = self.path();
        path.say_fenced(&self.tables.tenant_map, self.record.id, self.deployment.clock.wall_ms()).await?;
        path.close_fences().await?;
        path.carry_home(steps).await?;
        let pending = self.scan(steps).await?.pending().len();
        if is_planted(Mutation::FlipBeforeDrain) || is_planted(Mutation::PendingNotCarried) {
            return Ok(0);
        }
        // The source gets its whole time: reading the keys of a large tenant takes none of it.
        let deadline = Instant::now() + self.manner.drain_time;
        let mut left = pending;
        while left > 0 {
            (self.report)(Stage::Draining(left));
            if Instant::now() >= deadline {
                break;
            }
            tokio::time::sleep(LOOK).await;
            left = match &self.rest {
                Some(rest) => self.path().undone(rest).await?.len(),
                None => 0,
            };
        }
        Ok(left)
    }

    /// Reads the items that may have changed, unless they were read since the fences closed.
    async fn scan(&mut self, steps: &Steps<'_>) -> Result<&Rest, MoveError> {
        if self.rest.is_none() {
            if self.known.is_empty() {
                // A run that took the move over knows nothing: it first copies what needs no check.
                let rate_limit = self.manner.write_units.limit(self.manner.at_once());
                self.round(&rate_limit).await?;
            }
            self.rest = Some(self.path().rest(&self.known, steps).await?);
        }
        Ok(self.rest.get_or_insert_default())
    }

    async fn copy_rest(&mut self, steps: &Steps<'_>) -> Result<()> {
        let now_ms = self.deployment.clock.wall_ms();
        let (events, changed) = {
            let rest = self.scan(steps).await?;
            (rest.events(), rest.changed() as u64)
        };
        let Some(rest) = &self.rest else { return Ok(()) };
        let path = self.path();
        path.copy_rest(rest, steps, now_ms).await?;
        if !is_planted(Mutation::ComparisonSkipped) {
            path.compare_rest(rest, now_ms).await?;
        }
        self.count("compared", events);
        self.count("copied_in_the_pause", changed);
        Ok(())
    }

    async fn flip(&mut self, steps: &Steps<'_>) -> Result<()> {
        let now_ms = self.deployment.clock.wall_ms();
        let since = self.record.times.get(&Phase::Fenced).copied().unwrap_or(now_ms);
        let pause_ms = match self.fenced {
            Some(fenced) => u64::try_from(fenced.elapsed().as_millis()).unwrap_or(u64::MAX),
            None => now_ms.saturating_sub(since),
        };
        let placement = self.deployment.placement(&self.tables, self.operator);
        placement.flip(&self.path(), &self.record, steps, now_ms, pause_ms).await?;
        self.count("pause_ms", pause_ms);
        self.has_come_to(Phase::Flipped, now_ms);
        Ok(())
    }

    async fn give_back(&mut self, steps: &Steps<'_>, pending: usize) -> Result<Ended> {
        let now_ms = self.deployment.clock.wall_ms();
        let placement = self.deployment.placement(&self.tables, self.operator);
        placement.give_back(&self.path(), &self.record, steps, now_ms).await?;
        self.has_come_to(Phase::Aborted, now_ms);
        Ok(Ended::NotDrained { pending })
    }

    /// Notes and reports a phase that is on record.
    fn has_come_to(&mut self, phase: Phase, now_ms: u64) {
        self.record.phase = phase;
        self.record.at = now_ms;
        self.record.times.insert(phase, now_ms);
        (self.report)(Stage::Phase(phase));
    }
}

/// Records signs of life, one per [`BEAT`]. Returns once another run has the move.
async fn beat(steps: &Steps<'_>) -> MoveError {
    loop {
        tokio::time::sleep(BEAT).await;
        match steps.beat().await {
            // The move has ended while the sign of life was on its way.
            Err(MoveError::TakenOver { record: Some(record), .. }) if record.run == steps.run => {
                std::future::pending::<()>().await;
            }
            Err(taken @ MoveError::TakenOver { .. }) => return taken,
            // A lost one does no harm: each step checks the record itself.
            Ok(()) | Err(_) => {}
        }
    }
}
