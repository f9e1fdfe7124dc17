//! `cellctl cells probe --act`: cells that fail go down and come up again, within an operator's word and a share of the fleet.

use std::sync::Arc;

use cellstack_cellctl::{Cli, Completion, Deployment};
use cellstack_core::CellId;
use cellstack_core::registry::{CellState, CellStatus};
use cellstack_embedded::names::registry;
use cellstack_embedded::{Stack, VirtualClock};
use cellstack_emulator::{Fault, FaultId, FaultKind};
use cellstack_store::cells::{Mark, StateError, list, mark_in_turn, take_turn};
use clap::Parser as _;

use crate::ran::Ran;

const CELLS: [&str; 4] = ["alpha", "beta", "delta", "gamma"];

/// Four cells; acme is in alpha.
struct Fleet {
    stack: Stack,
    clock: Arc<VirtualClock>,
}

fn id(id: &str) -> CellId {
    id.parse().unwrap()
}

impl Fleet {
    async fn new() -> Self {
        let stack = CELLS.iter().fold(Stack::builder(), |builder, cell| builder.cell(id(cell)));
        let stack = stack.tenant("acme".parse().unwrap(), id("alpha")).build().await.unwrap();
        Self { stack, clock: Arc::new(VirtualClock::new(7)) }
    }

    async fn cellctl(&self, line: &str) -> Ran {
        let deployment = Deployment::new("cellstack", self.stack.dynamodb(), self.stack.sqs(), Arc::clone(&self.clock));
        Ran::of(line, &deployment).await
    }

    async fn act(&self, more: &str) -> Ran {
        self.cellctl(&format!("cells probe --act --timeout 5 {more}")).await
    }

    /// Lets no event into cells, until the faults are mended.
    fn break_tables(&self, cells: &[&str]) -> Vec<FaultId> {
        let refused = || FaultKind::Error { status: 403, code: "AccessDenied".into(), message: "by test".into() };
        let fault = |cell: &&str| Fault::new("DynamoDB", "PutItem", refused()).on(&format!("cellstack-cell-{cell}"));
        cells.iter().map(|cell| self.stack.aws().faults().inject(fault(cell))).collect()
    }

    fn mend(&self, faults: Vec<FaultId>) {
        for fault in faults {
            assert!(self.stack.aws().faults().remove(fault));
        }
    }

    async fn state(&self, cell: &str) -> CellState {
        let listing = list(&self.stack.dynamodb(), &registry()).await.unwrap();
        listing.cell(&id(cell)).unwrap().state.clone().unwrap()
    }

    async fn status(&self, cell: &str) -> CellStatus {
        self.state(cell).await.status
    }

    async fn down(&self) -> usize {
        let listing = list(&self.stack.dynamodb(), &registry()).await.unwrap();
        listing.cells.iter().filter(|cell| cell.status() == CellStatus::Down).count()
    }
}

#[tokio::test(start_paused = true)]
async fn failures_take_a_cell_out_and_successes_bring_it_back() {
    let fleet = Fleet::new().await;
    let broken = fleet.break_tables(&["alpha"]);
    for _ in 0..2 {
        let ran = fleet.act("").await.ended(Completion::LeftSome);
        assert!(ran.talk.contains("no cell to mark"), "{}", ran.talk);
        assert_eq!(fleet.status("alpha").await, CellStatus::Active);
    }
    let ran = fleet.act("--dry-run --output json").await.ended(Completion::LeftSome).json();
    assert_eq!((&ran["marks"][0]["action"], &ran["marks"][0]["done"]), (&"down".into(), &false.into()), "{ran}");
    assert_eq!(fleet.status("alpha").await, CellStatus::Active);

    let ran = fleet.act("--output json").await.ended(Completion::LeftSome).json();
    let marks = ran["marks"].as_array().unwrap();
    assert_eq!(marks.len(), 1, "{ran}");
    for (name, expected) in [("cell", "alpha"), ("before", "active"), ("action", "down")] {
        assert_eq!(marks[0][name], expected, "{ran}");
    }
    assert_eq!(marks[0]["done"], true, "{ran}");
    let state = fleet.state("alpha").await;
    assert_eq!((state.status, state.updated_by.as_deref()), (CellStatus::Down, Some("probe")));
    let reason = state.reason.unwrap();
    assert!(reason.starts_with("probe: 4 failures in a row: ") && reason.contains("AccessDenied"), "{reason}");

    fleet.mend(broken);
    for _ in 0..4 {
        fleet.act("").await.ended(Completion::Done);
        assert_eq!(fleet.status("alpha").await, CellStatus::Down);
    }
    let ran = fleet.act("").await.ended(Completion::Done);
    assert!(ran.data.contains("5 successes in a row") && ran.data.contains("done"), "{}", ran.data);
    assert_eq!(fleet.status("alpha").await, CellStatus::Active);
    let trail = fleet.cellctl("audit ls --output json").await.json();
    let whats: Vec<_> = trail.as_array().unwrap().iter().map(|run| (&run["who"], &run["what"])).collect();
    assert_eq!(whats, vec![(&"probe".into(), &"cells probe --act".into()); 3], "{trail}");
}

#[tokio::test(start_paused = true)]
async fn no_more_than_a_share_of_the_fleet_goes_down_under_two_runs_at_once() {
    let fleet = Fleet::new().await;
    fleet.break_tables(&CELLS);
    let ran = fleet.act("--failures 1 --max-down 0").await.ended(Completion::LeftSome);
    assert!(ran.data.contains("leave") && fleet.down().await == 0, "{}", ran.data);
    for _ in 0..3 {
        let (one, other) =
            tokio::join!(fleet.act("--failures 1 --max-down 50"), fleet.act("--failures 1 --max-down 50"));
        one.ended(Completion::LeftSome);
        other.ended(Completion::LeftSome);
        assert!(fleet.down().await <= 2);
    }
    let ran = fleet.act("--failures 1 --max-down 50").await.ended(Completion::LeftSome);
    assert_eq!(fleet.down().await, 2, "{}{}", ran.data, ran.talk);
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_over_when_another_run_takes_one() {
    let fleet = Fleet::new().await;
    let (client, registry) = (fleet.stack.dynamodb(), registry());
    let mark = Mark {
        expected: CellStatus::Active,
        status: CellStatus::Down,
        retry_after: Some(60),
        reason: "test",
        operator: "test",
        now_ms: 1,
    };
    let first = take_turn(&client, &registry).await.unwrap();
    let second = take_turn(&client, &registry).await.unwrap();
    let refused = mark_in_turn(&client, &registry, &id("alpha"), &mark, first).await.unwrap_err();
    assert!(matches!(refused, StateError::Overtaken { .. }), "{refused}");
    assert_eq!(fleet.status("alpha").await, CellStatus::Active);
    mark_in_turn(&client, &registry, &id("alpha"), &mark, second).await.unwrap();
    assert_eq!(fleet.status("alpha").await, CellStatus::Down);
    let refused = mark_in_turn(&client, &registry, &id("alpha"), &mark, second).await.unwrap_err();
    assert!(matches!(&refused, StateError::Changed { found, .. } if found.status == CellStatus::Down), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn an_operators_word_is_never_undone() {
    let fleet = Fleet::new().await;
    // Down by an operator, and well.
    fleet.cellctl("cells down beta --reason rewiring --operator ana").await.ended(Completion::Done);
    let ran = fleet.act("--successes 1").await.ended(Completion::LeftSome);
    assert!(ran.data.contains("leave") && ran.data.contains("ana"), "{}", ran.data);
    assert_eq!(fleet.status("beta").await, CellStatus::Down);

    // Down by automation, up by an operator, and failing again: the failures of before do not count.
    let broken = fleet.break_tables(&["alpha"]);
    fleet.act("--failures 1 --max-down 50").await.ended(Completion::LeftSome);
    assert_eq!(fleet.status("alpha").await, CellStatus::Down);
    fleet.act("--failures 3 --max-down 50").await.ended(Completion::LeftSome);
    fleet.act("--failures 3 --max-down 50").await.ended(Completion::LeftSome);
    fleet.cellctl("cells up alpha --reason mine --operator ana").await.ended(Completion::Done);
    for _ in 0..2 {
        fleet.act("--failures 3 --max-down 50").await.ended(Completion::LeftSome);
        assert_eq!(fleet.status("alpha").await, CellStatus::Active);
    }
    fleet.act("--failures 3 --max-down 50").await.ended(Completion::LeftSome);
    assert_eq!(fleet.status("alpha").await, CellStatus::Down);

    // Down by automation, and taken over by an operator: it stays down when it is well.
    let ran =
        fleet.cellctl("cells down alpha --reason keep --operator ana --output json").await.ended(Completion::Done);
    assert_eq!(ran.json()["changed"], true);
    fleet.mend(broken);
    fleet.act("--successes 1").await.ended(Completion::LeftSome);
    assert_eq!(fleet.status("alpha").await, CellStatus::Down);
}

#[test]
fn nobody_signs_as_automation() {
    let line = "cellctl cells down alpha --reason r --operator probe";
    let error = Cli::try_parse_from(line.split_whitespace()).unwrap_err().to_string();
    assert!(error.contains("probe is the name of automation"), "{error}");
}
