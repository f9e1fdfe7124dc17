//! The network between an SDK client and the services.

use std::fmt;
use std::time::Duration;

/// The half of a call that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leg {
    /// The request, before it has any effect.
    Request,
    /// The response, after the effect.
    Response,
}

/// The cost of a call's two halves. Each half is an await point of the caller: a caller dropped there has asked for an
/// effect that never comes, or has caused one that it never learns of.
pub trait Network: fmt::Debug + Send + Sync {
    /// Returns the time that one half takes. Called when it sets out.
    fn latency(&self, leg: Leg, service: &'static str, operation: &str) -> Duration;
}
