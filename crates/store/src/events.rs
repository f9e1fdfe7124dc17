//! Events in a cell that are not done: accepted, or held for another cell.

use std::fmt;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_aws::AwsFailure;
use cellstack_core::cell_table::Item;
use cellstack_core::event::EventKey;
use cellstack_core::ids::PROBE_TENANT;
use cellstack_core::{EventStatus, TenantId};

/// A count of events that are not done. It ends at a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undone {
    /// The number that was seen.
    pub count: u64,
    /// True if there may be more.
    pub more: bool,
}

impl fmt::Display for Undone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.more { write!(f, "{} or more", self.count) } else { write!(f, "{}", self.count) }
    }
}

const WHAT: &str = "look for events that are not done";

/// Counts the events in a cell's table that are not done, those of one tenant or of all but the one that probes cells, strongly
/// consistent. Reads until it has seen `at_most`, or all.
///
/// # Errors
/// When the table can't be read.
pub async fn undone(
    client: &Client,
    table: &str,
    whose: Option<&TenantId>,
    at_most: u64,
) -> Result<Undone, AwsFailure> {
    const FILTER: &str = "#status IN (:accepted, :held)";
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let (mut count, mut next) = (0, None);
    loop {
        let (found, from) = match whose {
            Some(tenant) => {
                let page = client
                    .query()
                    .table_name(table)
                    .key_condition_expression("tenant_id = :tenant AND begins_with(sk, :event)")
                    .filter_expression(FILTER)
                    .expression_attribute_names("#status", "status")
                    .expression_attribute_values(":tenant", text(tenant.as_str()))
                    .expression_attribute_values(":event", text(EventKey::PREFIX))
                    .expression_attribute_values(":accepted", text(EventStatus::Accepted.as_str()))
                    .expression_attribute_values(":held", text(EventStatus::Held.as_str()))
                    .projection_expression("sk")
                    .consistent_read(true)
                    .set_exclusive_start_key(next);
                let page = page.send().await.map_err(|error| AwsFailure::of(WHAT, error))?;
                (page.count, page.last_evaluated_key)
            }
            None => {
                let page = client
                    .scan()
                    .table_name(table)
                    .expression_attribute_values(":probe", text(PROBE_TENANT))
                    .filter_expression(format!("begins_with(sk, :event) AND tenant_id <> :probe AND {FILTER}"))
                    .expression_attribute_names("#status", "status")
                    .expression_attribute_values(":event", text(EventKey::PREFIX))
                    .expression_attribute_values(":accepted", text(EventStatus::Accepted.as_str()))
                    .expression_attribute_values(":held", text(EventStatus::Held.as_str()))
                    .projection_expression("sk")
                    .consistent_read(true)
                    .set_exclusive_start_key(next);
                let page = page.send().await.map_err(|error| AwsFailure::of(WHAT, error))?;
                (page.count, page.last_evaluated_key)
            }
        };
        count += u64::try_from(found).unwrap_or_default();
        next = from.filter(|key: &Item| !key.is_empty());
        if next.is_none() || count >= at_most {
            return Ok(Undone { count, more: next.is_some() });
        }
    }
}
