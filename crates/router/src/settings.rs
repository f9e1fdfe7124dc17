//! The settings of a router.

use cellstack_core::config::{ConfigError, optional, var};
use cellstack_store::snapshot::SnapshotSource;

use crate::auth::TenantSource;
use crate::auth::jwt::JwtSettings;
use crate::routing::failover::Standby;

/// The settings of a router, from its environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of the tenant map's table.
    pub tenant_map_table: String,
    /// The name of the registry's table.
    pub registry_table: String,
    /// The name of the table of placement requests. Without one no tenant is placed on first sight.
    pub placement_requests_table: Option<String>,
    /// The source of a request's tenant.
    pub tenant_source: TenantSource,
    /// The snapshot from which a router without a cache starts if the map can't be read.
    pub snapshot: Option<SnapshotSource>,
    /// The treatment of events in the standby of a tenant whose cell is marked down.
    pub standby: Standby,
    /// The stack's name, a dimension of the router's metrics. Without one no metrics are written.
    pub stack: Option<String>,
    /// True if the first connection is made before the first request.
    pub warm_up: bool,
}

impl Settings {
    /// Returns settings with defaults for everything but the tables and the tenant source.
    #[must_use]
    pub const fn new(tenant_map_table: String, registry_table: String, tenant_source: TenantSource) -> Self {
        Self {
            tenant_map_table,
            registry_table,
            placement_requests_table: None,
            tenant_source,
            snapshot: None,
            standby: Standby::Hold,
            stack: None,
            warm_up: true,
        }
    }

    /// Reads the settings from the environment.
    ///
    /// | variable | holds |
    /// |---|---|
    /// | `CELLSTACK_TENANT_MAP_TABLE` | the name of the tenant map's table |
    /// | `CELLSTACK_REGISTRY_TABLE` | the name of the registry's table |
    /// | `CELLSTACK_PLACEMENT_REQUESTS_TABLE` | optional: the name of the table of placement requests; turns placement on first sight on |
    /// | `CELLSTACK_TENANT_SOURCE` | `header`, `body` or `jwt`; with `jwt`, see [`JwtSettings::from_env`] |
    /// | `CELLSTACK_SNAPSHOT` | optional: `s3://bucket/key` or `file:///path` of a snapshot of the map |
    /// | `CELLSTACK_STANDBY` | optional: `hold` (the default) or `process` |
    /// | `CELLSTACK_STACK` | optional: the stack's name |
    /// | `CELLSTACK_WARM_UP` | optional: `on` (the default) or `off` |
    ///
    /// # Errors
    /// Fails if a variable is missing or invalid.
    pub fn from_env() -> Result<Self, ConfigError> {
        const SOURCE: &str = "CELLSTACK_TENANT_SOURCE";
        const SOURCES: &str = "header, body or jwt";
        let tenant_source = match var::<String>(SOURCE, SOURCES)?.as_str() {
            "header" => TenantSource::Header,
            "body" => TenantSource::Body,
            "jwt" => TenantSource::Jwt(Box::new(JwtSettings::from_env()?)),
            other => return Err(ConfigError::invalid(SOURCE, SOURCES, other, "there is no such source")),
        };
        const WARM_UP: &str = "CELLSTACK_WARM_UP";
        const SWITCH: &str = "on or off";
        let warm_up = match optional::<String>(WARM_UP, SWITCH)?.as_deref() {
            None | Some("on") => true,
            Some("off") => false,
            Some(other) => return Err(ConfigError::invalid(WARM_UP, SWITCH, other, "it is a switch")),
        };
        const STANDBY: &str = "CELLSTACK_STANDBY";
        const STANDBYS: &str = "hold or process";
        let standby = match optional::<String>(STANDBY, STANDBYS)?.as_deref() {
            None | Some("hold") => Standby::Hold,
            Some("process") => Standby::Process,
            Some(other) => return Err(ConfigError::invalid(STANDBY, STANDBYS, other, "a standby does one of the two")),
        };
        let map = var("CELLSTACK_TENANT_MAP_TABLE", "the name of the tenant map's table")?;
        let registry = var("CELLSTACK_REGISTRY_TABLE", "the name of the registry's table")?;
        Ok(Self {
            snapshot: optional("CELLSTACK_SNAPSHOT", "s3://bucket/key or file:///path of a snapshot of the map")?,
            placement_requests_table: optional(
                "CELLSTACK_PLACEMENT_REQUESTS_TABLE",
                "the name of the table of placement requests",
            )?,
            standby,
            stack: optional("CELLSTACK_STACK", "the stack's name")?,
            warm_up,
            ..Self::new(map, registry, tenant_source)
        })
    }
}
