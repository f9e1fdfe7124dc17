//! Hooks between a stack and its surroundings, for the simulator alone.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use cellstack_core::CellId;
use cellstack_emulator::{Builder, Function, Network};

use crate::{Disorder, VirtualClock};

/// A function of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The router.
    Router,
    /// A cell's producer.
    Producer,
    /// A cell's consumer.
    Consumer,
}

impl Role {
    /// Returns the role in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Router => "router",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

/// A wrapper around a cell's function.
pub type Wrap = Arc<dyn Fn(&CellId, Role, Arc<dyn Function>) -> Arc<dyn Function> + Send + Sync>;

/// The hooks that the simulator puts between a stack and its surroundings.
#[derive(Clone)]
pub struct Hooks {
    /// The time that the clocks show at the start; the present unless set.
    pub wall: Option<SystemTime>,
    /// A network between the functions and AWS.
    pub network: Option<Arc<dyn Network>>,
    /// A wrapper around each function.
    pub wrap: Option<Wrap>,
}

impl Hooks {
    /// No hooks: the stack as it is served.
    pub const NONE: Self = Self { wall: None, network: None, wrap: None };

    pub(crate) fn aws(&self, mut builder: Builder) -> Builder {
        if let Some(wall) = self.wall {
            // A simulation meets all that AWS may do, and reads its streams from their beginning when it is over.
            builder = Disorder::ALL.apply(builder.wall(wall).keep_stream_records(usize::MAX));
        }
        match &self.network {
            Some(network) => builder.network(Arc::clone(network)),
            None => builder,
        }
    }

    pub(crate) fn clock(&self, seed: u64) -> VirtualClock {
        self.wall.map_or_else(|| VirtualClock::new(seed), |wall| VirtualClock::at(seed, wall))
    }

    pub(crate) fn wrap(&self, cell: &CellId, role: Role, function: Arc<dyn Function>) -> Arc<dyn Function> {
        match &self.wrap {
            Some(wrap) => wrap(cell, role, function),
            None => function,
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").field("wall", &self.wall).field("network", &self.network).finish_non_exhaustive()
    }
}
