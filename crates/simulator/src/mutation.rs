//! Mutations: bugs to plant, in the code that runs or in what a run puts around it.

use std::fmt;
use std::str::FromStr;

use cellstack_core::mutation as code;

/// A bug that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutation {
    /// In the functions or in `cellctl`.
    Code(code::Mutation),
    /// A router whose leases use only the monotonic clock, which stands still while its environment is frozen.
    MonotonicLease,
    /// A router that writes without the fence, however old its route is.
    UnfencedWrite,
    /// A mover that closes the fence of a tenant without waiting for the routers' leases to run out.
    HastyMove,
}

impl Mutation {
    const AROUND: [Self; 3] = [Self::MonotonicLease, Self::UnfencedWrite, Self::HastyMove];

    /// Returns all mutations.
    pub fn all() -> impl Iterator<Item = Self> {
        code::Mutation::ALL.iter().copied().map(Self::Code).chain(Self::AROUND)
    }

    /// Returns the name on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code(mutation) => mutation.as_str(),
            Self::MonotonicLease => "monotonic-lease",
            Self::UnfencedWrite => "unfenced-write",
            Self::HastyMove => "hasty-move",
        }
    }

    /// Plants the mutation in this thread until the guard is dropped, if it is one of the code that runs.
    pub(crate) fn plant(self) -> Option<code::Planted> {
        match self {
            Self::Code(mutation) => Some(code::plant(mutation)),
            Self::MonotonicLease | Self::UnfencedWrite | Self::HastyMove => None,
        }
    }
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Mutation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::all().find(|mutation| mutation.as_str() == text).ok_or_else(|| {
            let all: Vec<_> = Self::all().map(Self::as_str).collect();
            format!("expected one of {}", all.join(", "))
        })
    }
}
