//! The router: one thin function in front of all cells. It finds a tenant's cell and writes the event there.
//!
//! A request is read forward: `http` turns an invocation into an operation, `auth` names the tenant, `ingest`
//! reads the event, `routing` finds the cell, `operations` decides, `cell` reads and writes, and `http` writes
//! the response.

mod auth;
mod cell;
mod clients;
mod clock;
mod context;
mod handler;
mod http;
mod ingest;
mod metrics;
mod operations;
mod priming;
mod routing;
#[cfg(test)]
mod scripted;
mod settings;

pub use auth::TenantSource;
pub use auth::jwt::JwtSettings;
pub use handler::Router;
pub use http::function_url::{Invocation, Reply};
pub use routing::failover::Standby;
pub use settings::Settings;
