//! The results of a cell's probes, counted by any number of probing runs at once.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_aws::AwsFailure;
use cellstack_aws::backoff::Backoff;
use cellstack_core::CellId;
use cellstack_core::cell_table::number;
use cellstack_core::limits::PLACE_TIMEOUT;
use cellstack_core::registry::{CellHealth, HEALTH, PARTITION_KEY, partition};

use super::state::key;

/// Replaces the results by what `after` makes of those that are there. No result of another run is lost: the item is read
/// again where it has changed meanwhile.
///
/// # Errors
/// When the registry can't be read or written.
pub async fn count_health(
    client: &Client,
    registry: &str,
    cell: &CellId,
    after: impl Fn(&CellHealth) -> CellHealth,
) -> Result<CellHealth, AwsFailure> {
    const WHAT: &str = "write a cell's health";
    let unreadable =
        |error: serde_dynamo::Error| AwsFailure::unreadable(WHAT, format!("health of cell {cell}: {error}"));
    let mut backoff = Backoff::within(PLACE_TIMEOUT);
    loop {
        let get = client.get_item().table_name(registry).set_key(Some(key(partition(cell), HEALTH)));
        let got = get.consistent_read(true).send().await.map_err(|error| AwsFailure::of(WHAT, error))?;
        let before: Option<CellHealth> = got.item.map(serde_dynamo::from_item).transpose().map_err(unreadable)?;
        let health = after(&before.clone().unwrap_or_default());
        let item: HashMap<String, AttributeValue> = serde_dynamo::to_item(&health).map_err(unreadable)?;
        let put = client.put_item().table_name(registry).set_item(Some(item));
        let put = put.item(PARTITION_KEY, AttributeValue::S(partition(cell)));
        let put = put.item("sk", AttributeValue::S(HEALTH.to_owned()));
        let put = match before {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(CellHealth { failures, successes, at, .. }) => put
                .condition_expression("#at = :at AND failures = :failures AND successes = :successes")
                .expression_attribute_names("#at", "at")
                .expression_attribute_values(":at", number(at))
                .expression_attribute_values(":failures", number(failures.into()))
                .expression_attribute_values(":successes", number(successes.into())),
        };
        match put.send().await {
            Ok(_) => return Ok(health),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") && backoff.pause().await => {}
            Err(error) => return Err(AwsFailure::of(WHAT, error)),
        }
    }
}
