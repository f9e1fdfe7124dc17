//! Bugs to plant: what the simulator has to find.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use aws_config::SdkConfig;
use bytes::Bytes;
use cellstack_core::CellId;
use cellstack_emulator::{Function, FunctionError};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::hooks::Role;
use crate::names::CellNames;
use crate::simulate::naive::{Naive, Way};

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// The producer's partial failures are not reported.
    DropPartialFailure,
    /// The consumer marks an event processed, then applies its effect.
    MarkBeforeEffect,
    /// The consumer takes each cancelled transaction for a duplicate.
    ConflictIsDuplicate,
    /// Nothing ever gives a poison event up.
    RetryForever,
    /// A router whose leases know the monotonic clock only, which stands still while its environment is frozen.
    MonotonicLease,
    /// A router that writes without the fence, however old its route is.
    Unfenced,
    /// A mover that closes the fence of a tenant without waiting for the routers' leases to run out.
    HastyMove,
}

impl Plant {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::DropPartialFailure,
        Self::MarkBeforeEffect,
        Self::ConflictIsDuplicate,
        Self::RetryForever,
        Self::MonotonicLease,
        Self::Unfenced,
        Self::HastyMove,
    ];

    /// As on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DropPartialFailure => "drop-partial-failure",
            Self::MarkBeforeEffect => "mark-before-effect",
            Self::ConflictIsDuplicate => "conflict-is-duplicate",
            Self::RetryForever => "retry-forever",
            Self::MonotonicLease => "monotonic-lease",
            Self::Unfenced => "unfenced",
            Self::HastyMove => "hasty-move",
        }
    }

    /// A cell's function with the bug in it.
    pub(crate) fn plant(
        self,
        cell: &CellId,
        role: Role,
        function: Arc<dyn Function>,
        config: &Arc<OnceLock<SdkConfig>>,
    ) -> Arc<dyn Function> {
        let way = match (self, role) {
            (Self::DropPartialFailure, Role::Producer) => return Arc::new(AllIsWell(function)),
            (Self::MarkBeforeEffect, Role::Consumer) => Way::MarkFirst,
            (Self::ConflictIsDuplicate, Role::Consumer) => Way::CancelledIsDone,
            (Self::RetryForever, Role::Consumer) => Way::RetryPoison,
            _ => return function,
        };
        Arc::new(Naive { config: Arc::clone(config), table: CellNames::of(cell).table, way })
    }
}

impl fmt::Display for Plant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Plant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|plant| plant.as_str() == text);
        found.ok_or_else(|| format!("expected one of {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// Answers that no record failed.
struct AllIsWell(Arc<dyn Function>);

impl Function for AllIsWell {
    fn invoke(&self, payload: Bytes) -> BoxFuture<'_, Result<Bytes, FunctionError>> {
        async move { self.0.invoke(payload).await.map(|_| Bytes::from_static(br#"{"batchItemFailures":[]}"#)) }.boxed()
    }
}
