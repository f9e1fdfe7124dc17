//! The schedule alongside the callers: faults begin and end, tenants move, cells are marked, operators redrive. Then
//! the wait until all is at rest.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::World;
use super::strikes::Injected;
use crate::faults::plan::{Action, Plan};
use crate::operators::redrive_together;
use cellstack_embedded::names::CellNames;

/// Time that backlogs may take to drain once the faults are over.
const PATIENCE: Duration = Duration::from_secs(6 * 3_600);
/// Time without any backlog after which all counts as at rest: a delivery may be late by this much.
const IDLE: Duration = Duration::from_secs(480);
const GLANCE: Duration = Duration::from_secs(40);

impl World {
    /// Injects the planned faults, each for its time, then ends all of them.
    pub(crate) async fn go_wrong(&self, plan: &Plan) {
        let mut ends = BTreeSet::new();
        let mut planned = plan.planned.iter().peekable();
        loop {
            let begins = planned.peek().map(|planned| planned.from);
            let first_end = ends.first().map(|(at, _)| *at);
            let Some(next) = [begins, first_end].into_iter().flatten().min() else { break };
            tokio::time::sleep(next.saturating_sub(self.trace.elapsed())).await;
            if first_end == Some(next) {
                if let Some((_, (id, what))) = ends.pop_first() {
                    self.stack.aws().faults().remove(id);
                    self.trace.note(format_args!("over: {what}"));
                }
            } else if let Some(planned) = planned.next() {
                self.trace.note(format_args!("now: {planned}"));
                match &planned.action {
                    Action::Inject(cell, injection) => {
                        for (what, fault) in &injection.faults {
                            let id = self.stack.aws().faults().inject(fault.clone());
                            ends.insert((planned.until(), (id, planned.fault)));
                            let (fault, what, cell) = (planned.fault, what.clone(), *cell);
                            self.injected.borrow_mut().push(Injected { id, fault, what, cell });
                        }
                    }
                    Action::Kill(armed) => self.kills.arm(*armed),
                    Action::Move(_) | Action::MarkDown { .. } | Action::Redrive(_) | Action::Events { .. } => {}
                }
            }
        }
        self.stack.aws().faults().clear();
    }

    /// Moves tenants as planned, all the way, even where faults hold a move up.
    pub(crate) async fn move_tenants(&self, plan: &Plan) {
        let moves = FuturesUnordered::new();
        for planned in &plan.planned {
            let Action::Move(moving) = &planned.action else { continue };
            for (tenant, to) in moving {
                moves.push(async {
                    self.until(planned.from).await;
                    self.mover.move_tenant(&self.tenants[*tenant], *to).await;
                });
            }
        }
        moves.collect::<()>().await;
    }

    pub(crate) async fn mark_cells(&self, plan: &Plan) {
        let marks = FuturesUnordered::new();
        for planned in &plan.planned {
            let Action::MarkDown { cell, down, recovering } = planned.action else { continue };
            marks.push(async move {
                self.until(planned.from).await;
                self.marker.mark_down(&self.stack, &self.trace, cell, down, recovering).await;
            });
        }
        marks.collect::<()>().await;
    }

    /// Runs the operators' redrives while everything else continues.
    pub(crate) async fn operate(&self, plan: &Plan) {
        let runs = FuturesUnordered::new();
        for planned in &plan.planned {
            let Action::Redrive(lives) = &planned.action else { continue };
            runs.push(async move {
                self.until(planned.from).await;
                redrive_together(&self.stack, &self.trace, &self.redrives, lives).await;
            });
        }
        runs.collect::<()>().await;
    }

    async fn until(&self, at: Duration) {
        tokio::time::sleep(at.saturating_sub(self.trace.elapsed())).await;
    }

    /// Waits until nothing is on its way any more. Returns what still is, if that takes too long.
    pub(crate) async fn come_to_rest(&self) -> Option<String> {
        self.kills.disarm();
        self.trace.note(format_args!("faults are over"));
        let (begun, mut idle_since) = (self.trace.elapsed(), self.trace.elapsed());
        loop {
            tokio::time::sleep(GLANCE).await;
            let now = self.trace.elapsed();
            let Some(busy) = self.busy() else {
                if now - idle_since >= IDLE {
                    return None;
                }
                continue;
            };
            idle_since = now;
            if now - begun > PATIENCE {
                return Some(format!("{busy} {} minutes after the faults were over", PATIENCE.as_secs() / 60));
            }
        }
    }

    fn busy(&self) -> Option<String> {
        let lag = self.stack.lag();
        if lag > 0 {
            return Some(format!("the stream mappings are {lag} records behind"));
        }
        self.stack.cells().iter().find_map(|cell| {
            let queue = CellNames::ordered(cell, self.ordering).events;
            let left = self.stack.aws().peek_queue(&queue).len();
            (left > 0).then(|| format!("{left} messages are in {queue}"))
        })
    }
}
