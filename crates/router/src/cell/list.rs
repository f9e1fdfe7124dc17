//! Listing a tenant's events, the latest id first.

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_core::aws::AwsFailure;
use cellstack_core::cell_table::{Item, SORT_KEY, key};
use cellstack_core::event::EventKey;
use cellstack_core::limits::LIST_STRETCH;
use cellstack_core::{Ambient, EventId, EventStatus, EventType, TenantId};
use serde::Deserialize;

use super::Cell;
use super::read::{READ, record};
use crate::problem::Problem;

/// Which events are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) event_type: Option<EventType>,
    pub(crate) status: Option<EventStatus>,
}

/// What a listing says of an event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Listed {
    sk: EventKey,
    #[serde(rename = "type")]
    pub(crate) event_type: EventType,
    pub(crate) status: EventStatus,
    pub(crate) accepted_at: u64,
    #[serde(default)]
    pub(crate) processed_at: Option<u64>,
    #[serde(default)]
    pub(crate) error: Option<String>,
}

impl Listed {
    pub(crate) const fn id(&self) -> EventId {
        self.sk.0
    }
}

/// A stretch of a tenant's events.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) events: Vec<Listed>,
    /// Where the next stretch begins, if there may be more: before this id.
    pub(crate) next: Option<EventId>,
}

/// What of an item a listing shows. The data stays where it is.
const SHOWN: &str = "sk, #type, #status, accepted_at, processed_at, #error";

impl<A: Ambient> Cell<A> {
    /// Up to `limit` events before `before`. With a filter one call looks at [`LIST_STRETCH`] events, so that what is
    /// rare can't make a request read a whole partition.
    pub(crate) async fn list(
        &self,
        tenant: &TenantId,
        filter: &Filter,
        before: Option<EventId>,
        limit: u8,
    ) -> Result<Page, Problem> {
        self.call(READ, async {
            let filtered = *filter != Filter::default();
            let mut query = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("tenant_id = :tenant AND begins_with(sk, :event)")
                .expression_attribute_values(":tenant", AttributeValue::S(tenant.as_str().to_owned()))
                .expression_attribute_values(":event", AttributeValue::S(EventKey::PREFIX.to_owned()))
                .projection_expression(SHOWN)
                .expression_attribute_names("#type", "type")
                .expression_attribute_names("#status", "status")
                .expression_attribute_names("#error", "error")
                .set_exclusive_start_key(before.map(|id| key(tenant, EventKey(id).to_string())))
                .scan_index_forward(false)
                .consistent_read(true)
                .limit(if filtered { LIST_STRETCH } else { i32::from(limit) });
            let mut wanted = Vec::new();
            if let Some(event_type) = &filter.event_type {
                wanted.push("#type = :type");
                query = query.expression_attribute_values(":type", AttributeValue::S(event_type.as_str().to_owned()));
            }
            if let Some(status) = filter.status {
                wanted.push("#status = :status");
                query = query.expression_attribute_values(":status", AttributeValue::S(status.as_str().to_owned()));
            }
            if filtered {
                query = query.filter_expression(wanted.join(" AND "));
            }
            let answer = query.send().await.map_err(|error| AwsFailure::of(READ, error))?;
            let events =
                answer.items.unwrap_or_default().into_iter().map(record).collect::<Result<Vec<Listed>, _>>()?;
            let next = answer.last_evaluated_key.as_ref().map(last).transpose()?;
            Ok(Page { events, next }.cut(limit))
        })
        .await
    }
}

impl Page {
    /// The first `limit` events of it.
    fn cut(mut self, limit: u8) -> Self {
        if self.events.len() > usize::from(limit) {
            self.events.truncate(usize::from(limit));
            self.next = self.events.last().map(Listed::id);
        }
        self
    }

    /// The pages of two cells as one: no event beyond the nearer end of what either has looked at.
    pub(crate) fn merge(mut self, other: Self, limit: u8) -> Self {
        let next = match (self.next, other.next) {
            (Some(this), Some(other)) => Some(this.max(other)),
            (this, other) => this.or(other),
        };
        self.events.extend(other.events);
        self.events.sort_unstable_by_key(|event| std::cmp::Reverse(event.id()));
        self.events.dedup_by_key(|event| event.id());
        if let Some(next) = next {
            self.events.retain(|event| event.id() >= next);
        }
        Self { events: self.events, next }.cut(limit)
    }
}

fn last(key: &Item) -> Result<EventId, AwsFailure> {
    let key = key.get(SORT_KEY).and_then(|key| key.as_s().ok());
    let key = key.and_then(|key| EventKey::try_from(key.clone()).ok());
    key.map(|key| key.0).ok_or_else(|| AwsFailure::unreadable(READ, "a page that ends at no event".to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn listed(id: u128) -> Listed {
        let id = format!("event#{}", uuid(id));
        let sk = EventKey::try_from(id).unwrap();
        let (event_type, status) = ("t".parse().unwrap(), EventStatus::Accepted);
        Listed { sk, event_type, status, accepted_at: 0, processed_at: None, error: None }
    }

    fn uuid(n: u128) -> String {
        let hex = format!("{n:032x}");
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// A cell that holds `ids`, as a query would answer that looks at `stretch` of them and keeps the even ones.
    fn page(ids: &[u128], before: Option<EventId>, limit: u8, stretch: usize) -> Page {
        let mut ids = ids.to_vec();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.retain(|id| before.is_none_or(|before| listed(*id).id() < before));
        let more = ids.len() >= stretch;
        ids.truncate(stretch);
        let next = ids.last().map(|id| listed(*id).id()).filter(|_| more);
        let events = ids.into_iter().filter(|id| id % 2 == 0).map(listed).collect();
        Page { events, next }.cut(limit)
    }

    proptest! {
        /// Page by page, two cells give each of their events once and in order.
        #[test]
        fn two_cells_are_listed_as_one(
            ids in prop::collection::btree_set(0_u128..200, 0..60),
            split in any::<u64>(),
            limit in 1_u8..10,
            stretch in 1_usize..20,
        ) {
            let (one, other): (Vec<u128>, Vec<u128>) = ids.iter().partition(|id| (split >> (**id % 64)) & 1 == 0);
            let (mut before, mut seen) = (None, Vec::new());
            for _ in 0..=ids.len() {
                let page = page(&one, before, limit, stretch).merge(page(&other, before, limit, stretch), limit);
                prop_assert!(page.events.len() <= usize::from(limit));
                seen.extend(page.events.iter().map(|event| event.id().to_string()));
                before = page.next;
                if before.is_none() {
                    break;
                }
            }
            let all: Vec<String> = ids.iter().rev().filter(|id| **id % 2 == 0).map(|id| uuid(*id)).collect();
            prop_assert_eq!(seen, all);
        }
    }
}
