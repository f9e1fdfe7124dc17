//! The steps of a run, each recorded on condition that this run has the move.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata as _};
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, TransactWriteItem, Update};
use cellstack_aws::AwsFailure;
use cellstack_aws::backoff::Backoff;
use cellstack_core::EventId;
use cellstack_core::cell_table::number;
use cellstack_core::limits::PLACE_TIMEOUT;

use super::MoveError;
use super::record::{MoveId, MoveRecord, Phase, WHAT, key, one, text};

/// The steps of one run of a move. They are refused once another run has the move.
#[derive(Debug, Clone)]
pub struct Steps<'a> {
    /// The client that reaches the registry.
    pub client: &'a Client,
    /// The registry's table.
    pub registry: &'a str,
    /// The move.
    pub id: MoveId,
    /// The run.
    pub run: EventId,
}

/// A condition on the record.
struct Condition {
    expression: String,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Steps<'_> {
    /// Begins an update of the record, on condition that this run has the move and it is in one of these phases.
    fn update(&self, expected: &[Phase]) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        let Condition { expression, names, values } = self.condition(expected);
        Update::builder()
            .table_name(self.registry)
            .set_key(Some(key(self.id)))
            .condition_expression(expression)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
    }

    fn condition(&self, expected: &[Phase]) -> Condition {
        let phases: Vec<String> = (0..expected.len()).map(|at| format!(":phase{at}")).collect();
        let expression = format!("#run = :run AND #phase IN ({})", phases.join(", "));
        let names = [("#run", "run"), ("#phase", "phase")];
        let mut values = HashMap::from([(":run".to_owned(), text(&self.run.to_string()))]);
        values.extend(phases.into_iter().zip(expected.iter().map(|phase| text(phase.as_str()))));
        let names = names.into_iter().map(|(name, attribute)| (name.to_owned(), attribute.to_owned())).collect();
        Condition { expression, names, values }
    }

    /// Returns the action that records the next phase.
    pub(super) fn action(
        &self,
        expected: &[Phase],
        next: Phase,
        now_ms: u64,
        facts: &[(&str, AttributeValue)],
    ) -> Result<TransactWriteItem, BuildError> {
        let mut set = "SET #phase = :next, #at = :now, #times.#next = :now".to_owned();
        let mut update = self
            .update(expected)
            .expression_attribute_names("#at", "at")
            .expression_attribute_names("#times", "times")
            .expression_attribute_names("#next", next.as_str())
            .expression_attribute_values(":next", text(next.as_str()))
            .expression_attribute_values(":now", number(now_ms));
        for (at, (name, value)) in facts.iter().enumerate() {
            set.push_str(&format!(", #fact{at} = :fact{at}"));
            update = update.expression_attribute_names(format!("#fact{at}"), *name);
            update = update.expression_attribute_values(format!(":fact{at}"), value.clone());
        }
        Ok(TransactWriteItem::builder().update(update.update_expression(set).build()?).build())
    }

    /// Returns the check that this run has the move, in one of these phases.
    pub(super) fn check(&self, expected: &[Phase]) -> Result<TransactWriteItem, BuildError> {
        let Condition { expression, names, values } = self.condition(expected);
        let check = ConditionCheck::builder()
            .table_name(self.registry)
            .set_key(Some(key(self.id)))
            .condition_expression(expression)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .build()?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    /// Records the next phase. Safe to repeat.
    ///
    /// # Errors
    /// [`MoveError::TakenOver`] when another run has the move, or it is in another phase.
    pub async fn record(
        &self,
        expected: &[Phase],
        next: Phase,
        now_ms: u64,
        facts: &[(&str, AttributeValue)],
    ) -> Result<(), MoveError> {
        let mut again = expected.to_vec();
        again.push(next);
        let action = self.action(&again, next, now_ms, facts)?;
        let Some(update) = action.update else { return Ok(()) };
        self.send(update).await
    }

    /// Records a sign of life.
    ///
    /// # Errors
    /// Like [`Steps::record`].
    pub async fn beat(&self) -> Result<(), MoveError> {
        let alive = [Phase::Moving, Phase::Fenced, Phase::Carrying, Phase::Drained, Phase::Verified];
        let update = self.update(&alive).update_expression("ADD beat :one");
        self.send(update.expression_attribute_values(":one", number(1)).build()?).await
    }

    /// Takes a move over from a run that no longer lives, on condition that the record is as it was seen.
    ///
    /// # Errors
    /// [`MoveError::TakenOver`] when the other run lives, or a third one was faster.
    pub async fn take_over(&self, seen: &MoveRecord, operator: &str, now_ms: u64) -> Result<(), MoveError> {
        let before = Self { run: seen.run, ..self.clone() };
        let update = before
            .update(&[seen.phase])
            .update_expression("SET #run = :mine, #by = :by, #at = :now ADD beat :one")
            .expression_attribute_names("#by", "by")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":mine", text(&self.run.to_string()))
            .expression_attribute_values(":by", text(operator))
            .expression_attribute_values(":now", number(now_ms))
            .expression_attribute_values(":one", number(1))
            .build()?;
        match self.send(update).await {
            // An earlier try of the SDK wrote it, and its response was lost.
            Err(MoveError::TakenOver { .. }) if self.is_mine(seen.phase).await? => Ok(()),
            written => written,
        }
    }

    /// Returns whether the record is in a phase that this run has recorded.
    pub(super) async fn is_mine(&self, phase: Phase) -> Result<bool, AwsFailure> {
        let record = one(self.client, self.registry, self.id).await?;
        Ok(record.is_some_and(|record| record.run == self.run && record.phase == phase))
    }

    async fn send(&self, update: Update) -> Result<(), MoveError> {
        let mut backoff = Backoff::within(PLACE_TIMEOUT);
        loop {
            let sent = self
                .client
                .update_item()
                .table_name(&update.table_name)
                .set_key(Some(update.key.clone()))
                .update_expression(&update.update_expression)
                .set_condition_expression(update.condition_expression.clone())
                .set_expression_attribute_names(update.expression_attribute_names.clone())
                .set_expression_attribute_values(update.expression_attribute_values.clone())
                .send()
                .await;
            let Err(error) = sent else { return Ok(()) };
            match error.code() {
                Some("ConditionalCheckFailedException") => return Err(self.taken_over().await?),
                Some("TransactionConflictException") if backoff.pause().await => {}
                _ => return Err(AwsFailure::of(WHAT, error).into()),
            }
        }
    }

    /// Explains a refused step by the record as it is now.
    pub(super) async fn taken_over(&self) -> Result<MoveError, AwsFailure> {
        let record = one(self.client, self.registry, self.id).await?;
        Ok(MoveError::TakenOver { id: self.id, record: record.map(Box::new) })
    }
}
