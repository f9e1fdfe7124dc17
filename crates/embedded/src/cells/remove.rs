//! A cell that is removed from a stack, in the order in which Terraform does it.

use anyhow::{Context as _, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_core::CellId;
use cellstack_core::registry::{CELL_ID, CONFIG, CellStatus, PARTITION_KEY, RETIRED, partition};
use cellstack_store::cells::Listing;

use super::{Cells, Change, Refusal, listed};
use crate::names::{CellNames, arn, registry};

impl Cells {
    /// Removes a retired cell: its functions, its place in the registry and its resources. One that failed midway is
    /// completed by the next call, since the table goes last.
    ///
    /// # Errors
    /// When there is no such cell, it is not retired, it is the only one, or a resource can't be deleted.
    pub async fn remove(&self, cell: &CellId) -> Result<(), Refusal> {
        let _one_at_a_time = self.0.changing.lock().await;
        self.check_old(cell, &self.listing().await?).await?;
        let base = &self.0.base;
        // A fault would hit the calls below, too.
        base.faults.clear_cell(cell);
        if self.roster().contains(cell) {
            let mappings = self.roster().remove(cell);
            self.announce(Change::Removed(cell.clone()));
            for mapping in mappings {
                mapping.stop().await;
            }
        }
        self.unregister(cell).await?;
        if let Some(data) = &base.data {
            data.remove(cell)?;
        }
        Ok(self.delete_resources(&CellNames::ordered(cell, base.pipeline.ordering)).await?)
    }

    async fn check_old(&self, cell: &CellId, listing: &Listing) -> Result<(), Refusal> {
        let cells = self.roster().cells();
        let is_there = cells.contains(cell);
        // The mark is written before the table is deleted: a removal ended between the two.
        let is_left = listing.retired.contains(cell) && self.has_table(cell).await?;
        if !is_there && !is_left {
            let known = listed(&cells);
            return Err(Refusal::Unknown(format!("there is no cell {cell}; expected one of {known}")));
        }
        let state = listing.cell(cell).map(|cell| cell.state.as_ref());
        let state = state.unwrap_or_else(|| listing.without_config.get(cell));
        let found = match state.map(|state| state.status) {
            Some(CellStatus::Retired) => None,
            Some(status) => Some((status.as_str(), "Next: ")),
            None => Some(("not bootstrapped", "Next: cellctl cells bootstrap, then ")),
        };
        if let Some((found, next)) = found {
            return Err(Refusal::Conflict(format!(
                "cell {cell} is {found}; expected retired. {next}cellctl cells retire {cell} --reason REASON"
            )));
        }
        if is_there && cells.len() == 1 {
            return Err(Refusal::Conflict(format!(
                "cell {cell} is the only one; a stack has one at least. Next: cellstack-local cell add"
            )));
        }
        Ok(())
    }

    async fn has_table(&self, cell: &CellId) -> Result<bool> {
        let table = CellNames::of(cell).table;
        match self.0.base.cloud.dynamodb().describe_table().table_name(&table).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => {
                Ok(false)
            }
            Err(error) => Err(error).with_context(|| format!("describe table {table}")),
        }
    }

    /// Writes the mark that outlasts the cell, then deletes the configuration, so that no router reads of half a cell.
    async fn unregister(&self, cell: &CellId) -> Result<()> {
        let client = self.0.base.cloud.dynamodb();
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let mark = client.put_item().table_name(registry()).item(PARTITION_KEY, text(&partition(cell)));
        let mark = mark.item("sk", text(RETIRED)).item(CELL_ID, text(cell.as_str()));
        mark.send().await.with_context(|| format!("mark cell {cell} retired"))?;
        let config = client.delete_item().table_name(registry()).key(PARTITION_KEY, text(&partition(cell)));
        let config = config.key("sk", text(CONFIG));
        config.send().await.with_context(|| format!("delete the configuration of cell {cell}"))?;
        Ok(())
    }

    async fn delete_resources(&self, names: &CellNames) -> Result<()> {
        let cloud = &self.0.base.cloud;
        let topic = cloud.sns().delete_topic().topic_arn(arn("sns", &names.events));
        topic.send().await.with_context(|| format!("delete topic {}", names.events))?;
        for queue in [names.events.as_str()].into_iter().chain(names.dead_letter_queues()) {
            self.delete_queue(queue).await?;
        }
        match cloud.dynamodb().delete_table().table_name(&names.table).send().await {
            Err(error) if !error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => {
                Err(error).with_context(|| format!("delete table {}", names.table))
            }
            _ => Ok(()),
        }
    }

    async fn delete_queue(&self, name: &str) -> Result<()> {
        let sqs = self.0.base.cloud.sqs();
        let url = match sqs.get_queue_url().queue_name(name).send().await {
            Ok(found) => found.queue_url.context("a queue without URL")?,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_queue_does_not_exist()) => {
                return Ok(());
            }
            Err(error) => return Err(error).with_context(|| format!("find queue {name}")),
        };
        sqs.delete_queue().queue_url(url).send().await.with_context(|| format!("delete queue {name}"))?;
        Ok(())
    }
}
