//! An event of a tenant that the map does not have, where placement on first sight is on.

use cellstack_core::placement_request::RequestState;
use cellstack_core::{Clock, Entropy, TenantId};

use crate::context::RequestContext;
use crate::handler::Router;
use crate::http::problem::Problem;
use crate::routing::{FirstSight, Located, LookupError};

impl<A: Clock + Entropy + Clone> Router<A> {
    /// Returns the cell of a tenant that has one by now. Otherwise requests one, and asks the caller to come again.
    pub(super) async fn locate_on_first_sight(
        &self,
        first_sight: &FirstSight<A>,
        tenant: &TenantId,
        request_id: &str,
        context: &mut RequestContext,
    ) -> Result<Located, Problem> {
        match self.locator.refresh_unplaced(tenant, context).await {
            Err(LookupError::UnknownTenant(_)) => {}
            located => return Ok(located?),
        }
        Err(match first_sight.request(tenant, request_id).await.map_err(LookupError::from)? {
            RequestState::Pending => Problem::being_placed(),
            RequestState::NoCapacity => Problem::no_capacity(),
            RequestState::Refused => LookupError::UnknownTenant(tenant.clone()).into(),
        })
    }
}
