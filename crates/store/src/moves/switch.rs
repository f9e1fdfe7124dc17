//! The switch by which any operator pauses all runs of plans.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_aws::AwsFailure;
use cellstack_core::cell_table::number;
use cellstack_core::registry::PARTITION_KEY;
use serde::Deserialize;

use super::record::{MOVES, text};

/// Sort key of the switch. It is not the id of a move.
const PAUSE: &str = "pause";
const PULLED: &str = "pulled";

/// The switch in a registry.
#[derive(Debug, Clone, Copy)]
pub struct Switch<'a> {
    /// The client that reaches the registry.
    pub client: &'a Client,
    /// The registry's table.
    pub registry: &'a str,
}

/// The operator who has pulled the switch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Paused {
    /// The operator.
    pub by: String,
    /// The reason.
    pub reason: String,
    /// The time, in milliseconds since the Unix epoch.
    pub at: u64,
}

impl Switch<'_> {
    /// Returns who has pulled the switch; `None` if it is not pulled.
    ///
    /// # Errors
    /// When the registry can't be read.
    pub async fn read(&self) -> Result<Option<Paused>, AwsFailure> {
        const WHAT: &str = "read whether moves are paused";
        let get = self.client.get_item().table_name(self.registry).key(PARTITION_KEY, text(MOVES));
        let got = get.key("sk", text(PAUSE)).consistent_read(true).send().await;
        let item = got.map_err(|error| AwsFailure::of(WHAT, error))?.item;
        match item.filter(|item| item.get(PULLED) == Some(&AttributeValue::Bool(true))) {
            Some(item) => {
                serde_dynamo::from_item(item).map(Some).map_err(|error| AwsFailure::unreadable(WHAT, error.to_string()))
            }
            None => Ok(None),
        }
    }

    /// Pulls or releases the switch. Its item stays when it is released: operators delete nothing in the registry.
    ///
    /// # Errors
    /// When the registry can't be written.
    pub async fn set(&self, pulled: bool, by: &str, reason: &str, now_ms: u64) -> Result<(), AwsFailure> {
        let item = HashMap::from([
            (PARTITION_KEY.to_owned(), text(MOVES)),
            ("sk".to_owned(), text(PAUSE)),
            (PULLED.to_owned(), AttributeValue::Bool(pulled)),
            ("by".to_owned(), text(by)),
            ("reason".to_owned(), text(reason)),
            ("at".to_owned(), number(now_ms)),
        ]);
        let put = self.client.put_item().table_name(self.registry).set_item(Some(item));
        put.send().await.map(drop).map_err(|error| AwsFailure::of("write whether moves are paused", error))
    }
}
