//! Failures to find a tenant's cell.

use std::fmt;

use cellstack_aws::{AwsFailure, FailureKind};
use cellstack_core::TenantId;

/// A failure to read a table of the control plane.
#[derive(Debug, Clone)]
pub(crate) enum Unread {
    /// The call failed.
    Failed(AwsFailure),
    /// The table failed not long ago, and its breaker is open.
    CircuitOpen,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => failure.fmt(f),
            Self::CircuitOpen => f.write_str("not called, since it failed a moment ago"),
        }
    }
}

/// A failure to look up a tenant's route or cell.
#[derive(Debug, Clone)]
pub(crate) enum LookupError {
    /// The tenant map has no entry for the tenant.
    UnknownTenant(TenantId),
    /// The map names a cell that the registry does not have.
    UnregisteredCell,
    /// The map or the registry can't be read, and neither cache nor snapshot has the entry.
    Unread(Unread),
}

impl LookupError {
    /// Returns whether a retry can help: the control plane is out of reach, or not complete yet.
    pub(crate) const fn is_unavailable(&self) -> bool {
        match self {
            Self::UnknownTenant(_) => false,
            Self::UnregisteredCell | Self::Unread(Unread::CircuitOpen) => true,
            Self::Unread(Unread::Failed(failure)) => {
                matches!(failure.kind, FailureKind::Unavailable | FailureKind::Busy)
            }
        }
    }
}

impl From<Unread> for LookupError {
    fn from(unread: Unread) -> Self {
        Self::Unread(unread)
    }
}
