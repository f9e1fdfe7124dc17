//! Reading one event.

use aws_sdk_dynamodb::operation::get_item::builders::GetItemFluentBuilder;
use cellstack_core::aws::AwsFailure;
use cellstack_core::cell_table::{Item, key};
use cellstack_core::event::EventKey;
use cellstack_core::{Ambient, EventId, EventRecord, EventStatus, TenantId};
use serde::Deserialize;

use super::{Cell, Extent};
use crate::problem::{Kind, Problem};

pub(super) const READ: &str = "read the tenant's cell";

impl<A: Ambient> Cell<A> {
    /// Reads an event as it is now.
    pub(crate) async fn event(&self, tenant: &TenantId, id: EventId) -> Result<Option<EventRecord>, Problem> {
        let item = self.get(tenant, id, |get| get.consistent_read(true)).await?;
        item.map(|item| self.record(id, item)).transpose()
    }

    /// Reads the status of an event as one of the table's replicas has it, which may be behind: half the price of
    /// [`Self::event`], and as little of the item as there is to send.
    pub(crate) async fn replicated_status(
        &self,
        tenant: &TenantId,
        id: EventId,
    ) -> Result<Option<EventStatus>, Problem> {
        #[derive(Deserialize)]
        struct Shown {
            status: EventStatus,
        }
        let item = self
            .get(tenant, id, |get| get.projection_expression("#status").expression_attribute_names("#status", "status"))
            .await?;
        // The next full read reports one that is damaged.
        Ok(item.and_then(|item| serde_dynamo::from_item(item).ok()).map(|shown: Shown| shown.status))
    }

    async fn get(
        &self,
        tenant: &TenantId,
        id: EventId,
        how: impl FnOnce(GetItemFluentBuilder) -> GetItemFluentBuilder,
    ) -> Result<Option<Item>, Problem> {
        let key = key(tenant, EventKey(id).to_string());
        self.call(Extent::Event, READ, async {
            let get = how(self.client.get_item().table_name(&self.table).set_key(Some(key)));
            Ok(get.send().await.map_err(|error| AwsFailure::of(READ, error))?.item)
        })
        .await
    }

    /// Reads the item of an event. One that is damaged is that event's own trouble.
    pub(super) fn record(&self, id: EventId, item: Item) -> Result<EventRecord, Problem> {
        serde_dynamo::from_item(item).map_err(|error| {
            tracing::error!(cell = %self.id, event = %id, %error, "an event can't be read");
            Problem::new(
                Kind::UnreadableEvent,
                format!(
                    "Event {id} is stored in a form that can't be read: {error}. Report it to the cell's operators."
                ),
            )
        })
    }
}
