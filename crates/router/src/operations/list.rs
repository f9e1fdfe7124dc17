//! `GET /v1/events` and `GET /v1/totals`.
//!
//! A route that is still fresh when a tenant changes its cell was `moving` or `fenced` before. In these states the map
//! is read first; a fresh and active route needs no such read.

use cellstack_core::{Clock, Entropy, RouteState, TenantId};
use lambda_http::{Body, Response};

use super::marked;
use crate::cell::Page;
use crate::context::RequestContext;
use crate::handler::Router;
use crate::http::cursor::{Cursor, Scope};
use crate::http::operation::{Listing, TotalsPage};
use crate::http::problem::{Kind, Problem};
use crate::http::response;
use crate::routing::Other;

fn may_have_moved(state: RouteState) -> bool {
    state != RouteState::Active
}

impl<A: Clock + Entropy + Clone> Router<A> {
    pub(crate) async fn list_events(
        &self,
        tenant: &TenantId,
        listing: &Listing,
        context: &mut RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let Listing { filter, limit, cursor } = listing;
        let scope = Scope::events(tenant, filter);
        let before = cursor.as_ref().map(|cursor| open(cursor, &scope)).transpose()?;
        let located = self.locator.locate(tenant, may_have_moved, context).await?;
        let standby = if self.standby.may_have_events(&located.home) {
            self.locator.standby(located.route()).await?
        } else {
            Other::None
        };

        let (mut page, mut missing) = (Page::default(), Vec::new());
        let home = self.locator.readable_home(&located);
        match (&home, &standby) {
            (Some(home), _) => page = home.list(tenant, filter, before, *limit).await?,
            (None, Other::Serves(_)) => missing.push(&located.route().cell_id),
            (None, Other::None | Other::Away) => return Err(marked(&located.home)),
        }
        match (standby, &located.route().standby_cell_id) {
            (Other::Serves(standby), Some(id)) => {
                let there = standby.list(tenant, filter, before, *limit).await?.held_by(id);
                page = if home.is_some() { page.merge(there, *limit) } else { there };
                // The standby alone has served a page that holds nothing of the tenant's own cell.
                if home.is_none() {
                    context.standby = Some(id.clone());
                }
            }
            (Other::Away, Some(id)) => missing.push(id),
            _ => {}
        }
        let next = page.next.as_deref().map(|last| Cursor::new(last, &scope).encode());
        response::list(&page.events, &missing, next)
    }

    pub(crate) async fn totals(
        &self,
        tenant: &TenantId,
        page: &TotalsPage,
        context: &mut RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let scope = Scope::totals(tenant);
        let after = page.cursor.as_ref().map(|cursor| open(cursor, &scope)).transpose()?;
        let located = self.locator.locate(tenant, may_have_moved, context).await?;
        let home = self.locator.readable_home(&located).ok_or_else(|| marked(&located.home))?;
        let (totals, next) = home.totals(tenant, after, page.limit).await?;
        let next = next.map(|last| Cursor::new(&last, &scope).encode());
        response::totals(tenant, &totals, next)
    }
}

fn open<'a>(cursor: &'a Cursor, scope: &Scope<'_>) -> Result<&'a str, Problem> {
    cursor.open(scope).ok_or_else(|| {
        Problem::new(
            Kind::InvalidRequest,
            "Query parameter cursor is of another listing. Use it with the tenant, type and status it came from.",
        )
    })
}
