//! The kinds of fault there are, and what each does to a stack.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use cellstack_core::CellId;
use cellstack_emulator::{Fault, FaultKind};
use rand::Rng;
use rand::rngs::StdRng;

use crate::names::{CellNames, registry, tenant_map};

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident = $name:literal,)+) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Mishap {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl Mishap {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// As on the command line.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }
        }
    };
}

kinds! {
    /// A service throttles.
    Throttle = "throttle",
    /// A service answers 500.
    Error = "error",
    /// Connections break before anything happens.
    Reset = "reset",
    /// Calls hang, without any effect.
    Hang = "hang",
    /// Calls have their effect, and their answers are lost: the caller runs into its time-out or a broken connection.
    Lost = "lost",
    /// Batches fail in part.
    Partial = "partial",
    /// Writes conflict with a transaction.
    Conflict = "conflict",
    /// Messages come more than once: a delivery or deletion without answer, a poll or an invocation whose answer is lost.
    Duplicate = "duplicate",
    /// Messages overtake each other.
    Reorder = "reorder",
    /// Functions are throttled, or hang until their time-out.
    Lambda = "lambda",
    /// Processes are killed at await points.
    Kill = "kill",
    /// A topic refuses everything for hours.
    Outage = "outage",
    /// A cell's table and functions fail.
    Down = "down",
    /// Each call to a cell takes two seconds longer.
    Slow = "slow",
    /// The tenant map and the registry can't be read.
    Map = "map",
    /// Tenants are moved to other cells, while routers hold routes to those they had.
    Move = "move",
    /// A tenant whose events all are poison; events that are poison, that panic, that need a second try.
    Poison = "poison",
}

impl fmt::Display for Mishap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Mishap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|mishap| mishap.as_str() == text).copied();
        found.ok_or_else(|| {
            let all: Vec<_> = Self::ALL.iter().map(|mishap| mishap.as_str()).collect();
            format!("expected one of {}", all.join(", "))
        })
    }
}

/// Faults to inject together, for some time.
#[derive(Debug, Clone)]
pub(crate) struct Injection {
    pub(crate) faults: Vec<Fault>,
    pub(crate) lasts: Duration,
}

impl Mishap {
    /// What it does to a cell. None for those that are no faults of a service: kills, moves and poison.
    pub(crate) fn injection(self, cell: &CellId, rng: &mut StdRng) -> Option<Injection> {
        let names = CellNames::of(cell);
        let often = rng.random_range(0.1..1.0);
        let minutes = Duration::from_secs(rng.random_range(1..=120));
        // A cell's name is in the names of all it has, so that is what its calls are known by.
        let on = |(service, operation): (&str, &str), kind| Fault::new(service, operation, kind).on(&names.table);
        let call = CALLS[rng.random_range(0..CALLS.len())];
        let single = |fault: Fault| Some(Injection { faults: vec![fault.with_probability(often)], lasts: minutes });
        match self {
            Self::Throttle => single(on(call, FaultKind::Throttle)),
            Self::Error => single(on(call, FaultKind::ServerError)),
            Self::Reset => single(on(call, FaultKind::Reset)),
            Self::Hang => single(on(call, FaultKind::Hang)),
            Self::Lost => single(on(call, lost(rng))),
            Self::Partial if rng.random_bool(0.7) => {
                single(on(PUBLISH, FaultKind::PartialFailure { from: rng.random_range(0..6) }))
            }
            Self::Partial => single(on(DELETE, FaultKind::PartialFailure { from: rng.random_range(0..6) })),
            Self::Conflict => single(on(CONFLICTING[rng.random_range(0..2)], FaultKind::TransactionConflict)),
            Self::Duplicate => match rng.random_range(0..4) {
                0 => single(on(DELIVER, FaultKind::ResetAfterCommit)),
                1 => single(on(DELETE, FaultKind::ServerError)),
                2 => single(on(("SQS", "ReceiveMessage"), FaultKind::ResetAfterCommit)),
                _ => single(on(INVOKE, FaultKind::ResetAfterCommit)),
            },
            Self::Reorder => {
                let late = [3_u64, 20, 400].map(|secs| {
                    let late = FaultKind::Latency(Duration::from_secs(rng.random_range(1..=secs)));
                    on(DELIVER, late).with_probability(0.3)
                });
                Some(Injection { faults: late.into(), lasts: minutes })
            }
            Self::Lambda if rng.random_bool(0.5) => single(on(INVOKE, FaultKind::Hang)),
            Self::Lambda => single(on(INVOKE, FaultKind::Throttle)),
            Self::Outage => {
                let refused = FaultKind::Error {
                    status: 403,
                    code: "AuthorizationError".to_owned(),
                    message: "not authorized to perform: SNS:Publish".to_owned(),
                };
                let kind = if rng.random_bool(0.5) { refused } else { FaultKind::ServerError };
                let hours = Duration::from_secs(rng.random_range(3_600..=4 * 3_600));
                Some(Injection { faults: vec![on(PUBLISH, kind)], lasts: hours })
            }
            Self::Down => {
                let faults = vec![
                    Fault::any("DynamoDB", FaultKind::ServerError).on(&names.table),
                    on(INVOKE, FaultKind::ServerError),
                ];
                Some(Injection { faults, lasts: Duration::from_secs(rng.random_range(10..=1_200)) })
            }
            Self::Slow => {
                let slow = FaultKind::Latency(Duration::from_secs(2));
                let faults =
                    ["DynamoDB", "SNS", "SQS"].map(|service| Fault::any(service, slow.clone()).on(&names.table));
                Some(Injection { faults: faults.into(), lasts: minutes })
            }
            Self::Map => {
                let table = if rng.random_bool(0.5) { tenant_map() } else { registry() };
                let kind =
                    [FaultKind::Throttle, FaultKind::Hang, FaultKind::ServerError][rng.random_range(0..3)].clone();
                single(Fault::any("DynamoDB", kind).on(&table))
            }
            Self::Kill | Self::Move | Self::Poison => None,
        }
    }

    /// Whether it can be kept to one cell.
    pub(crate) const fn is_of_a_cell(self) -> bool {
        !matches!(self, Self::Map | Self::Move | Self::Kill)
    }
}

const PUBLISH: (&str, &str) = ("SNS", "PublishBatch");
const DELIVER: (&str, &str) = ("SQS", "SendMessage");
const DELETE: (&str, &str) = ("SQS", "DeleteMessage");
const INVOKE: (&str, &str) = ("Lambda", "Invoke");
const CONFLICTING: [(&str, &str); 2] = [("DynamoDB", "TransactWriteItems"), ("DynamoDB", "PutItem")];
/// What an event needs on its way. The consumer's letters are sent to a queue, too.
const CALLS: [(&str, &str); 7] = [
    ("DynamoDB", "PutItem"),
    ("DynamoDB", "TransactWriteItems"),
    ("DynamoDB", "UpdateItem"),
    ("DynamoDB", "GetItem"),
    ("DynamoDBStreams", "GetRecords"),
    PUBLISH,
    DELIVER,
];

fn lost(rng: &mut StdRng) -> FaultKind {
    if rng.random_bool(0.5) { FaultKind::HangAfterCommit } else { FaultKind::ResetAfterCommit }
}
