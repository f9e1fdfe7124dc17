//! The names of a deployment's tables and functions, as Terraform gives them. Every name begins with the deployment's prefix.

use crate::CellId;

/// The prefix of a deployment that sets no other.
pub const DEFAULT_PREFIX: &str = "cellstack";

/// Returns the name of the tenant map's table.
#[must_use]
pub fn tenant_map(prefix: &str) -> String {
    format!("{prefix}-tenant-map")
}

/// Returns the name of the registry's table.
#[must_use]
pub fn registry(prefix: &str) -> String {
    format!("{prefix}-registry")
}

/// Returns the name of a cell's producer.
#[must_use]
pub fn producer(prefix: &str, cell: &CellId) -> String {
    format!("{prefix}-cell-{cell}-producer")
}

/// Returns the name of a cell's consumer.
#[must_use]
pub fn consumer(prefix: &str, cell: &CellId) -> String {
    format!("{prefix}-cell-{cell}-consumer")
}

/// Returns the name of the table of placement requests, which a deployment with placement on first sight has.
#[must_use]
pub fn placement_requests(prefix: &str) -> String {
    format!("{prefix}-placement-requests")
}
