//! The turn of automation: no two runs take cells out of service on the same look at the fleet.
//!
//! A run takes a turn, reads the fleet, and decides. Its marks hold only as long as nobody took a turn after it, so each mark
//! before is in what the next run reads, and the share of the fleet that automation may take out is kept.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    ConditionCheck, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use cellstack_aws::AwsFailure;
use cellstack_aws::backoff::Backoff;
use cellstack_aws::transaction::{cancellation, is_refused, is_transient};
use cellstack_core::CellId;
use cellstack_core::cell_table::number;
use cellstack_core::limits::PLACE_TIMEOUT;
use cellstack_core::registry::{AUTOMATION_PARTITION, STATE, TURN, partition};

use super::state::{AS_SEEN, Mark, StateError, WHAT, key};

/// A turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn(u64);

/// Takes the turn. Earlier turns are over.
///
/// # Errors
/// When the registry can't be written.
pub async fn take_turn(client: &Client, registry: &str) -> Result<Turn, AwsFailure> {
    const WHAT: &str = "take the turn of automation";
    let update = client
        .update_item()
        .table_name(registry)
        .set_key(Some(key(AUTOMATION_PARTITION.to_owned(), TURN)))
        .update_expression("ADD rev :one")
        .expression_attribute_values(":one", number(1))
        .return_values(ReturnValue::UpdatedNew);
    let updated = update.send().await.map_err(|error| AwsFailure::of(WHAT, error))?;
    let rev = updated.attributes().and_then(|item| item.get("rev")?.as_n().ok()?.parse().ok());
    rev.map(Turn).ok_or_else(|| AwsFailure::unreadable(WHAT, "expected rev to be a number".to_owned()))
}

/// Sets a cell's status like [`mark`](super::mark), as long as the turn is not over.
///
/// # Errors
/// [`StateError::Overtaken`] when it is; [`StateError::Changed`] when the status is not the one that was seen.
pub async fn mark_in_turn(
    client: &Client,
    registry: &str,
    cell: &CellId,
    mark: &Mark<'_>,
    turn: Turn,
) -> Result<(), StateError> {
    let actions =
        actions(registry, cell, mark, turn).map_err(|error| AwsFailure::unreadable(WHAT, error.to_string()))?;
    let mut backoff = Backoff::within(PLACE_TIMEOUT);
    loop {
        let sent = client.transact_write_items().set_transact_items(Some(actions.clone())).send().await;
        let Err(error) = sent else { return Ok(()) };
        match cancellation(&error) {
            Some([_, turn]) if is_refused(turn) => return Err(StateError::Overtaken { cell: cell.clone() }),
            Some([marked, _]) if is_refused(marked) => {
                let found = marked.item().cloned().and_then(|item| serde_dynamo::from_item(item).ok());
                return Err(mark.refused(cell, found));
            }
            Some(reasons) if reasons.iter().all(is_transient) && backoff.pause().await => {}
            _ => return Err(AwsFailure::of(WHAT, error).into()),
        }
    }
}

fn actions(
    registry: &str,
    cell: &CellId,
    mark: &Mark<'_>,
    Turn(turn): Turn,
) -> Result<Vec<TransactWriteItem>, BuildError> {
    let (set, values) = mark.expression();
    let update = Update::builder()
        .table_name(registry)
        .set_key(Some(key(partition(cell), STATE)))
        .update_expression(set)
        .condition_expression(AS_SEEN)
        .expression_attribute_names("#status", "status")
        .set_expression_attribute_values(Some(values))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()?;
    let check = ConditionCheck::builder()
        .table_name(registry)
        .set_key(Some(key(AUTOMATION_PARTITION.to_owned(), TURN)))
        .condition_expression("rev = :turn")
        .expression_attribute_values(":turn", number(turn))
        .build()?;
    let update = TransactWriteItem::builder().update(update).build();
    Ok(vec![update, TransactWriteItem::builder().condition_check(check).build()])
}
