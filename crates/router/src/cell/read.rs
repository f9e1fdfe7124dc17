//! Reading one event.

use cellstack_aws::AwsFailure;
use cellstack_core::cell_table::{Item, key};
use cellstack_core::event::EventKey;
use cellstack_core::{Clock, EventId, EventRecord, TenantId};

use super::{Cell, Extent};
use crate::http::problem::{Kind, Problem};

pub(super) const READ: &str = "read the tenant's cell";

impl<A: Clock> Cell<A> {
    pub(crate) async fn event(&self, tenant: &TenantId, id: EventId) -> Result<Option<EventRecord>, Problem> {
        let item = self
            .call(Extent::Event, READ, async {
                let response = self
                    .client
                    .get_item()
                    .table_name(&self.table)
                    .set_key(Some(key(tenant, EventKey(id).to_string())))
                    .consistent_read(true)
                    .send()
                    .await
                    .map_err(|error| AwsFailure::of(READ, error))?;
                Ok(response.item)
            })
            .await?;
        item.map(|item| self.record(id, item)).transpose()
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
