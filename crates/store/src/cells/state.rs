//! Writes of a cell's state, each on condition that it is as the writer saw it.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use cellstack_aws::AwsFailure;
use cellstack_aws::backoff::Backoff;
use cellstack_core::CellId;
use cellstack_core::cell_table::number;
use cellstack_core::limits::PLACE_TIMEOUT;
use cellstack_core::registry::{CELL_ID, CellState, CellStatus, PARTITION_KEY, STATE, pairs, partition};

/// A state that could not be written. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StateError {
    /// Another operator changed it first.
    #[error(
        "cell {cell} was {} when this began, and is {} now ({}); look again before you continue: `cellctl cells show {cell}`",
        expected.as_str(), found.status.as_str(), found.updated_by.as_deref().unwrap_or("its counts have changed")
    )]
    Changed {
        /// The cell.
        cell: CellId,
        /// The status that was seen.
        expected: CellStatus,
        /// The state that is there.
        found: Box<CellState>,
    },
    /// The cell has a state already, or none any more.
    #[error("the state of cell {cell} was written or taken away meanwhile; look again: `cellctl cells show {cell}`")]
    Replaced {
        /// The cell.
        cell: CellId,
    },
    /// Another run of automation has the lease.
    #[error("cell {cell} was left as it is: another run of `cellctl cells probe --act` has the lease")]
    Overtaken {
        /// The cell.
        cell: CellId,
    },
    /// A call failed.
    #[error(transparent)]
    Failed(#[from] AwsFailure),
}

impl StateError {
    /// Returns whether someone else was faster, so that a second look may lead to another decision.
    #[must_use]
    pub const fn is_outrun(&self) -> bool {
        !matches!(self, Self::Failed(_))
    }
}

/// A mark of a cell by an operator.
#[derive(Debug, Clone)]
pub struct Mark<'a> {
    /// The status that the operator saw.
    pub expected: CellStatus,
    /// The time of the mark that the operator saw, in milliseconds since the Unix epoch. A later one may have set the same status.
    pub marked_at: Option<u64>,
    /// The status.
    pub status: CellStatus,
    /// The time after which callers may try again while the cell is down, in seconds.
    pub retry_after: Option<u32>,
    /// The reason, in the operator's words.
    pub reason: &'a str,
    /// The operator.
    pub operator: &'a str,
    /// The time, in milliseconds since the Unix epoch.
    pub now_ms: u64,
}

impl Mark<'_> {
    /// Returns whether a state is the one that this mark makes.
    fn is_in(&self, state: &CellState) -> bool {
        state.status == self.status
            && state.updated_at == Some(self.now_ms)
            && state.updated_by.as_deref() == Some(self.operator)
            && state.reason.as_deref() == Some(self.reason)
            && state.retry_after == self.retry_after
    }

    /// Returns the update expression and its values. States of an earlier version are not in the index of cells.
    pub(super) fn expression(&self, cell: &CellId) -> (String, HashMap<String, AttributeValue>) {
        let mut set =
            "SET #status = :status, reason = :reason, updated_by = :by, updated_at = :now, cell_id = :cell".to_owned();
        let mut values = HashMap::from([
            (":cell".to_owned(), text(cell.as_str())),
            (":status".to_owned(), text(self.status.as_str())),
            (":expected".to_owned(), text(self.expected.as_str())),
            (":reason".to_owned(), text(self.reason)),
            (":by".to_owned(), text(self.operator)),
            (":now".to_owned(), number(self.now_ms)),
            (":one".to_owned(), number(1)),
        ]);
        if self.status == CellStatus::Down && self.expected != CellStatus::Down {
            set.push_str(", down_at = :now");
        }
        match self.retry_after {
            Some(seconds) => {
                set.push_str(", retry_after = :retry ADD rev :one");
                values.insert(":retry".to_owned(), number(seconds.into()));
            }
            None => set.push_str(" REMOVE retry_after ADD rev :one"),
        }
        (set, values)
    }

    /// Returns the condition: the cell has the mark that its operator saw. Adds its value.
    pub(super) fn as_seen(&self, values: &mut HashMap<String, AttributeValue>) -> &'static str {
        match self.marked_at {
            Some(at) => {
                values.insert(":marked".to_owned(), number(at));
                "#status = :expected AND updated_at = :marked"
            }
            None => "#status = :expected AND attribute_not_exists(updated_at)",
        }
    }

    /// Returns the result of a mark that was refused, with the state that is there.
    pub(super) fn refused(&self, cell: &CellId, found: Option<CellState>) -> Result<(), StateError> {
        let (cell, expected) = (cell.clone(), self.expected);
        match found {
            // An earlier try of the SDK wrote it, and its response was lost.
            Some(found) if self.is_in(&found) => Ok(()),
            Some(found) => Err(StateError::Changed { cell, expected, found: Box::new(found) }),
            None => Err(StateError::Replaced { cell }),
        }
    }
}

pub(super) const WHAT: &str = "write the cell's state";

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(super) fn key(pk: String, sk: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([(PARTITION_KEY.to_owned(), AttributeValue::S(pk)), ("sk".to_owned(), text(sk))])
}

/// Sets a cell's status. `down_at` becomes the present time when the cell goes down, and stays otherwise.
///
/// # Errors
/// [`StateError::Changed`] when the mark is not the one that the operator saw.
pub async fn mark(client: &Client, registry: &str, cell: &CellId, mark: &Mark<'_>) -> Result<(), StateError> {
    let (set, mut values) = mark.expression(cell);
    let as_seen = mark.as_seen(&mut values);
    let update = client
        .update_item()
        .table_name(registry)
        .set_key(Some(key(partition(cell), STATE)))
        .update_expression(set)
        .condition_expression(as_seen)
        .expression_attribute_names("#status", "status")
        .set_expression_attribute_values(Some(values))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let mut backoff = Backoff::within(PLACE_TIMEOUT);
    loop {
        let Err(error) = update.clone().send().await else { return Ok(()) };
        match refusal(&error) {
            Refusal::Refused(found) => return mark.refused(cell, found),
            Refusal::Busy if backoff.pause().await => {}
            _ => return Err(AwsFailure::of(WHAT, error).into()),
        }
    }
}

enum Refusal {
    Refused(Option<CellState>),
    Busy,
    Other,
}

fn refusal(error: &SdkError<UpdateItemError>) -> Refusal {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
            Refusal::Refused(refused.item().cloned().and_then(|item| serde_dynamo::from_item(item).ok()))
        }
        Some(UpdateItemError::TransactionConflictException(_)) => Refusal::Busy,
        _ => Refusal::Other,
    }
}

/// Records that all events that standbys held since the mark-down at `down_at` are home, as long as nobody has marked the cell
/// since `marked_at`.
///
/// # Errors
/// [`StateError::Changed`] when somebody has.
pub async fn record_carried(
    client: &Client,
    registry: &str,
    cell: &CellId,
    marked_at: Option<u64>,
    down_at: u64,
) -> Result<(), StateError> {
    let is_as_seen = match marked_at {
        Some(_) => "updated_at = :marked AND down_at = :down",
        None => "attribute_not_exists(updated_at) AND down_at = :down",
    };
    let update = client
        .update_item()
        .table_name(registry)
        .set_key(Some(key(partition(cell), STATE)))
        .update_expression("SET carried_down_at = :down ADD rev :one")
        .condition_expression(is_as_seen)
        .expression_attribute_values(":down", number(down_at))
        .expression_attribute_values(":one", number(1))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let update = match marked_at {
        Some(at) => update.expression_attribute_values(":marked", number(at)),
        None => update,
    };
    let mut backoff = Backoff::within(PLACE_TIMEOUT);
    loop {
        let Err(error) = update.clone().send().await else { return Ok(()) };
        match refusal(&error) {
            Refusal::Refused(Some(found)) => {
                return Err(StateError::Changed {
                    cell: cell.clone(),
                    expected: CellStatus::Active,
                    found: Box::new(found),
                });
            }
            Refusal::Refused(None) => return Err(StateError::Replaced { cell: cell.clone() }),
            Refusal::Busy if backoff.pause().await => {}
            _ => return Err(AwsFailure::of(WHAT, error).into()),
        }
    }
}

/// Writes the first state of a cell, over the counts that a tenant may have left there.
///
/// # Errors
/// [`StateError::Replaced`] when it has one.
pub async fn create_state(client: &Client, registry: &str, cell: &CellId, state: &CellState) -> Result<(), StateError> {
    let item: HashMap<String, AttributeValue> = serde_dynamo::to_item(state)
        .map_err(|error| AwsFailure::unreadable(WHAT, format!("state of cell {cell}: {error}")))?;
    let put = client.put_item().table_name(registry).set_item(Some(item));
    let put = put.item(PARTITION_KEY, AttributeValue::S(partition(cell))).item("sk", text(STATE));
    let put = put.item(CELL_ID, text(cell.as_str()));
    let put = put.condition_expression("attribute_not_exists(#status)").expression_attribute_names("#status", "status");
    let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let Err(error) = put.send().await else { return Ok(()) };
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(refused)) => {
            let found = refused.item().cloned().and_then(|item| serde_dynamo::from_item::<_, CellState>(item).ok());
            // An earlier try of the SDK wrote it, and its response was lost.
            let is_own = found.is_some_and(|found| {
                (found.updated_at, &found.updated_by, &found.reason)
                    == (state.updated_at, &state.updated_by, &state.reason)
            });
            if is_own { Ok(()) } else { Err(StateError::Replaced { cell: cell.clone() }) }
        }
        _ => Err(AwsFailure::of(WHAT, error).into()),
    }
}

/// The counts of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Counts {
    /// The number of its tenants.
    pub tenants: u64,
    /// The sum of their weights.
    pub placed: u64,
}

/// Replaces the counts of a cell that have not changed since `rev` was read.
///
/// # Errors
/// [`StateError::Replaced`] when they have.
pub async fn set_counts(
    client: &Client,
    registry: &str,
    cell: &CellId,
    rev: u64,
    counts: Counts,
) -> Result<(), StateError> {
    let update = client
        .update_item()
        .table_name(registry)
        .set_key(Some(key(partition(cell), STATE)))
        .update_expression("SET tenants = :tenants, placed = :placed ADD rev :one")
        .condition_expression("attribute_exists(pk) AND (rev = :rev OR (attribute_not_exists(rev) AND :rev = :zero))")
        .expression_attribute_values(":tenants", number(counts.tenants))
        .expression_attribute_values(":placed", number(counts.placed))
        .expression_attribute_values(":rev", number(rev))
        .expression_attribute_values(":zero", number(0))
        .expression_attribute_values(":one", number(1));
    match update.send().await {
        Ok(_) => Ok(()),
        Err(error) => match refusal(&error) {
            Refusal::Refused(_) | Refusal::Busy => Err(StateError::Replaced { cell: cell.clone() }),
            Refusal::Other => Err(AwsFailure::of(WHAT, error).into()),
        },
    }
}

/// Replaces the number of tenants with a home and a standby, if it is still `was`.
///
/// # Errors
/// [`StateError::Replaced`] when it is not.
pub async fn set_pair(
    client: &Client,
    registry: &str,
    (home, standby): (&CellId, &CellId),
    was: u64,
    tenants: u64,
) -> Result<(), StateError> {
    let update = client
        .update_item()
        .table_name(registry)
        .set_key(Some(key(pairs(home), standby.as_str())))
        .update_expression("SET tenants = :tenants")
        .condition_expression("tenants = :was OR (attribute_not_exists(tenants) AND :was = :zero) OR tenants < :zero")
        .expression_attribute_values(":tenants", number(tenants))
        .expression_attribute_values(":was", number(was))
        .expression_attribute_values(":zero", number(0));
    match update.send().await {
        Ok(_) => Ok(()),
        Err(error) => match refusal(&error) {
            Refusal::Refused(_) | Refusal::Busy => Err(StateError::Replaced { cell: home.clone() }),
            Refusal::Other => Err(AwsFailure::of(WHAT, error).into()),
        },
    }
}
