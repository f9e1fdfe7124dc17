//! Events that the source can't process: frozen there, and handed over to the destination.
//!
//! A frozen event is `carried`, with the move's id. The source's consumer does nothing about it. It is inserted into the
//! destination as `accepted`, which its stream shows and its producer publishes, when all that was processed before it is
//! there and compared. Each write checks in the same transaction that this run still has the move.

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};
use cellstack_aws::AwsFailure;
use cellstack_core::EventStatus;
use cellstack_core::cell_table::{CAME_LATER, Item, key};

use super::items::events;
use super::record::{Phase, text};
use super::steps::Steps;
use super::{MoveError, Path, Rest};
use crate::partition::{READ, accepted_at, sort_key};
use crate::transaction::{Sent, send};

impl Path<'_> {
    /// Freezes pending events, the newest first. The source may process others meanwhile: where it keeps a tenant's order, these are
    /// older than all that are handed over. An event that was processed meanwhile stays as it is. Safe to repeat.
    ///
    /// # Errors
    /// [`MoveError::TakenOver`], or when the source can't be written.
    pub async fn freeze(&self, rest: &Rest, steps: &Steps<'_>) -> Result<(), MoveError> {
        // In sequence: all of these transactions check the same record, and would conflict.
        for sort_key in rest.pending().rev() {
            let update = Update::builder()
                .table_name(&self.source.table)
                .set_key(Some(key(self.tenant, sort_key)))
                .update_expression("SET #status = :carried, carried_by = :move")
                .condition_expression("#status = :accepted")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":carried", text(EventStatus::Carried.as_str()))
                .expression_attribute_values(":accepted", text(EventStatus::Accepted.as_str()))
                .expression_attribute_values(":move", text(&steps.id.to_string()))
                .build()?;
            let actions = [steps.check(&[Phase::Carrying])?, TransactWriteItem::builder().update(update).build()];
            if send(self.client, "freeze an event", &actions).await?.refused(0) {
                return Err(steps.taken_over().await?);
            }
        }
        Ok(())
    }

    /// Hands over the frozen events, the oldest first. Returns their number. Safe to repeat.
    ///
    /// # Errors
    /// [`MoveError::TakenOver`], or when a table can't be read or written.
    pub async fn hand_over(&self, steps: &Steps<'_>) -> Result<u64, MoveError> {
        let query = events(self.client, &self.source.table, self.tenant)
            .filter_expression("#status = :carried AND carried_by = :move")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":carried", text(EventStatus::Carried.as_str()))
            .expression_attribute_values(":move", text(&steps.id.to_string()));
        let items: Result<Vec<Item>, _> = query.into_paginator().items().send().collect().await;
        let mut frozen = items.map_err(|error| AwsFailure::of(READ, error))?;
        frozen.sort_by_key(|item| (accepted_at(item), sort_key(item).unwrap_or_default()));
        let count = frozen.len() as u64;
        for event in frozen {
            self.insert(event, steps).await?;
        }
        Ok(count)
    }

    async fn insert(&self, mut event: Item, steps: &Steps<'_>) -> Result<(), MoveError> {
        let sort_key = sort_key(&event)?;
        event.insert("status".to_owned(), AttributeValue::S(EventStatus::Accepted.as_str().to_owned()));
        event.insert(CAME_LATER.to_owned(), AttributeValue::Bool(true));
        event.remove("carried_by");
        let put = Put::builder()
            .table_name(&self.destination.table)
            .set_item(Some(event))
            .condition_expression("attribute_not_exists(tenant_id)")
            .build()?;
        let insert = [steps.check(&[Phase::Verified])?, TransactWriteItem::builder().put(put).build()];
        loop {
            match send(self.client, "hand an event over", &insert).await? {
                Sent::Done => return Ok(()),
                sent if sent.refused(0) => return Err(steps.taken_over().await?),
                // An earlier run inserted it, or a leftover is in the way.
                Sent::Refused(_) if self.has_taken_away(&sort_key, steps).await? => {}
                Sent::Refused(_) => return Ok(()),
            }
        }
    }

    /// Deletes the destination's mark of a frozen event, and returns whether there was one. The event that was handed over stays: it
    /// is never `carried`.
    async fn has_taken_away(&self, sort_key: &str, steps: &Steps<'_>) -> Result<bool, MoveError> {
        let delete = Delete::builder()
            .table_name(&self.destination.table)
            .set_key(Some(key(self.tenant, sort_key)))
            .condition_expression("#status = :carried")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":carried", text(EventStatus::Carried.as_str()))
            .build()?;
        let actions = [steps.check(&[Phase::Verified])?, TransactWriteItem::builder().delete(delete).build()];
        match send(self.client, "hand an event over", &actions).await? {
            Sent::Done => Ok(true),
            sent if sent.refused(0) => Err(steps.taken_over().await?),
            Sent::Refused(_) => Ok(false),
        }
    }
}
