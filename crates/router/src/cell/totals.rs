//! Reads of the totals, page by page.

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_aws::AwsFailure;
use cellstack_core::cell_table::{Item, SORT_KEY, TOTAL_PREFIX, key};
use cellstack_core::{Clock, TenantId};

use super::read::READ;
use super::{Cell, CellError, Extent};

/// An item of the reference projection.
#[derive(Debug)]
pub(crate) struct Total {
    pub(crate) event_type: String,
    /// The count. Numbers stay text on their way: a sum is an exact decimal of up to 38 digits.
    pub(crate) count: String,
    pub(crate) sum: String,
}

impl Total {
    fn of(item: &Item) -> Option<Self> {
        // Another processor may keep an item of its own under this prefix, with other numbers.
        let number = |name| item.get(name).and_then(|value| value.as_n().ok()).map_or("0", String::as_str).to_owned();
        Some(Self { event_type: event_type(item)?, count: number("count"), sum: number("sum") })
    }
}

fn event_type(item: &Item) -> Option<String> {
    Some(item.get(SORT_KEY)?.as_s().ok()?.strip_prefix(TOTAL_PREFIX)?.to_owned())
}

impl<A: Clock> Cell<A> {
    /// Reads up to `limit` totals of types after `after`. Returns them with the type that the next page begins after,
    /// if there may be more. It sends one query per page, so that a tenant with many types can't make a request read a
    /// whole partition.
    pub(crate) async fn totals(
        &self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: u16,
    ) -> Result<(Vec<Total>, Option<String>), CellError> {
        self.call(Extent::Bulk, READ, async {
            let response = self
                .bulk_client()
                .query()
                .table_name(&self.table)
                .key_condition_expression("tenant_id = :tenant AND begins_with(sk, :total)")
                .expression_attribute_values(":tenant", AttributeValue::S(tenant.as_str().to_owned()))
                .expression_attribute_values(":total", AttributeValue::S(TOTAL_PREFIX.to_owned()))
                .set_exclusive_start_key(after.map(|after| key(tenant, format!("{TOTAL_PREFIX}{after}"))))
                .consistent_read(true)
                .limit(i32::from(limit))
                .send()
                .await
                .map_err(|error| AwsFailure::of(READ, error))?;
            let unreadable = |item: &Item| AwsFailure::unreadable(READ, format!("total {item:?}"));
            let mut totals = Vec::new();
            for item in response.items.unwrap_or_default() {
                totals.push(Total::of(&item).ok_or_else(|| unreadable(&item))?);
            }
            let last = response.last_evaluated_key.as_ref();
            let next = last.map(|last| event_type(last).ok_or_else(|| unreadable(last))).transpose()?;
            Ok((totals, next))
        })
        .await
    }
}
