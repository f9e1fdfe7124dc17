//! Lists of a tenant's events, the latest id first.

use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_aws::AwsFailure;
use cellstack_core::cell_table::{Item, SORT_KEY, key};
use cellstack_core::event::EventKey;
use cellstack_core::limits::LIST_SCAN_LIMIT;
use cellstack_core::{CellId, Clock, EventId, EventStatus, EventType, TenantId};
use serde::Deserialize;

use super::read::READ;
use super::{Cell, CellError, Extent};

/// The events that a listing asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) event_type: Option<EventType>,
    pub(crate) status: Option<EventStatus>,
}

/// An event in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The text of its key: an event's id, unless somebody has tampered with it.
    pub(crate) id: String,
    /// The listed attributes of the event, or the reason why its item can't be read.
    pub(crate) shown: Result<Shown, String>,
    /// The cell that holds it, if that is not the tenant's own.
    pub(crate) cell: Option<CellId>,
}

/// The attributes of an event that a listing shows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Shown {
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
    /// Reads an item. A damaged item concerns its event only: the rest of the page is listed.
    fn of(item: Item) -> Option<Self> {
        let id = id_of(&item)?;
        let shown = match id.parse::<EventId>() {
            // The error may quote a value of any length.
            Ok(_) => serde_dynamo::from_item(item).map_err(|error| error.to_string().chars().take(200).collect()),
            Err(error) => Err(error.to_string()),
        };
        Some(Self { id, shown, cell: None })
    }
}

/// A page of a tenant's events.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) events: Vec<Listed>,
    /// The id before which the next page begins, if there may be more.
    pub(crate) next: Option<String>,
}

/// The attributes that a listing reads. The data is not read.
const SHOWN: &str = "sk, #type, #status, accepted_at, processed_at, #error";

impl<A: Clock> Cell<A> {
    /// Lists up to `limit` events before `before`. With a filter one call scans [`LIST_SCAN_LIMIT`] events, so that
    /// rare events can't make a request read a whole partition.
    pub(crate) async fn list(
        &self,
        tenant: &TenantId,
        filter: &Filter,
        before: Option<&str>,
        limit: u8,
    ) -> Result<Page, CellError> {
        self.call(Extent::Bulk, READ, async {
            let filtered = *filter != Filter::default();
            let mut query = self
                .bulk_client()
                .query()
                .table_name(&self.table)
                .key_condition_expression("tenant_id = :tenant AND begins_with(sk, :event)")
                .expression_attribute_values(":tenant", AttributeValue::S(tenant.as_str().to_owned()))
                .expression_attribute_values(":event", AttributeValue::S(EventKey::PREFIX.to_owned()))
                .projection_expression(SHOWN)
                .expression_attribute_names("#type", "type")
                .expression_attribute_names("#status", "status")
                .expression_attribute_names("#error", "error")
                .set_exclusive_start_key(before.map(|id| key(tenant, format!("{}{id}", EventKey::PREFIX))))
                .scan_index_forward(false)
                .consistent_read(true)
                .limit(if filtered { LIST_SCAN_LIMIT } else { i32::from(limit) });
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
            let response = query.send().await.map_err(|error| AwsFailure::of(READ, error))?;
            let events = response.items.unwrap_or_default().into_iter().filter_map(Listed::of).collect();
            let next = response.last_evaluated_key.as_ref().and_then(id_of);
            Ok(Page { events, next }.cut(limit))
        })
        .await
    }
}

impl Page {
    /// Keeps the first `limit` events of the page.
    fn cut(mut self, limit: u8) -> Self {
        if self.events.len() > usize::from(limit) {
            self.events.truncate(usize::from(limit));
            self.next = self.events.last().map(|event| event.id.clone());
        }
        self
    }

    /// Marks the events as held by a cell that is not the tenant's own.
    pub(crate) fn held_by(mut self, cell: &CellId) -> Self {
        for event in &mut self.events {
            event.cell = Some(cell.clone());
        }
        self
    }

    /// Merges the pages of two cells. No event is beyond the nearer end of the two scans. Of an event that both hold,
    /// this page's entry is kept.
    pub(crate) fn merge(mut self, other: Self, limit: u8) -> Self {
        let next = match (self.next, other.next) {
            (Some(this), Some(other)) => Some(this.max(other)),
            (this, other) => this.or(other),
        };
        self.events.extend(other.events);
        // The sort is stable, so that this page's entry stays first.
        self.events.sort_by(|a, b| b.id.cmp(&a.id));
        self.events.dedup_by(|later, first| later.id == first.id);
        if let Some(next) = &next {
            self.events.retain(|event| event.id >= *next);
        }
        Self { events: self.events, next }.cut(limit)
    }
}

/// Returns the id in a key. The key condition lets no other keys pass.
fn id_of(item: &Item) -> Option<String> {
    Some(item.get(SORT_KEY)?.as_s().ok()?.strip_prefix(EventKey::PREFIX)?.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn listed(id: u128) -> Listed {
        let (event_type, status) = ("t".parse().unwrap(), EventStatus::Accepted);
        let shown = Shown { event_type, status, accepted_at: 0, processed_at: None, error: None };
        Listed { id: uuid(id), shown: Ok(shown), cell: None }
    }

    fn uuid(n: u128) -> String {
        let hex = format!("{n:032x}");
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// Makes a page of a cell that holds `ids`, as a query returns it that scans `stretch` of them and keeps the even
    /// ones.
    fn page(ids: &[u128], before: Option<&str>, limit: u8, stretch: usize) -> Page {
        let mut ids = ids.to_vec();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.retain(|id| before.is_none_or(|before| *uuid(*id) < *before));
        let more = ids.len() >= stretch;
        ids.truncate(stretch);
        let next = ids.last().map(|id| uuid(*id)).filter(|_| more);
        let events = ids.into_iter().filter(|id| id % 2 == 0).map(listed).collect();
        Page { events, next }.cut(limit)
    }

    #[test]
    fn an_item_that_can_not_be_read_is_listed_as_what_it_is() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let item = |pairs: &[(&str, AttributeValue)]| -> Item {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
        };
        let sk = ("sk", text("event#01930000-0000-7000-8000-000000000001"));
        let number = |n: &str| AttributeValue::N(n.to_owned());
        let good = [sk.clone(), ("type", text("t")), ("status", text("held")), ("accepted_at", number("1"))];
        assert_eq!(Listed::of(item(&good)).unwrap().shown.unwrap().status, EventStatus::Held);
        for damaged in [
            item(&good[..1]),
            item(&[sk.clone(), good[2].clone(), good[3].clone()]),
            item(&[sk.clone(), good[1].clone(), ("status", text("sideways")), good[3].clone()]),
            item(&[sk.clone(), good[1].clone(), good[2].clone(), ("accepted_at", text("now"))]),
            item(&[("sk", text("event#7")), good[1].clone(), good[2].clone(), good[3].clone()]),
        ] {
            assert!(Listed::of(damaged.clone()).unwrap().shown.is_err(), "{damaged:?}");
        }
    }

    #[test]
    fn of_an_event_that_both_cells_hold_the_tenants_own_is_listed() {
        let own = Page { events: vec![listed(2)], next: None };
        let other = Page { events: vec![listed(2), listed(1)], next: None }.held_by(&"beta".parse().unwrap());
        let cells: Vec<_> = own.merge(other, 9).events.into_iter().map(|event| event.cell.is_some()).collect();
        assert_eq!(cells, [false, true]);
    }

    proptest! {
        /// Page by page, two cells list each of their events once and in order.
        #[test]
        fn two_cells_are_listed_as_one(
            ids in prop::collection::btree_set(0_u128..200, 0..60),
            split in any::<u64>(),
            limit in 1_u8..10,
            stretch in 1_usize..20,
        ) {
            let (one, other): (Vec<u128>, Vec<u128>) = ids.iter().partition(|id| (split >> (**id % 64)) & 1 == 0);
            let (mut before, mut seen) = (None::<String>, Vec::new());
            for _ in 0..=ids.len() {
                let at = before.as_deref();
                let page = page(&one, at, limit, stretch).merge(page(&other, at, limit, stretch), limit);
                prop_assert!(page.events.len() <= usize::from(limit));
                seen.extend(page.events.iter().map(|event| event.id.clone()));
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
