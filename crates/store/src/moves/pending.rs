//! Events that the source can't process: frozen there, and handed over to the destination.
//!
//! A frozen event is `carried`, with the move's id. The source's consumer leaves it alone. It is inserted into the
//! destination as `accepted`, which its stream shows and its producer publishes, when all that was processed before it is
//! there and compared.

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_aws::AwsFailure;
use cellstack_aws::backoff::Backoff;
use cellstack_core::EventStatus;
use cellstack_core::cell_table::{Item, key};
use cellstack_core::limits::PLACE_TIMEOUT;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::items::{READ, events, sort_key};
use super::record::{MoveId, text};
use super::{MoveError, Path};

/// Events that are frozen at once.
const AT_ONCE: usize = 16;

impl Path<'_> {
    /// Freezes events that are not done. One that is done by now stays as it is. Safe to run again.
    ///
    /// # Errors
    /// When the source can't be written.
    pub async fn freeze(&self, keys: &[String], id: MoveId) -> Result<(), MoveError> {
        let one = |key: &String| self.freeze_one(key.clone(), id);
        stream::iter(keys).map(one).buffer_unordered(AT_ONCE).try_collect::<()>().await
    }

    async fn freeze_one(&self, sort_key: String, id: MoveId) -> Result<(), MoveError> {
        let update = self
            .client()
            .update_item()
            .table_name(&self.source.table)
            .set_key(Some(key(self.tenant, sort_key)))
            .update_expression("SET #status = :carried, carried_by = :move")
            .condition_expression("#status = :accepted")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":carried", text(EventStatus::Carried.as_str()))
            .expression_attribute_values(":accepted", text(EventStatus::Accepted.as_str()))
            .expression_attribute_values(":move", text(&id.to_string()));
        let mut backoff = Backoff::within(PLACE_TIMEOUT);
        loop {
            let Err(error) = update.clone().send().await else { return Ok(()) };
            match error.code() {
                Some("ConditionalCheckFailedException") => return Ok(()),
                // The consumer is just committing it.
                Some("TransactionConflictException") if backoff.pause().await => {}
                _ => return Err(AwsFailure::of("freeze an event", error).into()),
            }
        }
    }

    /// Hands over what is frozen, the oldest first by the clocks of the routers that accepted it: nothing else is stored that
    /// tells the order. Returns the number of events. Safe to run again.
    ///
    /// # Errors
    /// When a table can't be read or written.
    pub async fn hand_over(&self, id: MoveId) -> Result<u64, MoveError> {
        let query = events(self.client(), &self.source.table, self.tenant)
            .filter_expression("#status = :carried AND carried_by = :move")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":carried", text(EventStatus::Carried.as_str()))
            .expression_attribute_values(":move", text(&id.to_string()));
        let items: Result<Vec<Item>, _> = query.into_paginator().items().send().collect().await;
        let mut frozen = items.map_err(|error| AwsFailure::of(READ, error))?;
        // Callers may have named them: their keys tell nothing of their age.
        frozen.sort_by_key(|item| {
            let at: u64 = item.get("accepted_at").and_then(|at| at.as_n().ok()?.parse().ok()).unwrap_or_default();
            (at, sort_key(item).unwrap_or_default())
        });
        let count = frozen.len() as u64;
        for event in frozen {
            self.insert(event).await?;
        }
        Ok(count)
    }

    async fn insert(&self, mut event: Item) -> Result<(), MoveError> {
        event.insert("status".to_owned(), AttributeValue::S(EventStatus::Accepted.as_str().to_owned()));
        event.remove("carried_by");
        let put = self.client().put_item().table_name(&self.destination.table).set_item(Some(event));
        let put = put.condition_expression("attribute_not_exists(tenant_id)");
        let mut backoff = Backoff::within(PLACE_TIMEOUT);
        loop {
            let Err(error) = put.clone().send().await else { return Ok(()) };
            match error.code() {
                // A run before this one inserted it.
                Some("ConditionalCheckFailedException") => return Ok(()),
                Some("TransactionConflictException") if backoff.pause().await => {}
                _ => return Err(AwsFailure::of("hand an event over", error).into()),
            }
        }
    }
}
