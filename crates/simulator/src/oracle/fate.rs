//! I5, and all checks of where events end: processed, held, or dead-lettered for a reason of their own.

use cellstack_core::EventStatus;
use cellstack_core::dead_letter::Reason;

use super::final_state::{Event, Letter};
use super::{Evidence, Findings};
use crate::operators::Report;
use crate::surroundings::processor::Behaviour;
use cellstack_embedded::names::Ordering;

impl Evidence<'_> {
    /// Checks I5: every event is processed, held, or visible among the dead letters.
    pub(super) fn accounted(&self, findings: &mut Findings) {
        for event in self.state.events.values() {
            let (id, status, behaviour) = (event.record.id(), event.status(), event.behaviour);
            let dead_letters = self.dead_letters(event);
            let holds = match status {
                EventStatus::Processed => {
                    behaviour != Behaviour::Poison && (self.redriven.is_some() || !behaviour.is_mendable())
                }
                EventStatus::Failed => (behaviour.is_refused() || self.may_refuse(event)) && !dead_letters.is_empty(),
                EventStatus::Accepted => !dead_letters.is_empty() || self.state.is_processed(&event.subject()),
                EventStatus::Held => true,
                EventStatus::Carried => false,
            };
            findings.check("I5", holds, || {
                let (tenant, why) = (&event.record.tenant_id, event.record.error.as_deref().unwrap_or("no reason"));
                format!("{behaviour} {id} of {tenant} is {status} ({why}), its letters are {dead_letters:?}")
            });
            if status == EventStatus::Held {
                let topic = format!("{}-cell-{}-events", cellstack_embedded::names::PREFIX, self.cells[event.cell]);
                let unpublished = ["", ".fifo"]
                    .iter()
                    .all(|end| !self.trace.was_published(&format!("{topic}{end}"), &event.subject()));
                findings.check("HELD", unpublished, || {
                    format!("{id} is held in cell {} and was published there", event.cell)
                });
            }
        }
        for ((tenant, id), dead_letters) in &self.state.dead_letters {
            let known = self.state.copies(&(tenant.clone(), *id)).next().is_some();
            findings.check("I5", known, || {
                format!("there are letters about {id} of {tenant}, and no such event: {dead_letters:?}")
            });
        }
        for letter in &self.state.anonymous {
            findings.check("I5", false, || format!("a letter names no event: {letter}"));
        }
    }

    /// Checks that no healthy event is dead-lettered for another event's sake, even if that one is slow, hangs or ends
    /// the process. Only faults that struck the services of its cell excuse a letter: a delivery that failed too often,
    /// tries that failed too often, records that grew too old. A letter does not say of a processed event that it is
    /// dead, unless something came between the letter and the event's next try: a lost response, a kill, an operator.
    pub(super) fn unharmed(&self, findings: &mut Findings) {
        let excuses = self.excuses;
        for event in self.state.events.values().filter(|event| event.behaviour.is_healthy()) {
            let holds = match event.status() {
                EventStatus::Processed | EventStatus::Held => true,
                // Its letter is there before its mark, and a redrive takes the mark away first.
                EventStatus::Failed | EventStatus::Accepted => self.is_refused(event),
                EventStatus::Carried => false,
            };
            let holds = holds || excuses.struck[event.cell] || self.state.is_processed(&event.subject());
            findings.check("NEIGHBOURS", holds, || {
                let (id, status, cell) = (event.record.id(), event.status(), &self.cells[event.cell]);
                let dead_letters = self.dead_letters(event);
                format!("no service of cell {cell} failed, and {} {id} is {status}: {dead_letters:?}", event.behaviour)
            });
        }
        for (subject, dead_letters) in &self.state.dead_letters {
            for letter in dead_letters {
                let excused = excuses.struck[letter.cell] || excuses.kills || excuses.redrives;
                let holds = excused || !self.state.is_processed(subject);
                findings.check("I5", holds, || format!("{} of {} is processed, and {letter:?}", subject.1, subject.0));
            }
        }
    }

    /// Checks that after a redrive every event is processed, and that no letter is left without a reason.
    pub(super) fn redriven(&self, report: &Report, findings: &mut Findings) {
        for event in self.state.events.values() {
            let subject = event.subject();
            let holds = match event.status() {
                EventStatus::Processed | EventStatus::Held => true,
                EventStatus::Failed if event.behaviour == Behaviour::Poison || self.may_refuse(event) => true,
                _ => self.stays(event) || self.state.is_processed(&subject),
            };
            findings.check("REDRIVE", holds, || {
                let why = report.why_left(&subject.0, subject.1);
                format!("{} {} of {} is still {}: {why:?}", event.behaviour, subject.1, subject.0, event.status())
            });
        }
        // A FIFO queue shows no letter behind one that stays, so a redrive can't name the reason of each letter there.
        let says_all = self.setup.ordering() == Ordering::None && !report.is_partial();
        for (subject, dead_letters) in &self.state.dead_letters {
            let is_hopeless = |event: &Event| match event.status() {
                EventStatus::Failed => event.behaviour == Behaviour::Poison || self.may_refuse(event),
                _ => event.behaviour == Behaviour::Poison,
            };
            let hopeless = self.state.copies(subject).any(is_hopeless);
            let stays = self.state.copies(subject).any(|event| self.stays(event));
            let says = report.why_left(&subject.0, subject.1);
            let holds = hopeless || stays && (!says_all || says.is_some_and(|why| why.contains("its tenant moved")));
            findings.check("REDRIVE", holds, || {
                format!("{} of {} still has letters: {dead_letters:?}, left since {says:?}", subject.1, subject.0)
            });
        }
    }

    /// Returns whether the application may refuse an event that nothing is wrong with.
    fn may_refuse(&self, event: &Event) -> bool {
        self.application.may_refuse(event.record.event_type.as_str())
    }

    /// Returns whether the application has refused an event that it may refuse.
    fn is_refused(&self, event: &Event) -> bool {
        self.may_refuse(event) && self.dead_letters(event).iter().any(|letter| letter.reason == Reason::Refused)
    }

    fn dead_letters(&self, event: &Event) -> &[Letter] {
        self.state.dead_letters.get(&event.subject()).map_or(&[], Vec::as_slice)
    }

    /// Returns whether an event stayed behind in a cell that its tenant has left: the simulator's moves carry nothing.
    fn stays(&self, event: &Event) -> bool {
        let tenure = self.tenures.get(event.record.tenant_id.as_str());
        tenure.is_some_and(|tenure| tenure.epoch() > event.record.epoch.0 && tenure.cell() != event.cell)
    }
}
