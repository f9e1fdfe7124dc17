//! Whose request it is: one configured source, never a silent fallback.

use std::str::FromStr;

use cellstack_core::TenantId;
use lambda_http::http::HeaderMap;

use crate::problem::{Kind, Problem};

/// The header that names the tenant.
pub(crate) const TENANT_HEADER: &str = "x-tenant-id";

/// Where a request's tenant comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantSource {
    /// The header `x-tenant-id`. Only for callers that something in front has authenticated.
    Header,
    /// The event's `tenantid` (or `tenant_id`); a request without a body names it in its query string. Only for
    /// callers that are trusted with every tenant.
    Body,
}

impl FromStr for TenantSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "header" => Ok(Self::Header),
            "body" => Ok(Self::Body),
            other => Err(format!("expected header or body, found '{other}'")),
        }
    }
}

impl TenantSource {
    /// The request's tenant. `claimed` is what its body or query string says.
    pub(crate) fn identify(self, headers: &HeaderMap, claimed: Option<TenantId>) -> Result<TenantId, Problem> {
        let header = headers
            .get(TENANT_HEADER)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).parse())
            .transpose()
            .map_err(|error| Problem::new(Kind::MissingTenant, format!("Header {TENANT_HEADER}: {error}.")))?;
        let (tenant, other) = match self {
            Self::Header => (header, claimed),
            Self::Body => (claimed, header),
        };
        let tenant = tenant.ok_or_else(|| self.missing())?;
        match other {
            Some(other) if other != tenant => Err(Problem::new(
                Kind::TenantMismatch,
                format!("The {self} names tenant {tenant}, the rest of the request {other}. Name one tenant."),
            )),
            _ => Ok(tenant),
        }
    }

    fn missing(self) -> Problem {
        let how = match self {
            Self::Header => format!("Name the tenant in the header {TENANT_HEADER}."),
            Self::Body => {
                "Name the tenant in the event's member tenantid, or in the query parameter tenantid of a GET."
                    .to_owned()
            }
        };
        Problem::new(Kind::MissingTenant, how)
    }
}

impl std::fmt::Display for TenantSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Body => "body",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_source_counts_and_a_contradiction_is_refused() {
        let mut headers = HeaderMap::new();
        let tenant = |name: &str| name.parse::<TenantId>().unwrap();
        let kind =
            |source: TenantSource, headers: &HeaderMap, claimed| source.identify(headers, claimed).unwrap_err().kind;

        assert_eq!(kind(TenantSource::Header, &headers, Some(tenant("acme"))), Kind::MissingTenant);
        assert_eq!(TenantSource::Body.identify(&headers, Some(tenant("acme"))), Ok(tenant("acme")));

        headers.insert(TENANT_HEADER, "acme".parse().unwrap());
        assert_eq!(TenantSource::Header.identify(&headers, None), Ok(tenant("acme")));
        assert_eq!(TenantSource::Header.identify(&headers, Some(tenant("acme"))), Ok(tenant("acme")));
        assert_eq!(kind(TenantSource::Header, &headers, Some(tenant("globex"))), Kind::TenantMismatch);
        assert_eq!(kind(TenantSource::Body, &headers, Some(tenant("globex"))), Kind::TenantMismatch);
        assert_eq!(kind(TenantSource::Body, &headers, None), Kind::MissingTenant);

        headers.insert(TENANT_HEADER, "a b".parse().unwrap());
        assert_eq!(kind(TenantSource::Header, &headers, None), Kind::MissingTenant);
    }
}
