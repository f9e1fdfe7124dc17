//! Reads of one event.

use aws_sdk_dynamodb::operation::get_item::builders::GetItemFluentBuilder;
use cellstack_aws::AwsFailure;
use cellstack_core::cell_table::{Item, key};
use cellstack_core::event::EventKey;
use cellstack_core::{CellId, Clock, EventId, EventRecord, EventStatus, TenantId, mark_down};
use serde::Deserialize;

use super::{Cell, CellError, Extent};

pub(super) const READ: &str = "read the tenant's cell";

impl<A: Clock> Cell<A> {
    /// Reads an event, consistently.
    pub(crate) async fn event(&self, tenant: &TenantId, id: EventId) -> Result<Option<EventRecord>, CellError> {
        let item = self.get(key_of(tenant, id), |get| get.consistent_read(true)).await?;
        item.map(|item| self.record(id, item)).transpose()
    }

    /// Reads the status of an event from any of the table's replicas, which may be behind. This costs half the price of
    /// [`Self::event`] and returns as little of the item as possible.
    pub(crate) async fn replicated_status(
        &self,
        tenant: &TenantId,
        id: EventId,
    ) -> Result<Option<EventStatus>, CellError> {
        #[derive(Deserialize)]
        struct Shown {
            status: EventStatus,
        }
        let item = self
            .get(key_of(tenant, id), |get| {
                get.projection_expression("#status").expression_attribute_names("#status", "status")
            })
            .await?;
        // The next full read reports a damaged item.
        Ok(item.and_then(|item| serde_dynamo::from_item(item).ok()).map(|shown: Shown| shown.status))
    }

    /// Returns whether a mark-down of another cell, which this one stood by for, has ended.
    pub(crate) async fn has_ended(&self, of: &CellId, down_at: u64) -> Result<bool, CellError> {
        Ok(self.get(mark_down::key(of, down_at), |get| get.consistent_read(true)).await?.is_some())
    }

    async fn get(
        &self,
        key: Item,
        how: impl FnOnce(GetItemFluentBuilder) -> GetItemFluentBuilder,
    ) -> Result<Option<Item>, CellError> {
        self.call(Extent::Event, READ, async {
            let get = how(self.client.get_item().table_name(&self.table).set_key(Some(key)));
            Ok(get.send().await.map_err(|error| AwsFailure::of(READ, error))?.item)
        })
        .await
    }

    /// Reads the item of an event. A damaged item concerns its event only.
    pub(super) fn record(&self, id: EventId, item: Item) -> Result<EventRecord, CellError> {
        serde_dynamo::from_item(item).map_err(|error| {
            tracing::error!(cell = %self.id, event = %id, %error, "an event can't be read");
            CellError::Unreadable { event: id, reason: error.to_string() }
        })
    }
}

fn key_of(tenant: &TenantId, id: EventId) -> Item {
    key(tenant, EventKey(id).to_string())
}
