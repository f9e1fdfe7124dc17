//! The router: one thin function in front of all cells. It finds a tenant's cell and writes the event there.

mod answer;
mod batch;
mod breaker;
mod call;
mod cell;
mod clients;
mod clock;
mod cursor;
mod events;
mod failover;
mod handler;
mod intake;
mod invocation;
mod jwt;
mod metrics;
mod problem;
mod rehearsal;
mod resolve;
#[cfg(test)]
mod scripted;
mod settings;
mod tenant;
mod visit;

pub use failover::Standby;
pub use handler::Router;
pub use invocation::{Invocation, Reply};
pub use jwt::JwtSettings;
pub use settings::Settings;
pub use tenant::TenantSource;
