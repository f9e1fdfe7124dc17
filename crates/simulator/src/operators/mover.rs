//! Moves of tenants from cell to cell as the control plane does them, but without carrying events: these stay in the
//! cell that accepted them. The subject is which cell may write, and when.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_core::cell_table::number;
use cellstack_core::fence::FenceState;
use cellstack_core::limits::{FENCE_TIMEOUT, LONGEST_WRITE, TENANT_LEASE};
use cellstack_core::{CellId, Epoch, RouteState, TenantId};
use cellstack_store::fence::{self, FenceError};
use tokio::time::Instant;

use crate::trace::Trace;
use cellstack_embedded::Stack;
use cellstack_embedded::names::{CellNames, tenant_map};

/// Pause before a step that failed is repeated.
const PAUSE: Duration = Duration::from_secs(1);

/// A tenant's place: its cell and its standby.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) cell: usize,
    pub(crate) standby: Option<usize>,
}

/// The owners of a tenant, past and present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tenure {
    /// The place under each epoch, the first epoch first.
    pub(crate) places: Vec<Place>,
    /// True if a cell takes its events: false between the closing of one fence and the flip to the next.
    pub(crate) served: bool,
    /// True while it is being moved.
    pub(crate) moving: bool,
}

impl Tenure {
    pub(crate) const fn epoch(&self) -> u64 {
        self.places.len() as u64
    }

    pub(crate) fn cell(&self) -> usize {
        self.places.last().map(|place| place.cell).unwrap_or_default()
    }

    pub(crate) fn standby(&self) -> Option<usize> {
        self.places.last().and_then(|place| place.standby)
    }

    /// Returns its place under an epoch.
    pub(crate) fn place(&self, epoch: u64) -> Option<Place> {
        usize::try_from(epoch).ok()?.checked_sub(1).and_then(|at| self.places.get(at).copied())
    }

    /// Returns whether it was never moved, and is not being moved.
    pub(crate) const fn stays(&self) -> bool {
        self.places.len() == 1 && !self.moving
    }
}

pub(crate) struct Mover {
    client: Client,
    cells: Vec<CellId>,
    trace: Trace,
    /// A planted bug: the mover does not wait for leases.
    hasty: bool,
    tenures: RefCell<BTreeMap<TenantId, Tenure>>,
}

impl Mover {
    /// Creates a mover that knows the place of each tenant.
    pub(crate) fn new(stack: &Stack, places: BTreeMap<TenantId, Place>, trace: Trace, hasty: bool) -> Self {
        let placed = |place| Tenure { places: vec![place], served: true, moving: false };
        let tenures = places.into_iter().map(|(tenant, place)| (tenant, placed(place))).collect();
        let (client, cells) = (stack.dynamodb(), stack.cells());
        Self { client, cells, trace, hasty, tenures: RefCell::new(tenures) }
    }

    pub(crate) fn tenure(&self, tenant: &TenantId) -> Option<Tenure> {
        self.tenures.borrow().get(tenant).cloned()
    }

    pub(crate) fn tenures(&self) -> BTreeMap<String, Tenure> {
        self.tenures.borrow().iter().map(|(tenant, tenure)| (tenant.to_string(), tenure.clone())).collect()
    }

    /// Returns the number of completed moves.
    pub(crate) fn moved(&self) -> u64 {
        self.tenures.borrow().values().map(|tenure| tenure.epoch() - 1).sum()
    }

    /// Moves a tenant, unless it is being moved or is in that cell already. Repeats each step until it succeeds.
    pub(crate) async fn move_tenant(&self, tenant: &TenantId, to: usize) {
        let Some(was) = self.tenure(tenant).filter(|was| !was.moving && was.cell() != to) else { return };
        let (from, next) = (was.cell(), Epoch(was.epoch() + 1));
        self.change(tenant, |tenure| tenure.moving = true);
        self.trace.note(format_args!("{tenant} moves from cell {from} to {to}"));
        self.map(tenant, RouteState::Moving, RouteState::Active, was.epoch()).await;
        if !self.hasty {
            // A router that read the map before keeps to it for a lease, and a write may be under way after that.
            tokio::time::sleep(TENANT_LEASE + LONGEST_WRITE).await;
        }
        self.change(tenant, |tenure| tenure.served = false);
        self.close(tenant, from, was.epoch()).await;
        if let Some(standby) = was.standby() {
            self.close(tenant, standby, was.epoch()).await;
        }
        self.trace.note(format_args!("the fence of {tenant} in cell {from} is closed"));
        // Some movers record this in the map, some crash before they can.
        if was.epoch() % 2 == 1 {
            self.map(tenant, RouteState::Fenced, RouteState::Moving, was.epoch()).await;
        }
        // A standby that becomes the tenant's cell changes places with it.
        let standby = was.standby().map(|standby| if standby == to { from } else { standby });
        let place = Place { cell: to, standby };
        self.open(tenant, to, next, FenceState::Open).await;
        if let Some(standby) = standby {
            self.open(tenant, standby, next, FenceState::Standby).await;
        }
        self.flip(tenant, place, next).await;
        self.trace.note(format_args!("{tenant} is at home in cell {to}, its standby is {standby:?}"));
        self.change(tenant, |tenure| {
            tenure.places.push(place);
            (tenure.served, tenure.moving) = (true, false);
        });
    }

    fn change(&self, tenant: &TenantId, change: impl FnOnce(&mut Tenure)) {
        if let Some(tenure) = self.tenures.borrow_mut().get_mut(tenant) {
            change(tenure);
        }
    }

    async fn map(&self, tenant: &TenantId, state: RouteState, before: RouteState, epoch: u64) {
        let update = self.client.update_item().table_name(tenant_map()).key("tenant_id", text(tenant.as_str()));
        let update = update
            .update_expression("SET #state = :state")
            .condition_expression("#epoch = :epoch AND #state = :before")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_values(":state", text(state.as_str()))
            .expression_attribute_values(":before", text(before.as_str()))
            .expression_attribute_values(":epoch", number(epoch));
        persist(|| update.clone().send()).await;
    }

    async fn close(&self, tenant: &TenantId, cell: usize, epoch: u64) {
        let table = self.table(cell);
        fenced(|| fence::close(&self.client, &table, tenant, Epoch(epoch), Instant::now() + FENCE_TIMEOUT)).await;
    }

    async fn open(&self, tenant: &TenantId, cell: usize, epoch: Epoch, state: FenceState) {
        let table = self.table(cell);
        fenced(|| fence::open(&self.client, &table, tenant, epoch, state, Instant::now() + FENCE_TIMEOUT)).await;
    }

    async fn flip(&self, tenant: &TenantId, place: Place, epoch: Epoch) {
        let standby =
            place.standby.map_or_else(|| AttributeValue::Null(true), |standby| text(self.cells[standby].as_str()));
        let update = self.client.update_item().table_name(tenant_map()).key("tenant_id", text(tenant.as_str()));
        let update = update
            .update_expression("SET cell_id = :cell, standby_cell_id = :standby, #epoch = :next, #state = :active")
            .condition_expression("#epoch = :epoch")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_values(":cell", text(self.cells[place.cell].as_str()))
            .expression_attribute_values(":standby", standby)
            .expression_attribute_values(":next", number(epoch.0))
            .expression_attribute_values(":epoch", number(epoch.0 - 1))
            .expression_attribute_values(":active", text(RouteState::Active.as_str()));
        persist(|| update.clone().send()).await;
    }

    fn table(&self, cell: usize) -> String {
        CellNames::of(&self.cells[cell]).table
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// Repeats a step until it succeeds. Nobody else moves this tenant: a condition that does not hold was met by a try
/// whose response was lost.
async fn persist<T, E, R, F>(mut step: F)
where
    F: FnMut() -> R,
    R: Future<Output = Result<T, SdkError<E>>>,
    SdkError<E>: ProvideErrorMetadata,
{
    loop {
        match step().await {
            Ok(_) => return,
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => return,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Repeats a change of a fence until it succeeds. Nobody else changes this fence: a refused change was made by a try
/// whose response was lost.
async fn fenced<F, R>(mut step: F)
where
    F: FnMut() -> R,
    R: Future<Output = Result<(), FenceError>>,
{
    while let Err(FenceError::Failed(_)) = step().await {
        tokio::time::sleep(PAUSE).await;
    }
}
