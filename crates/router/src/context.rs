//! The facts that are found out about a request on its way, for the response's headers and the log.

use cellstack_core::{CellId, Epoch, TenantId};
use lambda_http::http::{HeaderValue, Method};
use lambda_http::{Body, Response};
use tokio::time::Instant;

use crate::routing::Resolved;

/// The tenant, route and cell of a request, as far as they are known.
#[derive(Default)]
pub(crate) struct RequestContext {
    pub(crate) tenant: Option<TenantId>,
    pub(crate) route: Option<Resolved>,
    /// The cell that served the request, if that is not the tenant's own.
    pub(crate) standby: Option<CellId>,
    /// The time until which the request waits for a move to end, once it waits. The events of a batch share one.
    pub(crate) waits_until: Option<Instant>,
}

impl RequestContext {
    pub(crate) fn epoch(&self) -> Option<Epoch> {
        self.route.as_ref().map(|resolved| resolved.route.epoch)
    }

    pub(crate) fn cell(&self) -> Option<&CellId> {
        self.standby.as_ref().or_else(|| Some(&self.route.as_ref()?.route.cell_id))
    }

    pub(crate) fn stamp(&self, response: &mut Response<Body>, request_id: &str) {
        let headers = response.headers_mut();
        let mut set = |name, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        set("x-request-id", request_id);
        if let (Some(resolved), Some(cell)) = (&self.route, self.cell()) {
            set("x-cell-id", cell.as_str());
            set("x-cell-epoch", &resolved.route.epoch.to_string());
            set("x-route-source", resolved.source.as_str());
        }
    }

    pub(crate) fn log(&self, method: &Method, response: &Response<Body>) {
        tracing::info!(
            method = method.as_str(),
            status = response.status().as_u16(),
            tenant = self.tenant.as_ref().map(TenantId::as_str),
            cell = self.cell().map(CellId::as_str),
            source = self.route.as_ref().map(|resolved| resolved.source.as_str()),
            "request"
        );
    }
}
