//! Cells, and a prober that looks after them.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_cellctl::Deployment;
use cellstack_cellctl::health::{self, Automation, Round, Rules};
use cellstack_core::CellId;
use cellstack_core::registry::{CellHealth, CellState, CellStatus};
use cellstack_embedded::names::registry;
use cellstack_embedded::{Stack, VirtualClock};
use cellstack_emulator::{Fault, FaultId, FaultKind};
use cellstack_prober::{Prober, RoundError, Settings};
use cellstack_store::cells::{Listing, Mark, list, mark};

/// A function's time, as Terraform sets it.
pub(crate) const TIME: Duration = Duration::from_secs(300);

pub(crate) const RULES: Rules = Rules { failures: 3, successes: 2, max_down: 50 };

/// Four cells; acme is in alpha.
pub(crate) struct Fleet {
    pub(crate) stack: Stack,
    clock: Arc<VirtualClock>,
}

pub(crate) fn id(id: &str) -> CellId {
    id.parse().unwrap()
}

impl Fleet {
    pub(crate) async fn new() -> Self {
        Self::of(&["alpha", "beta", "delta", "gamma"]).await
    }

    pub(crate) async fn of(cells: &[&str]) -> Self {
        let stack = cells.iter().fold(Stack::builder(), |builder, cell| builder.cell(id(cell)));
        let stack = stack.tenant("acme".parse().unwrap(), id("alpha")).build().await.unwrap();
        Self { stack, clock: Arc::new(VirtualClock::new(7)) }
    }

    /// Returns a prober as a new environment of its function makes it.
    pub(crate) fn prober(&self, rules: Option<Rules>) -> Prober {
        let automation = rules.map(|rules| Automation { rules, dry_run: false });
        let round = health::Settings { cells: Vec::new(), timeout: Duration::from_secs(5), automation };
        let deployment = Deployment::new("cellstack", self.stack.dynamodb(), self.stack.sqs(), Arc::clone(&self.clock));
        Prober::new(deployment, Settings { stack: "cellstack".to_owned(), round })
    }

    /// Runs a round in an environment of its own: nothing but the registry leads from one to the next.
    pub(crate) async fn round(&self, rules: Rules) -> Result<Round, RoundError> {
        self.prober(Some(rules)).handle(TIME).await
    }

    pub(crate) fn fail(&self, fault: Fault) -> FaultId {
        self.stack.aws().faults().inject(fault)
    }

    /// Lets cells accept events and process none.
    pub(crate) fn block(&self, cell: &str) -> FaultId {
        self.fail(Fault::any("SNS", FaultKind::ServerError).on(&format!("cellstack-cell-{cell}-events")))
    }

    pub(crate) fn mend(&self, fault: FaultId) {
        assert!(self.stack.aws().faults().remove(fault));
    }

    async fn listing(&self) -> Listing {
        list(&self.stack.dynamodb(), &registry()).await.unwrap()
    }

    pub(crate) async fn state(&self, cell: &str) -> CellState {
        self.listing().await.cell(&id(cell)).unwrap().state.clone().unwrap()
    }

    pub(crate) async fn status(&self, cell: &str) -> CellStatus {
        self.state(cell).await.status
    }

    pub(crate) async fn health(&self, cell: &str) -> CellHealth {
        self.listing().await.health.remove(&id(cell)).unwrap_or_default()
    }

    pub(crate) async fn down(&self) -> usize {
        self.listing().await.cells.iter().filter(|cell| cell.status() == CellStatus::Down).count()
    }

    /// Marks a cell as ana.
    pub(crate) async fn ana(&self, cell: &str, expected: CellStatus, status: CellStatus) {
        let marked_at = self.listing().await.cell(&id(cell)).and_then(|cell| cell.state.as_ref()?.updated_at);
        let (retry_after, reason, operator, now_ms) = (None, "test", "ana", 9);
        let order = Mark { expected, marked_at, status, retry_after, reason, operator, now_ms };
        mark(&self.stack.dynamodb(), &registry(), &id(cell), &order).await.unwrap();
    }

    /// Returns the names in the audit trail, one for each entry.
    pub(crate) async fn trail(&self) -> Vec<String> {
        let query = self.stack.dynamodb().query().table_name(registry()).key_condition_expression("pk = :audit");
        let query = query.expression_attribute_values(":audit", AttributeValue::S("audit".to_owned()));
        let items = query.send().await.unwrap().items.unwrap_or_default();
        items.iter().map(|item| item["who"].as_s().unwrap().clone()).collect()
    }
}
