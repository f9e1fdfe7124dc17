//! A run of an erasure over all cells of the registry.

use std::collections::BTreeMap;

use anyhow::Result;
use cellstack_core::CellId;
use cellstack_core::registry::CellStatus;
use cellstack_store::RateLimit;
use cellstack_store::cells::{Cell, Listing};
use cellstack_store::erase::{EraseError, Erasure, Items};
use cellstack_store::partition::Kind;
use cellstack_store::placement::Site;

use super::dead_letters::{self, DeadLetters};
use super::{Erased, Unreached};
use crate::audit::Facts;
use crate::cells::queue::size;
use crate::deployment::Deployment;
use crate::dlq::{Filter, queues};

/// The cells of an erasure, with what was found in each.
pub(crate) struct Run<'a> {
    deployment: &'a Deployment,
    erasure: Erasure<'a>,
    found: Vec<(Cell, Items)>,
    is_dry: bool,
    /// The tables and queues that could not be read, or not to their end.
    pub(crate) unreached: Vec<Unreached>,
    /// The cells with items of the tenant that have messages in their queue.
    pub(crate) queued: Vec<CellId>,
}

impl<'a> Run<'a> {
    /// Lists what the cells have of the tenant. One that can't be read is noted as unreached.
    pub(crate) async fn find(deployment: &'a Deployment, erasure: Erasure<'a>, listing: Listing, is_dry: bool) -> Self {
        let (mut found, mut unreached) = (Vec::new(), lost(&listing));
        for cell in listing.cells {
            let items = match erasure.find(&cell.config.table).await {
                Ok(items) => items,
                Err(failure) => {
                    unreached.push(Unreached::of(&cell, &cell.config.table, &failure));
                    Items::default()
                }
            };
            found.push((cell, items));
        }
        Self { deployment, erasure, found, is_dry, unreached, queued: Vec::new() }
    }

    /// Returns what was found, for the audit trail.
    pub(crate) fn facts(&self) -> Facts {
        let with_items = self.found.iter().filter(|(_, items)| items.erasable() > 0);
        with_items.fold(Facts::default().count("epoch", self.erasure.epoch.0), |facts, (cell, items)| {
            let (count, keys) = (items.erasable(), items.keys_sha256());
            facts.text(cell.id.as_str(), &format!("{count} items, SHA-256 of keys {keys}"))
        })
    }

    /// Deletes what was found, or only counts it in a dry run: items first, since an event that is tried meanwhile may become
    /// a letter.
    ///
    /// # Errors
    /// [`EraseError::PlacedAgain`] when the tenant has a cell again. `done` has what was erased until then. A cell that
    /// can't be reached is noted, and the others are erased.
    pub(crate) async fn erase(&mut self, rate_limit: &RateLimit, done: &mut Vec<Erased>) -> Result<(), EraseError> {
        for (cell, found) in std::mem::take(&mut self.found) {
            let (erased, ended) =
                if self.is_dry { (found.clone(), Ok(())) } else { self.items(&cell, rate_limit).await };
            done.push(summary(&cell, &found, &erased));
            match ended {
                Err(EraseError::Failed(failure)) => {
                    let unreached = Unreached::of(&cell, &cell.config.table, &failure);
                    if !self.unreached.iter().any(|known| known.name == unreached.name) {
                        self.unreached.push(unreached);
                    }
                }
                ended => ended?,
            }
            self.found.push((cell, found));
        }
        for ((cell, found), erased) in std::mem::take(&mut self.found).into_iter().zip(done) {
            // Before the letters: a message that is gone by now is one of them, if it became one.
            if found.erasable() > 0 || !erased.items.is_empty() {
                self.look_for_messages(&cell).await;
            }
            erased.dead_letters = self.dead_letters(&cell).await;
        }
        Ok(())
    }

    /// Erases a cell's items until none is left: one that is processed meanwhile leaves a total.
    async fn items(&self, cell: &Cell, rate_limit: &RateLimit) -> (Items, Result<(), EraseError>) {
        let (mut erased, site, stop) = (Items::default(), Site::from(cell), self.deployment.stop());
        loop {
            let before = erased.erasable();
            let ended = self.erasure.erase(&site, &mut erased, rate_limit, || !stop.is_cancelled()).await;
            if ended.is_err() || erased.erasable() == before {
                return (erased, ended);
            }
        }
    }

    /// Notes a cell whose queue has messages. SQS does not say whose they are.
    async fn look_for_messages(&mut self, cell: &Cell) {
        let url = &cell.config.queue_url;
        match size(&self.deployment.sqs, url).await {
            Ok(messages) if messages.total() == 0 => {}
            Ok(_) => self.queued.push(cell.id.clone()),
            Err(failure) => {
                let name = url.rsplit('/').next().unwrap_or(url);
                self.unreached.push(Unreached::of(cell, name, &failure));
            }
        }
    }

    /// Erases the letters in a cell's queues, and returns their number by queue.
    async fn dead_letters(&mut self, cell: &Cell) -> BTreeMap<String, u64> {
        let (mut counts, stop) = (BTreeMap::new(), self.deployment.stop());
        for queue in queues(self.deployment, std::slice::from_ref(cell), &Filter::default()) {
            let mut dead_letters = DeadLetters::default();
            let ended = dead_letters::erase(&queue, self.erasure.tenant, self.is_dry, stop, &mut dead_letters).await;
            if let Err(error) = ended {
                self.unreached.push(Unreached::of(cell, queue.name(), &format!("{error:#}")));
            } else if let Some(unseen) = dead_letters.unseen {
                self.unreached.push(Unreached::of(cell, queue.name(), &unseen));
            }
            if dead_letters.doubtful > 0 {
                let (count, id, place) = (dead_letters.doubtful, &cell.id, queue.place);
                let why = format!(
                    "letters that name no tenant and have its id in them: {count}; look with `cellctl dlq show --cell {id} --place \
                     {place}`, and delete its own with `cellctl dlq purge`"
                );
                self.unreached.push(Unreached::of(cell, queue.name(), &why));
            }
            counts.insert(queue.name().to_owned(), dead_letters.erased);
        }
        counts
    }
}

impl Unreached {
    fn of(cell: &Cell, name: &str, why: &impl ToString) -> Self {
        Self { cell: cell.id.clone(), name: name.to_owned(), why: why.to_string() }
    }
}

/// Returns the cells with a state and without a configuration: nobody knows their tables. Retired ones are gone.
fn lost(listing: &Listing) -> Vec<Unreached> {
    let is_lost = |(id, state): &(&_, &cellstack_core::registry::CellState)| {
        !listing.retired.contains(*id) && state.status != CellStatus::Retired
    };
    let lost = listing.without_config.iter().filter(is_lost);
    let why = "the cell has no configuration in the registry: put its line back in Terraform";
    lost.map(|(id, _)| Unreached { cell: id.clone(), name: "table and queues".to_owned(), why: why.to_owned() })
        .collect()
}

fn summary(cell: &Cell, found: &Items, erased: &Items) -> Erased {
    let mut items = erased.counts.clone();
    items.remove(&Kind::Fence);
    Erased {
        cell: cell.id.clone(),
        items,
        keys_sha256: erased.keys_sha256(),
        not_done: erased.not_done,
        fence: found.counts.get(&Kind::Fence).copied().unwrap_or_default(),
        dead_letters: BTreeMap::new(),
    }
}
