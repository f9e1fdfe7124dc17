//! The certificate of an erasure.

use std::collections::BTreeMap;

use cellstack_core::{CellId, Epoch, TenantId};
use cellstack_store::partition::Kind;
use serde::Serialize;

use crate::audit;

/// The name of the format.
const FORMAT: &str = "cellstack-tenant-erasure";
/// The version of the format.
const VERSION: u32 = 1;

/// A record of what was erased, where, by whom and why.
#[derive(Debug, Serialize)]
pub(crate) struct Certificate {
    format: &'static str,
    version: u32,
    pub(crate) dry_run: bool,
    pub(crate) tenant: TenantId,
    pub(crate) epoch: Epoch,
    pub(crate) operator: String,
    pub(crate) reason: String,
    pub(crate) began_at: String,
    pub(crate) ended_at: String,
    pub(crate) cells: Vec<Erased>,
    pub(crate) unreached: Vec<Unreached>,
    stays: [Stays; 5],
    /// Runs before this one since the tenant was removed, with what they found.
    pub(crate) earlier_runs: Vec<audit::Run>,
    /// The cells that had items of the tenant and have messages in their queue, of whichever tenant: they may become letters.
    pub(crate) queued: Vec<CellId>,
}

/// The part of an erasure in one cell.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Erased {
    pub(crate) cell: CellId,
    /// The number of items by kind.
    pub(crate) items: BTreeMap<Kind, u64>,
    /// The SHA-256 over the items' sort keys, each with a line feed.
    pub(crate) keys_sha256: String,
    /// Events among them that were neither processed nor failed nor handed over.
    pub(crate) not_done: u64,
    /// The number of the fence's items, which stay.
    pub(crate) fence: u64,
    /// The number of letters by queue.
    pub(crate) dead_letters: BTreeMap<String, u64>,
}

/// Something that may still have data of the tenant.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Unreached {
    pub(crate) cell: CellId,
    /// The table or the queue.
    pub(crate) name: String,
    pub(crate) why: String,
}

/// Something that is not erased.
#[derive(Debug, Serialize)]
struct Stays {
    name: &'static str,
    has: &'static str,
    why: &'static str,
}

const STAYS: [Stays; 5] = [
    Stays {
        name: "tenant map",
        has: "the tenant's id, its last cell and its epoch",
        why: "a later placement starts above this epoch, so that no old route leads to it",
    },
    Stays {
        name: "fences",
        has: "the tenant's id and epochs",
        why: "they keep out writes of routers that still have an old route",
    },
    Stays {
        name: "usage of the cells",
        has: "the tenant's id and a number of events, by day",
        why: "DynamoDB deletes it by itself, eight days later",
    },
    Stays {
        name: "audit trail and records of moves",
        has: "the tenant's id, its cells, the operators and their reasons",
        why: "they are the record of who did what, this erasure included",
    },
    Stays {
        name: "streams and backups of the cells' tables",
        has: "items as they were",
        why: "AWS deletes them by itself: streams after 24 hours, point-in-time recovery after its period (35 days)",
    },
];

impl Certificate {
    /// Begins a certificate. The caller adds what was done.
    pub(crate) fn new(tenant: &TenantId, epoch: Epoch, operator: &str, reason: &str, began_at: String) -> Self {
        Self {
            format: FORMAT,
            version: VERSION,
            dry_run: false,
            tenant: tenant.clone(),
            epoch,
            operator: operator.to_owned(),
            reason: reason.to_owned(),
            ended_at: began_at.clone(),
            began_at,
            cells: Vec::new(),
            unreached: Vec::new(),
            stays: STAYS,
            earlier_runs: Vec::new(),
            queued: Vec::new(),
        }
    }

    /// Returns the number of items.
    pub(crate) fn items(&self) -> u64 {
        self.cells.iter().flat_map(|cell| cell.items.values()).sum()
    }

    /// Returns the number of letters.
    pub(crate) fn dead_letters(&self) -> u64 {
        self.cells.iter().flat_map(|cell| cell.dead_letters.values()).sum()
    }

    /// Returns the number of events that were not done.
    pub(crate) fn not_done(&self) -> u64 {
        self.cells.iter().map(|cell| cell.not_done).sum()
    }
}
