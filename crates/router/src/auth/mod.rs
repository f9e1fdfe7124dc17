//! The tenant of a request: one configured source, never a silent fallback.

pub(crate) mod jwt;

use cellstack_core::{Clock, TenantId};
use lambda_http::http::HeaderMap;

use crate::auth::jwt::{JwtSettings, Verifier};
use crate::http::problem::{Kind, Problem};

/// The header that names the tenant.
pub(crate) const TENANT_HEADER: &str = "x-tenant-id";

/// The source of a request's tenant.
#[derive(Debug, Clone)]
pub enum TenantSource {
    /// The header `x-tenant-id`, only for callers that something in front of the router has authenticated.
    Header,
    /// The event's `tenantid` (or `tenant_id`), only for callers that are trusted with every tenant. A request without
    /// a body names the tenant in its query string.
    Body,
    /// A claim of a verified token.
    Jwt(Box<JwtSettings>),
}

/// A [`TenantSource`] in use.
pub(crate) enum Identity<A> {
    Header,
    Body,
    Jwt(Box<Verifier<A>>),
}

impl<A: Clock + Clone> Identity<A> {
    pub(crate) fn new(source: TenantSource, clock: A) -> Self {
        match source {
            TenantSource::Header => Self::Header,
            TenantSource::Body => Self::Body,
            TenantSource::Jwt(settings) => {
                // A client of its own: the one of AWS's endpoints may trust nobody else.
                Self::Jwt(Box::new(Verifier::new(*settings, cellstack_aws::http_client(), clock)))
            }
        }
    }

    /// Reads the keys that the first request needs.
    pub(crate) async fn warm_up(&self) {
        if let Self::Jwt(verifier) = self {
            verifier.warm().await;
        }
    }

    /// Returns the tenant that the request proves, before anything else of it is read.
    pub(crate) async fn prove(&self, headers: &HeaderMap) -> Result<Option<TenantId>, Problem> {
        match self {
            Self::Header | Self::Body => Ok(None),
            Self::Jwt(verifier) => verifier.tenant(headers).await.map(Some),
        }
    }

    /// Decides on the request's tenant. `proven` is from [`prove`](Self::prove), `claimed` from the body or the query.
    pub(crate) fn settle(
        &self,
        proven: Option<TenantId>,
        headers: &HeaderMap,
        claimed: Option<TenantId>,
    ) -> Result<TenantId, Problem> {
        let named = named(headers)?;
        let (tenant, others) = match self {
            Self::Header => (named, [claimed, None]),
            Self::Body => (claimed, [named, None]),
            Self::Jwt(_) => (proven, [named, claimed]),
        };
        let tenant = tenant.ok_or_else(|| self.missing())?;
        match others.into_iter().flatten().find(|other| *other != tenant) {
            Some(other) => Err(Problem::new(
                Kind::TenantMismatch,
                format!(
                    "The {} names tenant {tenant}, the rest of the request {other}. Name one tenant.",
                    self.as_str()
                ),
            )),
            None => Ok(tenant),
        }
    }

    fn missing(&self) -> Problem {
        let (kind, how) = match self {
            Self::Header => (Kind::MissingTenant, format!("Name the tenant in the header {TENANT_HEADER}.")),
            Self::Body => (
                Kind::MissingTenant,
                "Name the tenant in the event's member tenantid, or in the query parameter tenantid of a GET."
                    .to_owned(),
            ),
            Self::Jwt(_) => (Kind::Unauthenticated, "Send a token that names the tenant.".to_owned()),
        };
        Problem::new(kind, how)
    }

    const fn as_str(&self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Body => "body",
            Self::Jwt(_) => "token",
        }
    }
}

/// Reads the tenant that the header names.
fn named(headers: &HeaderMap) -> Result<Option<TenantId>, Problem> {
    let value = headers.get(TENANT_HEADER).map(|value| String::from_utf8_lossy(value.as_bytes()).parse());
    value.transpose().map_err(|error| Problem::new(Kind::MissingTenant, format!("Header {TENANT_HEADER}: {error}.")))
}

#[cfg(test)]
mod tests {
    use cellstack_core::SystemClock;

    use super::*;

    #[test]
    fn one_source_counts_and_a_contradiction_is_refused() {
        let (header, body) = (Identity::<SystemClock>::Header, Identity::<SystemClock>::Body);
        let mut headers = HeaderMap::new();
        let tenant = |name: &str| name.parse::<TenantId>().unwrap();
        let settle = |source: &Identity<SystemClock>, headers: &HeaderMap, claimed| {
            source.settle(None, headers, claimed).map_err(|problem| problem.kind)
        };

        assert_eq!(settle(&header, &headers, Some(tenant("acme"))), Err(Kind::MissingTenant));
        assert_eq!(settle(&body, &headers, Some(tenant("acme"))), Ok(tenant("acme")));

        headers.insert(TENANT_HEADER, "acme".parse().unwrap());
        assert_eq!(settle(&header, &headers, None), Ok(tenant("acme")));
        assert_eq!(settle(&header, &headers, Some(tenant("acme"))), Ok(tenant("acme")));
        assert_eq!(settle(&header, &headers, Some(tenant("globex"))), Err(Kind::TenantMismatch));
        assert_eq!(settle(&body, &headers, Some(tenant("globex"))), Err(Kind::TenantMismatch));
        assert_eq!(settle(&body, &headers, None), Err(Kind::MissingTenant));

        headers.insert(TENANT_HEADER, "a b".parse().unwrap());
        assert_eq!(settle(&header, &headers, None), Err(Kind::MissingTenant));
    }
}
