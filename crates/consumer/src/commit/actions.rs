//! The actions of a transaction: the marks of its events first, in their order, then the effects, then the cell's usage.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use cellstack_core::cell_table::{Item, key, number};
use cellstack_core::event::EventStatus;
use cellstack_core::ids::PROBE_TENANT;
use cellstack_core::limits::MAX_TRANSACTION;
use cellstack_core::{EventId, usage};
use rust_decimal::Decimal;

use super::Committer;
use super::chunk::Chunk;
use crate::addition::Addition;
use crate::effects::{Effect, Effects};
use crate::item::{STATUS, event_key, status};

impl Committer<'_> {
    pub(super) fn actions(&self, chunk: &Chunk<'_>) -> Result<Vec<TransactWriteItem>, BuildError> {
        let mut actions = Vec::with_capacity(chunk.events.len() + chunk.writes.len());
        for (id, effects) in &chunk.events {
            actions.push(TransactWriteItem::builder().update(self.mark(*id, effects)?).build());
        }
        for (sort_key, effect) in &chunk.writes {
            actions.push(self.write(sort_key, effect)?);
        }
        // An event whose own writes fill the transaction is not counted.
        if actions.len() < MAX_TRANSACTION {
            actions.extend(self.count(chunk)?.map(|count| TransactWriteItem::builder().update(count).build()));
        }
        Ok(actions)
    }

    /// Returns the update that counts events in the cell's usage, if any of the chunk is one that counts.
    fn count(&self, chunk: &Chunk<'_>) -> Result<Option<Update>, BuildError> {
        let counted: u64 = chunk.events.iter().map(|(id, _)| usage::counted(*id)).sum();
        if counted == 0 || self.tenant.as_str() == PROBE_TENANT {
            return Ok(None);
        }
        let update = Update::builder()
            .table_name(self.table)
            .set_key(Some(usage::key(&usage::partition(self.now_ms), self.tenant)))
            .update_expression("SET expires_at = :end ADD #events :counted")
            .expression_attribute_names("#events", usage::EVENTS)
            .expression_attribute_values(":counted", number(counted))
            .expression_attribute_values(":end", number(usage::expires_at(self.now_ms)));
        update.build().map(Some)
    }

    /// Returns the mark of an event. The event's own item is the guard: it must still be `accepted`.
    fn mark(&self, id: EventId, effects: &Effects) -> Result<Update, BuildError> {
        let mut update = Update::builder()
            .table_name(self.table)
            .set_key(Some(event_key(self.tenant, id)))
            .condition_expression("#status = :accepted")
            .expression_attribute_names("#status", STATUS)
            .expression_attribute_values(":accepted", status(EventStatus::Accepted))
            .expression_attribute_values(":processed", status(EventStatus::Processed))
            .expression_attribute_values(":now", number(self.now_ms))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut expression = "SET #status = :processed, processed_at = :now".to_owned();
        if let Some(result) = effects.as_result() {
            expression.push_str(", #result = :result");
            update = update
                .expression_attribute_names("#result", "result")
                .expression_attribute_values(":result", AttributeValue::S(result.to_owned()));
        }
        update.update_expression(expression).build()
    }

    fn write(&self, sort_key: &str, effect: &Effect) -> Result<TransactWriteItem, BuildError> {
        let key = key(self.tenant, sort_key);
        let action = TransactWriteItem::builder();
        Ok(match effect {
            Effect::Add(numbers) => action.update(self.add(key, numbers)?),
            Effect::Put(attributes) => {
                let mut item: Item = attributes.clone().into_iter().collect();
                item.extend(key);
                action.put(Put::builder().table_name(self.table).set_item(Some(item)).build()?)
            }
            Effect::Delete => action.delete(Delete::builder().table_name(self.table).set_key(Some(key)).build()?),
        }
        .build())
    }
    /// Adds to numbers, where each is as large as it has to be. Without a number there is nothing to compare with.
    fn add(&self, key: Item, numbers: &BTreeMap<String, Addition>) -> Result<Update, BuildError> {
        let mut update = Update::builder().table_name(self.table).set_key(Some(key));
        let (mut additions, mut conditions) = (Vec::new(), Vec::new());
        for (at, (attribute, addition)) in numbers.iter().enumerate() {
            additions.push(format!("#a{at} :a{at}"));
            update = update
                .expression_attribute_names(format!("#a{at}"), attribute)
                .expression_attribute_values(format!(":a{at}"), decimal(addition.amount));
            let Some(least) = addition.at_least else { continue };
            let missing =
                if least > Decimal::ZERO { String::new() } else { format!("attribute_not_exists(#a{at}) OR ") };
            conditions.push(format!("({missing}#a{at} >= :least{at})"));
            update = update.expression_attribute_values(format!(":least{at}"), decimal(least));
        }
        if !conditions.is_empty() {
            // A refusal says what was there instead.
            update = update
                .condition_expression(conditions.join(" AND "))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        }
        update.update_expression(format!("ADD {}", additions.join(", "))).build()
    }
}

fn decimal(value: Decimal) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
