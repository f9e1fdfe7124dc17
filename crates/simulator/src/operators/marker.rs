//! Operators who mark a cell down although it need not be, then recovering, then active again.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_core::Clock as _;
use cellstack_core::registry::{CellStatus, PARTITION_KEY, partition};

use crate::trace::Trace;
use cellstack_embedded::Stack;
use cellstack_embedded::names::registry;

/// Pause before a mark that could not be written is written again.
const PAUSE: Duration = Duration::from_secs(1);

/// The marks of cells, and the time of each.
#[derive(Debug, Default)]
pub(crate) struct Marker {
    marked: RefCell<BTreeSet<usize>>,
    changes: RefCell<Vec<(usize, Duration)>>,
}

impl Marker {
    /// Marks a cell down for some time, then recovering, then active. Skips a cell that is marked already.
    pub(crate) async fn mark_down(
        &self,
        stack: &Stack,
        trace: &Trace,
        cell: usize,
        down: Duration,
        recovering: Duration,
    ) {
        if !self.marked.borrow_mut().insert(cell) {
            return;
        }
        for (status, lasts) in
            [(CellStatus::Down, down), (CellStatus::Recovering, recovering), (CellStatus::Active, Duration::ZERO)]
        {
            self.changes.borrow_mut().push((cell, trace.elapsed()));
            mark(stack, cell, status).await;
            trace.note(format_args!("cell {cell} is marked {}", status.as_str()));
            self.changes.borrow_mut().push((cell, trace.elapsed()));
            tokio::time::sleep(lasts).await;
        }
        self.marked.borrow_mut().remove(&cell);
    }

    /// Returns whether routers may have known two statuses of a cell between two moments: it was marked since, or
    /// shortly before.
    pub(crate) fn changed(&self, cell: usize, from: Duration, until: Duration) -> bool {
        let lag = cellstack_core::limits::CELL_LEASE + PAUSE;
        self.changes.borrow().iter().any(|(marked, at)| *marked == cell && *at + lag >= from && *at <= until)
    }
}

/// Writes a mark, and repeats that until it succeeds.
pub(crate) async fn mark(stack: &Stack, cell: usize, status: CellStatus) {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let mut update = stack
        .dynamodb()
        .update_item()
        .table_name(registry())
        .key(PARTITION_KEY, text(&partition(&stack.cells()[cell])))
        .key("sk", text("state"))
        .update_expression("SET #status = :status")
        .expression_attribute_names("#status", "status")
        .expression_attribute_values(":status", text(status.as_str()));
    if status == CellStatus::Down {
        update = update
            .update_expression("SET #status = :status, down_at = :now")
            .expression_attribute_values(":now", AttributeValue::N(stack.clock().wall_ms().to_string()));
    }
    while update.clone().send().await.is_err() {
        tokio::time::sleep(PAUSE).await;
    }
}
