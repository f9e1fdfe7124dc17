//! The kinds of fault, and the effect of each on a stack.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use cellstack_core::CellId;
use cellstack_emulator::{self as emulator, Entries, FaultKind};
use rand::Rng;
use rand::rngs::StdRng;

use cellstack_embedded::names::{CellNames, registry, tenant_map};

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident = $name:literal,)+) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl Fault {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// Returns the name on the command line.
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
    /// A service returns 500.
    Error = "error",
    /// Connections break before anything happens.
    Reset = "reset",
    /// Calls hang, without any effect.
    Hang = "hang",
    /// Calls have their effect and their responses are lost: the caller runs into its time-out or a broken connection.
    Lost = "lost",
    /// Batches fail in part.
    Partial = "partial",
    /// Writes conflict with a transaction.
    Conflict = "conflict",
    /// Messages come more than once: a deletion fails, or the response to a delivery, a poll or an invocation is lost.
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
    /// Queries of a cell hang or fail. Only listings and totals use them.
    Bulk = "bulk",
    /// The tenant map and the registry can't be read.
    Map = "map",
    /// Tenants are moved to other cells, while routers hold routes to their old ones.
    Move = "move",
    /// A cell is marked down, then recovering, then active: its tenants' standbys hold their new events.
    MarkDown = "mark-down",
    /// Operators redrive while everything else continues: several at once, some killed partway.
    Redrive = "redrive",
    /// A tenant whose events all are poison; events that are poison, that panic, that need a second try.
    Poison = "poison",
    /// Events that take their processor up to five seconds.
    SlowEvent = "slow-event",
    /// Events whose processor never returns, or blocks its thread.
    HangingEvent = "hanging-event",
    /// Events whose processor aborts the process.
    AbortingEvent = "aborting-event",
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|fault| fault.as_str() == text).copied();
        found.ok_or_else(|| {
            let all: Vec<_> = Self::ALL.iter().map(|fault| fault.as_str()).collect();
            format!("expected one of {}", all.join(", "))
        })
    }
}

/// A set of faults to inject together for some time, each with a description.
#[derive(Debug, Clone)]
pub(crate) struct Injection {
    pub(crate) faults: Vec<(String, emulator::Fault)>,
    pub(crate) lasts: Duration,
}

impl Fault {
    /// Returns the injection into a cell; `None` for a kind that is not a fault of a service.
    pub(crate) fn injection(self, cell: &CellId, rng: &mut StdRng) -> Option<Injection> {
        let table = CellNames::of(cell).table;
        let often = rng.random_range(0.1..1.0);
        let minutes = Duration::from_secs(rng.random_range(1..=120));
        let single = |call, how, kind| {
            let (what, fault) = on(&table, call, how, kind);
            Some(Injection { faults: vec![(what, fault.with_probability(often))], lasts: minutes })
        };
        let call = CALLS[rng.random_range(0..CALLS.len())];
        match self {
            Self::Throttle => single(call, "throttles", FaultKind::Throttle),
            Self::Error => single(call, "fails", FaultKind::ServerError),
            Self::Reset => single(call, "breaks", FaultKind::Reset),
            Self::Hang => single(call, "hangs", FaultKind::Hang),
            Self::Lost if rng.random_bool(0.5) => single(call, "hangs after its effect", FaultKind::HangAfterCommit),
            Self::Lost => single(call, "breaks after its effect", FaultKind::ResetAfterCommit),
            Self::Partial => {
                let call = if rng.random_bool(0.7) { PUBLISH } else { DELETE };
                let each = Entries::Each(rng.random_range(0.05..0.7));
                single(call, "fails for some entries", FaultKind::EntriesFail(each))
            }
            Self::Conflict => single(CONFLICTING[rng.random_range(0..2)], "conflicts", FaultKind::TransactionConflict),
            Self::Duplicate => match rng.random_range(0..4) {
                0 => single(DELIVER, "loses its response", FaultKind::ResetAfterCommit),
                1 => single(DELETE, "fails", FaultKind::ServerError),
                2 => single(("SQS", "ReceiveMessage"), "loses its response", FaultKind::ResetAfterCommit),
                _ => single(INVOKE, "loses its response", FaultKind::ResetAfterCommit),
            },
            Self::Reorder => {
                let late = [("3 s", 3_u64), ("20 s", 20), ("400 s", 400)].map(|(how, secs)| {
                    let late = FaultKind::Latency(Duration::from_secs(rng.random_range(1..=secs)));
                    let (what, fault) = on(&table, DELIVER, &format!("is up to {how} late"), late);
                    (what, fault.with_probability(0.3))
                });
                Some(Injection { faults: late.into(), lasts: minutes })
            }
            Self::Lambda if rng.random_bool(0.5) => single(INVOKE, "hangs", FaultKind::Hang),
            Self::Lambda => single(INVOKE, "throttles", FaultKind::Throttle),
            Self::Outage => {
                let refused = FaultKind::Error {
                    status: 403,
                    code: "AuthorizationError".to_owned(),
                    message: "not authorized to perform: SNS:Publish".to_owned(),
                };
                let (how, kind) =
                    if rng.random_bool(0.5) { ("is refused", refused) } else { ("fails", FaultKind::ServerError) };
                let hours = Duration::from_secs(rng.random_range(3_600..=4 * 3_600));
                Some(Injection { faults: vec![on(&table, PUBLISH, how, kind)], lasts: hours })
            }
            Self::Down => {
                let faults = vec![
                    on(&table, ("DynamoDB", ""), "fails", FaultKind::ServerError),
                    on(&table, INVOKE, "fails", FaultKind::ServerError),
                ];
                Some(Injection { faults, lasts: Duration::from_secs(rng.random_range(10..=1_200)) })
            }
            Self::Slow => {
                let slow = FaultKind::Latency(Duration::from_secs(2));
                let all = ["DynamoDB", "SNS", "SQS"];
                // A slow table accepts nothing, so nothing is published: sometimes one service alone is slow.
                let slow_services = if rng.random_bool(0.4) { &all[..] } else { &all[rng.random_range(0..3)..][..1] };
                let faults = slow_services.iter().map(|service| on(&table, (service, ""), "is slow", slow.clone()));
                Some(Injection { faults: faults.collect(), lasts: minutes })
            }
            Self::Bulk => {
                let (how, kind) =
                    if rng.random_bool(0.5) { ("hangs", FaultKind::Hang) } else { ("fails", FaultKind::ServerError) };
                let lasts = Duration::from_secs(rng.random_range(60..=400));
                Some(Injection { faults: vec![on(&table, ("DynamoDB", "Query"), how, kind)], lasts })
            }
            Self::Map => {
                let (name, table) = if rng.random_bool(0.5) { ("map", tenant_map()) } else { ("registry", registry()) };
                let kinds =
                    [("throttles", FaultKind::Throttle), ("hangs", FaultKind::Hang), ("fails", FaultKind::ServerError)];
                let (how, kind) = kinds[rng.random_range(0..3)].clone();
                let fault = emulator::Fault::any("DynamoDB", kind).on(&table).with_probability(often);
                Some(Injection { faults: vec![(format!("the {name} {how}"), fault)], lasts: minutes })
            }
            Self::Kill
            | Self::Move
            | Self::MarkDown
            | Self::Redrive
            | Self::Poison
            | Self::SlowEvent
            | Self::HangingEvent
            | Self::AbortingEvent => None,
        }
    }

    /// Returns whether it is a fault of the services, as opposed to an act of callers, tenants' owners or operators.
    pub(crate) const fn is_of_a_service(self) -> bool {
        self.is_of_a_cell() && !self.is_of_events() && !matches!(self, Self::MarkDown | Self::Redrive)
            || matches!(self, Self::Map | Self::Kill)
    }

    /// Returns whether it can be kept to one cell.
    pub(crate) const fn is_of_a_cell(self) -> bool {
        !matches!(self, Self::Map | Self::Move | Self::Kill)
    }

    /// Returns whether it is a property of events.
    pub(crate) const fn is_of_events(self) -> bool {
        matches!(self, Self::Poison | Self::SlowEvent | Self::HangingEvent | Self::AbortingEvent)
    }
}

type Call = (&'static str, &'static str);

const PUBLISH: Call = ("SNS", "PublishBatch");
const DELIVER: Call = ("SQS", "SendMessage");
const DELETE: Call = ("SQS", "DeleteMessage");
const INVOKE: Call = ("Lambda", "Invoke");
const CONFLICTING: [Call; 2] = [("DynamoDB", "TransactWriteItems"), ("DynamoDB", "PutItem")];
/// Calls that an event needs on its way. The consumer sends its letters to a queue, too.
const CALLS: [Call; 7] = [
    ("DynamoDB", "PutItem"),
    ("DynamoDB", "TransactWriteItems"),
    ("DynamoDB", "UpdateItem"),
    ("DynamoDB", "GetItem"),
    ("DynamoDBStreams", "GetRecords"),
    PUBLISH,
    DELIVER,
];

/// Returns a fault of a cell's calls, and its description. The names of all resources of a cell contain the cell's
/// name, which identifies its calls.
fn on(table: &str, (service, operation): Call, how: &str, kind: FaultKind) -> (String, emulator::Fault) {
    let (what, fault) = if operation.is_empty() {
        (service, emulator::Fault::any(service, kind))
    } else {
        (operation, emulator::Fault::new(service, operation, kind))
    };
    (format!("{what} {how}"), fault.on(table))
}
