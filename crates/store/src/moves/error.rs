//! The reasons why a move does not begin, or stops.

use aws_sdk_dynamodb::error::BuildError;
use cellstack_aws::AwsFailure;
use cellstack_core::event::rfc3339;
use cellstack_core::{CellId, TenantId};

use super::{MoveId, MoveRecord};
use crate::placement::PlacementError;

/// Keys that are named in an error.
const NAMED: usize = 10;

/// A move that does not begin, or stops. The tenant is served where the map says.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MoveError {
    /// The tenant or the cells do not allow it.
    #[error(transparent)]
    Placement(#[from] PlacementError),
    /// The tenant is in that cell.
    #[error("tenant {tenant} is in cell {cell} already")]
    AlreadyThere {
        /// The tenant.
        tenant: TenantId,
        /// The cell.
        cell: CellId,
    },
    /// The tenant is being moved.
    #[error("{}", under_way(.0))]
    UnderWay(Box<MoveRecord>),
    /// A cell is in another account.
    #[error(
        "cell {cell} is in another account, which a transaction can't reach; expected source, destination and standby in \
         this one"
    )]
    Elsewhere {
        /// The cell.
        cell: CellId,
    },
    /// Another run has the move.
    #[error("{}", taken_over(*id, record.as_deref()))]
    TakenOver {
        /// The move.
        id: MoveId,
        /// Its record.
        record: Option<Box<MoveRecord>>,
    },
    /// The fence has a later epoch than the map.
    #[error(
        "the fence of {tenant} in cell {cell} has a later epoch than the map's; expected the same: look at it with \
         `cellctl tenants show {tenant}`, the map may be an old copy"
    )]
    LaterFence {
        /// The tenant.
        tenant: TenantId,
        /// The cell.
        cell: CellId,
    },
    /// Source and destination are not equal.
    #[error("{} of {tenant} differ between {from} and {to}; nothing was flipped: {}", count(keys), list(keys))]
    Differ {
        /// The tenant.
        tenant: TenantId,
        /// The source.
        from: CellId,
        /// The destination.
        to: CellId,
        /// The sort keys, each with the difference.
        keys: Vec<String>,
    },
    /// A call failed.
    #[error(transparent)]
    Failed(#[from] AwsFailure),
}

fn count(keys: &[String]) -> String {
    if keys.len() == 1 { "1 item".to_owned() } else { format!("{} items", keys.len()) }
}

fn list(keys: &[String]) -> String {
    let more = keys.len().saturating_sub(NAMED);
    let named: Vec<&str> = keys.iter().take(NAMED).map(String::as_str).collect();
    if more > 0 { format!("{}, and {more} more", named.join(", ")) } else { named.join(", ") }
}

fn under_way(record: &MoveRecord) -> String {
    let MoveRecord { id, tenant, from, to, phase, by, at, reason, .. } = record;
    format!(
        "tenant {tenant} is being moved from {from} to {to} by {by} ({reason}): {} since {}; look with `cellctl moves show \
         {id}`, continue with `cellctl moves resume {id}`, undo with `cellctl moves abort {id}`",
        phase.as_str(),
        rfc3339(*at)
    )
}

fn taken_over(id: MoveId, record: Option<&MoveRecord>) -> String {
    let Some(record) = record else { return format!("move {id} is no longer on record") };
    format!(
        "move {id} was taken over by {} at {}, and is {}; this run has stopped: look with `cellctl moves show {id}`",
        record.by,
        rfc3339(record.at),
        record.phase.as_str()
    )
}

impl From<BuildError> for MoveError {
    fn from(error: BuildError) -> Self {
        Self::Failed(AwsFailure::unreadable("move a tenant", error.to_string()))
    }
}
