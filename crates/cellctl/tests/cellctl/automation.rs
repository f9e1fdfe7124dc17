//! `cellctl cells probe --act`: cells that fail go down and come up again, within an operator's word and a share of the fleet.

use std::sync::Arc;
use std::time::Duration;

use cellstack_cellctl::{Completion, Deployment};
use cellstack_core::CellId;
use cellstack_core::registry::{CellState, CellStatus};
use cellstack_embedded::names::registry;
use cellstack_embedded::{Stack, VirtualClock};
use cellstack_emulator::{Fault, FaultId, FaultKind};
use cellstack_store::cells::{
    LEASE_TIME, Mark, StateError, finish_lease, is_unfinished, leave_lease, list, mark_under_lease, renew_lease,
    take_lease,
};

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

    fn deployment(&self) -> Deployment {
        Deployment::new("cellstack", self.stack.dynamodb(), self.stack.sqs(), Arc::clone(&self.clock))
    }

    async fn cellctl(&self, line: &str) -> Ran {
        Ran::of(line, &self.deployment()).await
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
    assert_eq!(whats, vec![(&"probe".into(), &"cells probe --act".into()); 2], "{trail}");
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
async fn one_run_has_the_lease_until_it_ends_or_does_not_renew_it() {
    let fleet = Fleet::new().await;
    let (client, registry) = (fleet.stack.dynamodb(), registry());
    let take = async |run: &str, now_ms| take_lease(&client, &registry, run, now_ms).await.unwrap();
    let unfinished = async |now_ms| is_unfinished(&client, &registry, now_ms).await.unwrap();
    assert!(!unfinished(1).await);
    let first = take("one", 1).await.unwrap();
    assert_eq!(take("two", 2).await, None);
    assert_eq!(take("one", 2).await, Some(first), "a retry whose response was lost");
    let lease = u64::try_from(LEASE_TIME.as_millis()).unwrap();
    renew_lease(&client, &registry, first, 1_000).await.unwrap();
    assert_eq!(take("two", lease + 2).await, None);
    assert!(!unfinished(lease + 2).await && unfinished(lease + 1_001).await);

    let second = take("two", lease + 1_001).await.unwrap();
    for late in [renew_lease(&client, &registry, first, 0).await, finish_lease(&client, &registry, first).await] {
        late.unwrap();
        assert_eq!(take("three", lease + 1_002).await, None, "a lease that is over changes nothing of the next");
    }
    finish_lease(&client, &registry, second).await.unwrap();
    assert!(!unfinished(u64::MAX / 2).await);
    let third = take("three", 1).await.unwrap();
    leave_lease(&client, &registry, third).await.unwrap();
    assert!(unfinished(1).await && take("four", 1).await.is_some());
    // A run with a fast clock does not keep the others out for as long as it is fast.
    let fast = take("fast", 3_600_000).await.unwrap();
    assert!(unfinished(1_000).await);
    let fifth = take("five", 1_000).await.unwrap();
    finish_lease(&client, &registry, fast).await.unwrap();
    assert!(take("six", 1_001).await.is_none());
    finish_lease(&client, &registry, fifth).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_mark_holds_under_its_lease_and_over_the_mark_that_was_seen() {
    let fleet = Fleet::new().await;
    let (client, registry, alpha) = (fleet.stack.dynamodb(), registry(), id("alpha"));
    let of = |expected, status, now_ms| Mark {
        expected,
        marked_at: None,
        status,
        retry_after: Some(60),
        reason: "test",
        operator: "test",
        now_ms,
    };
    let down = of(CellStatus::Active, CellStatus::Down, 1);
    let mark = async |mark: &Mark<'_>, lease, marked_at| {
        mark_under_lease(&client, &registry, &alpha, &Mark { marked_at, ..mark.clone() }, lease).await
    };
    let first = take_lease(&client, &registry, "one", 1).await.unwrap().unwrap();
    leave_lease(&client, &registry, first).await.unwrap();
    let second = take_lease(&client, &registry, "two", 1).await.unwrap().unwrap();
    let refused = mark(&down, first, None).await.unwrap_err();
    assert!(matches!(refused, StateError::Overtaken { .. }), "{refused}");
    let refused = mark(&down, second, Some(7)).await.unwrap_err();
    assert!(matches!(refused, StateError::Changed { .. }), "{refused}");
    assert_eq!(fleet.status("alpha").await, CellStatus::Active);

    mark(&down, second, None).await.unwrap();
    mark(&down, second, None).await.expect("the same mark again is a retry whose response was lost");
    // The status is as it was seen, and the mark is another one.
    mark(&of(CellStatus::Down, CellStatus::Down, 2), second, Some(1)).await.unwrap();
    let refused = mark(&of(CellStatus::Down, CellStatus::Recovering, 3), second, Some(1)).await.unwrap_err();
    assert!(matches!(&refused, StateError::Changed { found, .. } if found.updated_at == Some(2)), "{refused}");
    assert_eq!(fleet.state("alpha").await.down_at, Some(1));
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

#[tokio::test(start_paused = true)]
async fn a_loop_outlasts_a_registry_out_of_reach_and_ends_when_it_is_stopped() {
    let fleet = Fleet::new().await;
    let broken = fleet.break_tables(&["alpha"]);
    let unread = Fault::any("DynamoDB", FaultKind::Reset).on(&registry());
    let deployment = fleet.deployment();
    let events = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let unread = fleet.stack.aws().faults().inject(unread);
        tokio::time::sleep(Duration::from_secs(60)).await;
        fleet.mend(vec![unread]);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(fleet.status("alpha").await, CellStatus::Down);
        fleet.mend(broken);
        tokio::time::sleep(Duration::from_secs(120)).await;
        assert_eq!(fleet.status("alpha").await, CellStatus::Active);
        deployment.stop().cancel();
    };
    let line = "cells probe --act --loop --every 10 --failures 3 --successes 4 --timeout 5";
    let (ran, ()) = tokio::join!(Ran::of(line, &deployment), events);
    let ran = ran.ended(Completion::Done);
    assert!(ran.talk.contains("this round failed: "), "{}", ran.talk);
}
