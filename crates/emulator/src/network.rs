//! The way between an SDK client and the services.

use std::fmt;
use std::time::Duration;

/// Which half of a call is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leg {
    /// The request, before it has any effect.
    Request,
    /// The answer, after it has had its effect.
    Answer,
}

/// What a call's two halves cost. Each half is an await point of the caller, so a caller that is dropped there has asked
/// for an effect that never comes, or has had an effect it never learns of.
pub trait Network: fmt::Debug + Send + Sync {
    /// How long one half takes. Called when it sets out.
    fn latency(&self, leg: Leg, service: &'static str, operation: &str) -> Duration;
}
