//! The settings of a placer.

use cellstack_core::config::{ConfigError, optional, var};

/// The settings of a placer.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of the tenant map's table.
    pub tenant_map_table: String,
    /// The name of the registry's table.
    pub registry_table: String,
    /// The name of the table of placement requests.
    pub placement_requests_table: String,
    /// The stack's name, a dimension of the placer's metrics. Without one no metrics are written.
    pub stack: Option<String>,
}

impl Settings {
    /// Reads the settings from the environment.
    ///
    /// | variable | holds |
    /// |---|---|
    /// | `CELLSTACK_TENANT_MAP_TABLE` | the name of the tenant map's table |
    /// | `CELLSTACK_REGISTRY_TABLE` | the name of the registry's table |
    /// | `CELLSTACK_PLACEMENT_REQUESTS_TABLE` | the name of the table of placement requests |
    /// | `CELLSTACK_STACK` | optional: the stack's name |
    ///
    /// # Errors
    /// Fails if a variable is missing.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            tenant_map_table: var("CELLSTACK_TENANT_MAP_TABLE", "the name of the tenant map's table")?,
            registry_table: var("CELLSTACK_REGISTRY_TABLE", "the name of the registry's table")?,
            placement_requests_table: var(
                "CELLSTACK_PLACEMENT_REQUESTS_TABLE",
                "the name of the table of placement requests",
            )?,
            stack: optional("CELLSTACK_STACK", "the stack's name")?,
        })
    }
}
