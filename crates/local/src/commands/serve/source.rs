//! The place where requests to a served stack name their tenant.

use anyhow::Result;
use cellstack_router::{JwtSettings, TenantSource};
use clap::ValueEnum;

/// A tenant source, as the command line names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Source {
    /// The header x-tenant-id
    Header,
    /// The event's tenantid, or the query's
    Body,
    /// A token that is verified, as the environment's CELLSTACK_JWT_ISSUER, _AUDIENCE and _KEYS say
    Jwt,
}

impl Source {
    /// Returns the router's setting. That of tokens is read from the environment, as a deployed router reads it.
    pub(super) fn setting(self) -> Result<TenantSource> {
        Ok(match self {
            Self::Header => TenantSource::Header,
            Self::Body => TenantSource::Body,
            Self::Jwt => TenantSource::Jwt(Box::new(JwtSettings::from_env()?)),
        })
    }

    /// Returns the arguments of a `curl` that posts an event, a JSON object, of the tenant.
    pub(super) fn curl(self, tenant: &str, event: &str) -> String {
        match self {
            Self::Header => format!("-H 'x-tenant-id: {tenant}' -d '{event}'"),
            Self::Body => format!(r#"-d '{{"tenantid":"{tenant}",{}'"#, event.trim_start_matches('{')),
            Self::Jwt => format!(r#"-H "authorization: Bearer $TOKEN" -d '{event}'"#),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_has_a_request_to_copy() {
        const EVENT: &str = r#"{"type":"order.placed","data":{"amount":42}}"#;
        let header = r#"-H 'x-tenant-id: acme' -d '{"type":"order.placed","data":{"amount":42}}'"#;
        assert_eq!(Source::Header.curl("acme", EVENT), header);
        assert!(Source::Body.curl("acme", EVENT).contains(r#"{"tenantid":"acme","type":"order.placed","data""#));
        assert!(Source::Jwt.curl("acme", EVENT).starts_with(r#"-H "authorization: Bearer $TOKEN" -d "#));
    }
}
