//! The placer: requests for placement on their table's stream become tenants with a cell, by the rule and the transaction of
//! `cellctl tenants place`.

mod decode;
mod handler;
mod metrics;
mod settings;
mod settle;

pub use decode::StreamEvent;
pub use handler::Placer;
pub use settings::Settings;
pub use settle::OPERATOR;
