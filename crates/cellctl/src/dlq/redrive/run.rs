//! A run over the dead-letter queues.

use std::collections::{HashMap, HashSet};

use cellstack_aws::AwsFailure;
use cellstack_core::dead_letter::Reason;
use cellstack_core::event::rfc3339;
use cellstack_core::fence::FenceState;
use cellstack_core::limits::CELL_LEASE;
use cellstack_core::mutation::{Mutation, is_planted};
use cellstack_core::{CellId, EventId, EventRecord, TenantId, TenantRoute};
use cellstack_store::TenantMap;
use tokio::time::{Instant, Interval};

use super::compose::compose;
use super::decide::{Action, Claim, ItemState, SkipReason, decide, route, usable};
use super::report::Outcome;
use super::store::{Ground, Held, Prepared, look, prepare, send};
use super::{Rate, Report, Row};
use crate::cells::one;
use crate::console::progress::Progress;
use crate::deployment::Deployment;
use crate::dlq::{DeadLetterQueue, Filter, Found, Reader, Subject};
use cellstack_store::cells::Cell;

/// The limits of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) rate: Rate,
    /// The most messages to send.
    pub(crate) max: Option<usize>,
    /// The most redrives of one event.
    pub(crate) max_attempts: u32,
    pub(crate) dry_run: bool,
}

/// The most letters in hand of one queue at once. SQS allows 120,000.
pub(crate) const MAX_IN_HAND: usize = 100_000;
/// Letters in a row whose calls fail before the rest of their queue is left for another run.
const MAX_FAILURES: usize = 3;
/// The longest run of a Lambda function (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html>).
const LONGEST_INVOCATION_MS: u64 = 15 * 60 * 1_000;
/// The most reads of one event that changes during the run.
const MAX_LOOKS: usize = 3;

/// A run over dead-letter queues.
pub(crate) struct Redrive<'a> {
    pub(super) deployment: &'a Deployment,
    pub(super) limits: Limits,
    map: TenantMap,
    /// Ticks when the next message may be sent.
    timer: Interval,
    /// Cells that were read not long ago.
    cells: HashMap<CellId, (Instant, Option<Cell>)>,
    /// Events sent in this run. An event that fails again at once comes back as a new letter; without this set the run
    /// would send it round and round until its attempts are used up.
    sent: HashSet<(TenantId, EventId)>,
    pub(super) report: Report,
}

impl<'a> Redrive<'a> {
    pub(crate) fn new(deployment: &'a Deployment, limits: Limits) -> Self {
        Self {
            deployment,
            limits,
            map: deployment.tenant_map(),
            timer: limits.rate.timer(),
            cells: HashMap::new(),
            sent: HashSet::new(),
            report: Report { dry_run: limits.dry_run, ..Report::default() },
        }
    }

    /// Goes through the queues. A failure of one does not keep the run from the next.
    pub(crate) async fn run(mut self, queues: &[DeadLetterQueue], filter: &Filter, progress: &Progress) -> Report {
        for queue in queues {
            if let Err(failure) = self.queue(queue, filter, progress).await {
                self.report.troubles.push(format!("{}: {failure}", queue.name()));
            }
            if self.is_over() {
                break;
            }
        }
        self.report
    }

    /// Returns whether the run has reached its limit or was stopped.
    pub(super) fn is_over(&self) -> bool {
        self.deployment.stop().is_cancelled() || self.limits.max.is_some_and(|max| self.sent.len() >= max)
    }

    async fn queue(&mut self, queue: &DeadLetterQueue, filter: &Filter, progress: &Progress) -> Result<(), AwsFailure> {
        let mut reader = Reader::open(queue, MAX_IN_HAND).await?;
        let ended = self.redrive_each(&mut reader, filter, progress).await;
        if let Some(unseen) = reader.unseen() {
            self.report.unseen.push(format!("{}: {unseen}", queue.name()));
        }
        reader.close().await;
        ended
    }

    async fn redrive_each(
        &mut self,
        reader: &mut Reader<'_>,
        filter: &Filter,
        progress: &Progress,
    ) -> Result<(), AwsFailure> {
        let mut failures = 0;
        let mut notes = Vec::new();
        while !self.is_over()
            && let Some(found) = reader.next().await?
        {
            progress.letter();
            if !filter.matches(&found) {
                self.report.passed_over += 1;
                continue;
            }
            if found.letter.reason == Reason::StreamGaveUp {
                notes.push(found);
                continue;
            }
            let subject = found.subject();
            let outcome = match self.letter(reader, &found, subject.as_ref()).await {
                Ok(outcome) => {
                    failures = 0;
                    outcome
                }
                Err(failure) => {
                    failures += 1;
                    Outcome::Skipped(SkipReason::Failed(failure.to_string()))
                }
            };
            self.report.dead_letters.push(Row::of(&found, subject.as_ref(), &outcome));
            if failures == MAX_FAILURES {
                self.report.troubles.push(format!("{failures} letters of cell {} in a row failed", found.cell));
                break;
            }
        }
        if notes.is_empty() { Ok(()) } else { self.sweep(reader, &notes, progress).await }
    }

    /// Handles a letter. Deletion comes last: until then the letter is still there in any case.
    async fn letter(
        &mut self,
        reader: &mut Reader<'_>,
        found: &Found,
        subject: Option<&Subject>,
    ) -> Result<Outcome, AwsFailure> {
        let Some(subject) = subject else {
            return Ok(Outcome::Skipped(SkipReason::NamesNoEvent));
        };
        let fresh_refusal = found.letter.reason == Reason::Refused && self.is_fresh(&found.letter.at);
        let claim = Claim { redrives: Some(found.redrives), fresh_refusal };
        if is_planted(Mutation::LetterDeletedBeforeSent) {
            reader.delete(found).await?;
        }
        let outcome = self.event(subject, &found.cell, claim).await?;
        if !matches!(outcome, Outcome::Skipped(_)) && !self.limits.dry_run {
            reader.delete(found).await?;
        }
        Ok(outcome)
    }

    /// Returns whether the invocation that wrote a letter at this time may still run.
    fn is_fresh(&self, at: &str) -> bool {
        // Both are RFC 3339 to the millisecond, in UTC: they compare as texts.
        at > rfc3339(self.deployment.clock.wall_ms().saturating_sub(LONGEST_INVOCATION_MS)).as_str()
    }

    /// Sends one event, whose letter or note is in cell `lies_in`.
    pub(super) async fn event(
        &mut self,
        subject: &Subject,
        lies_in: &CellId,
        claim: Claim,
    ) -> Result<Outcome, AwsFailure> {
        let name = (subject.tenant.clone(), subject.event);
        if self.sent.contains(&name) {
            return Ok(Outcome::Skipped(SkipReason::SentBefore));
        }
        for _ in 0..MAX_LOOKS {
            let route = match route(self.map.read(&subject.tenant).await?) {
                Ok(route) => route,
                Err(left) => return Ok(Outcome::Skipped(left)),
            };
            let Located { cell, fence, item, record } = match self.locate(subject, &route, lies_in).await? {
                Ok(located) => located,
                Err(left) => return Ok(Outcome::Skipped(left)),
            };
            let (status, redrive) = match decide(&cell.id, item, claim, self.limits.max_attempts) {
                Action::Settle(status) => return Ok(Outcome::Settled(status)),
                Action::Leave(left) => return Ok(Outcome::Skipped(left)),
                Action::Send { status, redrive } => (status, redrive),
            };
            let Some(record) = record else { continue };
            let message = match compose(*record, &cell.id, route.epoch, redrive) {
                Ok(message) => message,
                Err(error) => return Ok(Outcome::Skipped(SkipReason::Unreadable(error.to_string()))),
            };
            if !self.limits.dry_run {
                self.timer.tick().await;
                let ground = Ground { cell: &cell, epoch: route.epoch, fence };
                match prepare(self.deployment, ground, subject, status, redrive).await? {
                    Prepared::Yes => {}
                    Prepared::Changed => continue,
                    Prepared::Fenced => return Ok(Outcome::Skipped(SkipReason::Fenced(cell.id))),
                }
                send(self.deployment, &cell, &message, redrive).await?;
            }
            self.sent.insert(name);
            return Ok(Outcome::Sent(cell.id));
        }
        Ok(Outcome::Skipped(SkipReason::Failed("its event changed at every look".to_owned())))
    }

    /// Finds an event in its tenant's cell, or else in the tenant's standby, which holds or processes it, by the
    /// stack's settings. An event that neither has may have stayed behind in the letter's cell.
    async fn locate(
        &mut self,
        subject: &Subject,
        route: &TenantRoute,
        lies_in: &CellId,
    ) -> Result<Result<Located, SkipReason>, AwsFailure> {
        let home = usable(&route.cell_id, self.cell(&route.cell_id).await?);
        if let Ok(home) = &home
            && let Some(located) =
                Located::of(home, FenceState::Open, look(self.deployment, &home.config.table, subject).await?)
        {
            return Ok(Ok(located));
        }
        let mut standby_left = None;
        if let Some(id) = &route.standby_cell_id {
            match usable(id, self.cell(id).await?) {
                Ok(standby) => {
                    let held = look(self.deployment, &standby.config.table, subject).await?;
                    if let Some(located) = Located::of(&standby, FenceState::Standby, held) {
                        return Ok(Ok(located));
                    }
                }
                Err(_) => standby_left = Some(SkipReason::StandbyDown(id.clone())),
            }
        }
        let home = match (home, standby_left) {
            (Ok(home), None) => home,
            (Err(left), _) | (_, Some(left)) => return Ok(Err(left)),
        };
        let mut elsewhere = None;
        if home.id != *lies_in
            && let Some(other) = self.cell(lies_in).await?
            && !matches!(look(self.deployment, &other.config.table, subject).await?, Held::Nothing)
        {
            elsewhere = Some(other.id);
        }
        Ok(Ok(Located { cell: home, fence: FenceState::Open, item: ItemState::Absent { elsewhere }, record: None }))
    }

    /// Returns a cell's record, cached for as long as a router's may be.
    pub(super) async fn cell(&mut self, id: &CellId) -> Result<Option<Cell>, AwsFailure> {
        if let Some((read, cell)) = self.cells.get(id)
            && read.elapsed() < CELL_LEASE
        {
            return Ok(cell.clone());
        }
        let read = Instant::now();
        let cell = one(self.deployment, id).await?;
        self.cells.insert(id.clone(), (read, cell.clone()));
        Ok(cell)
    }
}

/// An event's cell, and the fence under which it may be changed there.
struct Located {
    cell: Cell,
    fence: FenceState,
    item: ItemState,
    record: Option<Box<EventRecord>>,
}

impl Located {
    fn of(cell: &Cell, fence: FenceState, held: Held) -> Option<Self> {
        let (item, record) = match held {
            Held::Nothing => return None,
            Held::Record { record, redrives } => (ItemState::Held { status: record.status, redrives }, Some(record)),
            Held::Unreadable(detail) => (ItemState::Unreadable(detail), None),
        };
        Some(Self { cell: cell.clone(), fence, item, record })
    }
}
