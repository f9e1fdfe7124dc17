//! One request: who it is, where its cell is, what it wants there.

use aws_sdk_dynamodb::Client;
use cellstack_core::config::{ConfigError, var};
use cellstack_core::directory::Directory;
use cellstack_core::tenant_map::TenantMap;
use cellstack_core::{Ambient, EventId, EventRecord, NewEvent, RouteState, TenantId};
use lambda_http::http::HeaderValue;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt, Response};

use crate::answer;
use crate::call::Call;
use crate::cell::{CellTable, Guard, Written};
use crate::intake;
use crate::problem::{Kind, Problem};
use crate::resolve::{Resolved, Resolver, RouteSource};
use crate::tenant::TenantSource;

/// What a router is told from outside.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name of the tenant map's table.
    pub tenant_map_table: String,
    /// Name of the registry's table.
    pub registry_table: String,
    /// Where a request's tenant comes from.
    pub tenant_source: TenantSource,
}

impl Settings {
    /// Reads `CELLSTACK_TENANT_MAP_TABLE`, `CELLSTACK_REGISTRY_TABLE` and `CELLSTACK_TENANT_SOURCE`.
    ///
    /// # Errors
    /// When one is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            tenant_map_table: var("CELLSTACK_TENANT_MAP_TABLE", "the name of the tenant map's table")?,
            registry_table: var("CELLSTACK_REGISTRY_TABLE", "the name of the registry's table")?,
            tenant_source: var("CELLSTACK_TENANT_SOURCE", "header or body")?,
        })
    }
}

/// The router: everything a request needs, made once an environment.
pub struct Router<A> {
    client: Client,
    resolver: Resolver<A>,
    source: TenantSource,
    ambient: A,
}

impl<A: Ambient + Clone> Router<A> {
    /// A router with an empty cache.
    pub fn new(client: Client, settings: Settings, ambient: A) -> Self {
        let map = TenantMap::new(client.clone(), settings.tenant_map_table);
        let directory = Directory::new(client.clone(), settings.registry_table);
        let resolver = Resolver::new(map, directory, ambient.clone());
        Self { client, resolver, source: settings.tenant_source, ambient }
    }

    /// Answers a request. Never fails: what goes wrong becomes a problem document.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let request_id = request_id(&request);
        let mut visit = Visit::default();
        let answer = self.answer(&request, &mut visit).await;
        let mut response = answer.unwrap_or_else(|problem| problem.into_response(&request_id));
        visit.stamp(&mut response, &request_id);
        visit.log(&request, &response);
        response
    }

    async fn answer(&self, request: &Request, visit: &mut Visit) -> Result<Response<Body>, Problem> {
        let call = Call::of(request.method(), request.raw_http_path())?;
        match call {
            Call::Health => answer::health(),
            Call::PostEvent => {
                let intake = intake::read(request.headers(), request.body(), &self.ambient)?;
                let tenant = self.source.identify(request.headers(), intake.claimed)?;
                intake::check_size(&tenant, &intake.event)?;
                self.post_event(tenant, intake.event, visit).await
            }
            Call::GetEvent(id) => self.get_event(&self.reader(request)?, id, visit).await,
            Call::Totals => {
                let tenant = self.reader(request)?;
                let route = self.route(&tenant, visit).await?;
                let cell = self.resolver.cell(&route.route.cell_id).await?;
                let totals = self.table(&cell.table).totals(&tenant).await.map_err(|e| Problem::of_aws(&e))?;
                answer::totals(&tenant, &totals)
            }
            Call::Route => answer::route(&self.route(&self.reader(request)?, visit).await?.route),
        }
    }

    /// The tenant of a request that has no body.
    fn reader(&self, request: &Request) -> Result<TenantId, Problem> {
        let query = request.query_string_parameters_ref();
        let claimed = query.and_then(|query| query.first("tenantid").or_else(|| query.first("tenant_id")));
        let claimed = claimed
            .map(str::parse)
            .transpose()
            .map_err(|error| Problem::new(Kind::MissingTenant, format!("Query parameter tenantid: {error}.")))?;
        self.source.identify(request.headers(), claimed)
    }

    async fn route(&self, tenant: &TenantId, visit: &mut Visit) -> Result<Resolved, Problem> {
        visit.tenant = Some(tenant.clone());
        let resolved = self.resolver.tenant(tenant).await?;
        visit.route = Some(resolved.clone());
        Ok(resolved)
    }

    /// Writes the event where its tenant lives. A refusing fence or a `fenced` route gets one look at the map and one
    /// more try, under the same event id, so that a write that did land is found and not doubled.
    async fn post_event(
        &self,
        tenant: TenantId,
        event: NewEvent,
        visit: &mut Visit,
    ) -> Result<Response<Body>, Problem> {
        let mut resolved = self.route(&tenant, visit).await?;
        let mut refreshed = resolved.source == RouteSource::Map;
        let accepted_at = self.ambient.wall_ms();
        loop {
            if let Some(guard) = guard(&resolved) {
                let cell = self.resolver.cell(&resolved.route.cell_id).await?;
                let record = EventRecord::accepted(tenant.clone(), event.clone(), resolved.route.epoch, accepted_at);
                match self.table(&cell.table).write(&record, guard).await.map_err(|e| Problem::of_aws(&e))? {
                    Written::New => return answer::accepted(&record, false),
                    Written::Exists(first) => return repeat(&record, &first),
                    Written::FenceRefused => {}
                }
            }
            if refreshed {
                return Err(Problem::unavailable("The tenant is being moved to another cell."));
            }
            resolved = self.resolver.refresh(&tenant).await?;
            visit.route = Some(resolved.clone());
            refreshed = true;
        }
    }

    async fn get_event(&self, tenant: &TenantId, id: EventId, visit: &mut Visit) -> Result<Response<Body>, Problem> {
        let resolved = self.route(tenant, visit).await?;
        let cell = self.resolver.cell(&resolved.route.cell_id).await?;
        let found = self.table(&cell.table).event(tenant, id).await.map_err(|e| Problem::of_aws(&e))?;
        match found {
            Some(record) => answer::event(&record),
            None => Err(Problem::new(Kind::UnknownEvent, format!("Tenant {tenant} has no event {id}."))),
        }
    }

    const fn table<'a>(&'a self, table: &'a str) -> CellTable<'a> {
        CellTable { client: &self.client, table }
    }
}

/// How a write must be guarded, given what is known of the tenant's cell; `None` where it must not be tried.
const fn guard(resolved: &Resolved) -> Option<Guard> {
    match (resolved.route.state, resolved.source) {
        (RouteState::Fenced, _) => None,
        (RouteState::Active, RouteSource::Cache | RouteSource::Map) => Some(Guard::Lease),
        (RouteState::Moving, _) | (_, RouteSource::Stale) => Some(Guard::Fence),
    }
}

/// The answer to an event whose name is taken: the first answer again, or a conflict.
fn repeat(record: &EventRecord, first: &EventRecord) -> Result<Response<Body>, Problem> {
    if record.body_sha256 == first.body_sha256 {
        return answer::accepted(first, true);
    }
    Err(Problem::new(
        Kind::IdempotencyConflict,
        format!("Event {} was accepted with another body. Give this event a name of its own.", first.id()),
    ))
}

/// What became known of a request on its way: for the answer's headers and the log.
#[derive(Default)]
struct Visit {
    tenant: Option<TenantId>,
    route: Option<Resolved>,
}

impl Visit {
    fn stamp(&self, response: &mut Response<Body>, request_id: &str) {
        let headers = response.headers_mut();
        let mut set = |name, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        set("x-request-id", request_id);
        if let Some(resolved) = &self.route {
            set("x-cell-id", resolved.route.cell_id.as_str());
            set("x-cell-epoch", &resolved.route.epoch.to_string());
            set("x-route-source", resolved.source.as_str());
        }
    }

    fn log(&self, request: &Request, response: &Response<Body>) {
        tracing::info!(
            method = %request.method(),
            status = response.status().as_u16(),
            tenant = self.tenant.as_ref().map(TenantId::as_str),
            cell = self.route.as_ref().map(|resolved| resolved.route.cell_id.as_str()),
            source = self.route.as_ref().map(|resolved| resolved.source.as_str()),
            "request"
        );
    }
}

fn request_id(request: &Request) -> String {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
        _ => None,
    }
    .unwrap_or_else(|| "unknown".to_owned())
}
