//! Kinds of fault on demand.

use std::fmt;
use std::time::Duration;

use cellstack_core::CellId;
use cellstack_emulator::{Fault, FaultKind};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::names::CellNames;

/// A kind of fault, of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The cell's table throttles: `ThrottlingException`
    Throttle,
    /// The cell's table fails: `500 InternalServerError`
    Error,
    /// Calls of the cell's table, topic and queues take longer
    Latency,
    /// The cell is down: its table returns `503 ServiceUnavailable`, its functions are not invoked
    Down,
    /// Each invocation of the cell's consumer ends with an error; its messages come again
    ConsumerError,
    /// Each invocation of the cell's consumer takes longer
    ConsumerLatency,
}

impl Kind {
    /// Returns the name on the command line and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::Error => "error",
            Self::Latency => "latency",
            Self::Down => "down",
            Self::ConsumerError => "consumer-error",
            Self::ConsumerLatency => "consumer-latency",
        }
    }

    /// Returns whether it makes calls take longer, and so needs a latency.
    #[must_use]
    pub const fn is_latency(self) -> bool {
        matches!(self, Self::Latency | Self::ConsumerLatency)
    }

    /// Returns the faults of the embedded AWS that it consists of.
    pub(super) fn of_cell(self, cell: &CellId, latency: Duration) -> Vec<Fault> {
        let names = CellNames::of(cell);
        let table = |kind| Fault::any("DynamoDB", kind).on_names([&names.table]);
        let invoke = |kind, functions: &[&String]| {
            Fault::new("Lambda", "Invoke", kind).on_names(functions.iter().map(|name| name.as_str()))
        };
        match self {
            Self::Throttle => vec![table(FaultKind::Throttle)],
            Self::Error => vec![table(FaultKind::ServerError)],
            Self::Latency => {
                let slow = FaultKind::Latency(latency);
                let queues = [names.events.as_str()].into_iter().chain(names.dead_letter_queues());
                vec![
                    table(slow.clone()),
                    Fault::any("SNS", slow.clone()).on_names([&names.events]),
                    Fault::any("SQS", slow).on_names(queues),
                ]
            }
            Self::Down => {
                let unavailable = FaultKind::Error {
                    status: 503,
                    code: "ServiceUnavailable".to_owned(),
                    message: format!("cell {cell} was taken down by cellstack-local fault add"),
                };
                let functions = [&names.producer, &names.consumer];
                vec![table(unavailable), invoke(FaultKind::Throttle, &functions)]
            }
            Self::ConsumerError => vec![invoke(FaultKind::FunctionError, &[&names.consumer])],
            Self::ConsumerLatency => vec![invoke(FaultKind::Latency(latency), &[&names.consumer])],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
