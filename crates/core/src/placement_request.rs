//! A request for placement: the note by which a router asks the control plane for a cell for a tenant that has none.
//!
//! There is one item per tenant. The router writes it with state `pending`; the placer deletes it once the tenant has a cell,
//! or keeps the reason why it gets none. An item counts for a limited time: what is past `expires_at` is as good as gone,
//! and DynamoDB deletes it in its own time.

use serde::{Deserialize, Serialize};

use crate::TenantId;
use crate::lease::Versioned;

/// The attribute by which DynamoDB deletes expired items: seconds since the Unix epoch.
pub const EXPIRES_AT: &str = "expires_at";

/// The state of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestState {
    /// The tenant is to be placed.
    Pending,
    /// No cell had room for the tenant.
    NoCapacity,
    /// The tenant is not placed on first sight: its id is reserved, or an operator removed it.
    Refused,
}

impl RequestState {
    /// Returns the stored form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::NoCapacity => "no-capacity",
            Self::Refused => "refused",
        }
    }
}

impl Versioned for RequestState {
    /// Returns the same version always, so that any later read counts: a state goes back and forth.
    fn version(&self) -> u64 {
        0
    }
}

/// A request as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacementRequest {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The state.
    pub state: RequestState,
    /// The id of the HTTP request that named the tenant.
    pub request_id: String,
    /// The time of that request, in milliseconds since the Unix epoch.
    pub requested_at: u64,
    /// The time from which the item counts no more, in seconds since the Unix epoch.
    pub expires_at: u64,
    /// The reason why the tenant was not placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_of_a_state_is_the_one_that_is_read() {
        for state in [RequestState::Pending, RequestState::NoCapacity, RequestState::Refused] {
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{}\"", state.as_str()));
        }
    }
}
