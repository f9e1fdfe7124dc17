//! `GET /v1/route`.

use cellstack_core::{Clock, Entropy, EventStatus, RouteState, TenantId};
use lambda_http::{Body, Response};

use crate::context::RequestContext;
use crate::handler::Router;
use crate::http::problem::Problem;
use crate::http::response::{self, NewEvents};
use crate::routing::failover::Taker;

impl<A: Clock + Entropy + Clone> Router<A> {
    /// Returns the tenant's route, and the cell and status that a new event would get now. Parts that can't be read are
    /// missing.
    pub(crate) async fn show_route(
        &self,
        tenant: &TenantId,
        context: &mut RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let located = match self.locator.locate(tenant, |state| state == RouteState::Fenced, context).await {
            Ok(located) => located,
            Err(error) if error.is_unavailable() => {
                let resolved = context.route.as_ref().ok_or(error)?;
                return response::route(&resolved.route, None, None);
            }
            Err(error) => return Err(error.into()),
        };
        let route = located.route();
        let taker =
            if route.state == RouteState::Fenced { Ok(Taker::Nobody) } else { self.locator.taker(&located).await };
        let new_events = match (taker, &route.standby_cell_id) {
            (Ok(Taker::Home), _) => Some(NewEvents { cell_id: &route.cell_id, status: EventStatus::Accepted }),
            (Ok(Taker::Standby), Some(standby)) => Some(NewEvents { cell_id: standby, status: self.standby.status() }),
            _ => None,
        };
        response::route(route, Some(located.home.status), new_events)
    }
}
