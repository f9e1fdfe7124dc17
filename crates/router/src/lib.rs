//! The router: one thin function in front of all cells. It finds a tenant's cell and writes the event there.

mod answer;
mod call;
mod cell;
mod handler;
mod intake;
mod problem;
mod resolve;
mod tenant;

pub use handler::{Router, Settings};
pub use tenant::TenantSource;
