//! Reads of the cells and their counts.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_aws::AwsFailure;
use cellstack_core::CellId;
use cellstack_core::cell_table::Item;
use cellstack_core::dead_letter::Place;
use cellstack_core::registry::{
    CELL_ID, CELL_PREFIX, CELLS, CONFIG, CellHealth, CellRecord, CellState, CellStatus, HEALTH, PAIR_PREFIX, RETIRED,
    STATE, pairs, partition,
};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Deserialize;

/// A cell: what Terraform stamped, and what operators said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The id.
    pub id: CellId,
    /// The configuration: Terraform's.
    pub config: CellConfig,
    /// The state: the operators'. A cell that was never bootstrapped has none.
    pub state: Option<CellState>,
}

/// The configuration of a cell, as Terraform writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CellConfig {
    /// The table: a name, or an ARN where the cell is in another account.
    pub table: String,
    /// The URL of the queue.
    pub queue_url: String,
    /// The URL of the stream mapping's dead-letter queue.
    pub stream_dlq_url: String,
    /// The URL of the subscription's dead-letter queue.
    pub topic_dlq_url: String,
    /// The URL of the queue's dead-letter queue.
    pub dlq_url: String,
    /// The weights of tenants that the cell takes, in sum.
    #[serde(default = "default_capacity")]
    pub capacity: u64,
    /// The cell's share of new tenants, in proportion to that of the other cells; 0 takes none.
    #[serde(default = "default_weight")]
    pub weight: u64,
    /// The cell's place in a rollout.
    #[serde(default = "default_wave")]
    pub wave: u64,
    /// The region.
    pub region: Option<String>,
    /// The account.
    pub account: Option<String>,
}

/// The defaults of Terraform's variable `cells`, for configurations of an earlier version.
const fn default_capacity() -> u64 {
    1_000
}
const fn default_weight() -> u64 {
    100
}
const fn default_wave() -> u64 {
    1
}

const FIFO: &str = ".fifo";

impl Cell {
    /// Returns the status by which routers treat the cell: active without a state.
    #[must_use]
    pub fn status(&self) -> CellStatus {
        self.state.as_ref().map_or(CellStatus::Active, |state| state.status)
    }

    /// Returns what routers need to know of the cell.
    #[must_use]
    pub fn record(&self) -> CellRecord {
        let (table, state) = (self.config.table.clone(), self.state.clone().unwrap_or_default());
        let CellState { status, down_at, carried_down_at, retry_after, .. } = state;
        CellRecord { table, status, down_at, carried_down_at, retry_after }
    }

    /// Returns whether queue and topic keep each tenant's events in order.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.config.queue_url.ends_with(FIFO)
    }

    /// Returns the URL of the dead-letter queue of a place.
    #[must_use]
    pub fn dead_letters(&self, place: Place) -> &str {
        match place {
            Place::Stream => &self.config.stream_dlq_url,
            Place::Topic => &self.config.topic_dlq_url,
            Place::Queue => &self.config.dlq_url,
        }
    }
}

/// All that the registry says of cells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The cells that Terraform stamped, by id.
    pub cells: Vec<Cell>,
    /// Cells with a state and without a configuration.
    pub without_config: BTreeMap<CellId, CellState>,
    /// Cells that Terraform has retired.
    pub retired: BTreeSet<CellId>,
    /// The results of probes.
    pub health: BTreeMap<CellId, CellHealth>,
    /// The number of tenants by home and standby.
    pub pairs: BTreeMap<(CellId, CellId), u64>,
}

impl Listing {
    /// Returns a cell by its id.
    #[must_use]
    pub fn cell(&self, id: &CellId) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.id == *id)
    }

    /// Returns the number of a cell's tenants by standby.
    pub fn standbys<'a>(&'a self, home: &'a CellId) -> impl Iterator<Item = (&'a CellId, u64)> {
        let of_home = self.pairs.iter().filter(move |((of, _), count)| of == home && **count > 0);
        of_home.map(|((_, standby), count)| (standby, *count))
    }
}

const WHAT: &str = "read the registry";
/// Part of DynamoDB's message about a table without an index that is read.
const NO_INDEX: &str = "does not have the specified index";
/// Partitions that are read at once.
const AT_ONCE: usize = 16;

/// Reads all cells and their counts, strongly consistent. Which cells there are is read from an index, which shows a change after
/// a moment: so a listing takes no longer for all else that the registry holds, its audit trail above all.
///
/// # Errors
/// When the registry can't be read, or an item is not of the shape that its writer writes.
pub async fn list(client: &Client, registry: &str) -> Result<Listing, AwsFailure> {
    let mut keys = client.scan().table_name(registry).index_name(CELLS).into_paginator().items().send();
    let mut partitions = BTreeSet::new();
    while let Some(key) = keys.next().await {
        let key = key.map_err(|error| {
            let mut failure = AwsFailure::of(WHAT, error);
            if failure.detail.contains(NO_INDEX) {
                failure.detail.push_str("; the registry of an earlier version gets it by `terraform apply`");
            }
            failure
        })?;
        let id = key.get(CELL_ID).and_then(|id| id.as_s().ok()?.parse::<CellId>().ok());
        let id =
            id.ok_or_else(|| AwsFailure::unreadable(WHAT, format!("{CELL_ID} of {key:?}: expected a cell's id")))?;
        partitions.extend([partition(&id), pairs(&id)]);
    }
    let items = stream::iter(partitions).map(|partition| items(client, registry, partition)).buffer_unordered(AT_ONCE);
    listing(items.try_concat().await?)
}

/// Reads the items of a partition of the registry.
async fn items(client: &Client, registry: &str, partition: String) -> Result<Vec<Item>, AwsFailure> {
    let query = client
        .query()
        .table_name(registry)
        .key_condition_expression("pk = :partition")
        .expression_attribute_values(":partition", AttributeValue::S(partition))
        .consistent_read(true);
    let items = query.into_paginator().items().send();
    items.try_collect().await.map_err(|error| AwsFailure::of(WHAT, error))
}

/// Reads one cell as it is now. Returns `None` if it is not registered.
///
/// # Errors
/// Like [`list`].
pub async fn one(client: &Client, registry: &str, id: &CellId) -> Result<Option<Cell>, AwsFailure> {
    Ok(listing(items(client, registry, partition(id)).await?)?.cells.into_iter().next())
}

fn listing(items: Vec<Item>) -> Result<Listing, AwsFailure> {
    let mut configs = BTreeMap::new();
    let mut listing = Listing::default();
    for item in items {
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str);
        let (pk, sk) = (text("pk"), text("sk"));
        let unreadable = |what: &str, error: &dyn std::fmt::Display| {
            AwsFailure::unreadable(WHAT, format!("{what} of {pk} / {sk}: {error}"))
        };
        let id = |text: &str| text.parse::<CellId>().map_err(|error| unreadable("key", &error));
        if let Some(home) = pk.strip_prefix(PAIR_PREFIX) {
            let count = item.get("tenants").and_then(|count| count.as_n().ok()?.parse::<i64>().ok());
            let count = count.ok_or_else(|| unreadable("tenants", &"expected a number"))?;
            listing.pairs.insert((id(home)?, id(sk)?), u64::try_from(count).unwrap_or_default());
            continue;
        }
        let Some(cell) = pk.strip_prefix(CELL_PREFIX) else { continue };
        let cell = id(cell)?;
        match sk {
            CONFIG => {
                let config: CellConfig =
                    serde_dynamo::from_item(item.clone()).map_err(|error| unreadable("record", &error))?;
                configs.insert(cell, config);
            }
            // A tenant that left a cell without a state has left counts there, and nothing else.
            STATE if item.contains_key("status") => {
                let state = serde_dynamo::from_item(item.clone()).map_err(|error| unreadable("record", &error))?;
                listing.without_config.insert(cell, state);
            }
            HEALTH => {
                let health = serde_dynamo::from_item(item.clone()).map_err(|error| unreadable("record", &error))?;
                listing.health.insert(cell, health);
            }
            RETIRED => drop(listing.retired.insert(cell)),
            _ => {}
        }
    }
    for (id, config) in configs {
        let state = listing.without_config.remove(&id);
        listing.cells.push(Cell { id, config, state });
    }
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(pairs: &[(&str, &str)]) -> Item {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), AttributeValue::S((*v).to_owned()))).collect()
    }

    fn config(id: &str, queue: &str) -> Item {
        let mut config = item(&[("pk", &format!("cell#{id}")), ("sk", "config"), ("table", id), ("queue_url", queue)]);
        for name in ["stream_dlq_url", "topic_dlq_url", "dlq_url"] {
            config.insert(name.to_owned(), AttributeValue::S(format!("{queue}/{name}")));
        }
        config
    }

    #[test]
    fn a_cell_is_its_configuration_and_its_state() {
        let mut pair = item(&[("pk", "pair#alpha"), ("sk", "beta")]);
        pair.insert("tenants".to_owned(), AttributeValue::N("7".to_owned()));
        let listing = listing(vec![
            config("beta", "q.fifo"),
            item(&[("pk", "cell#alpha"), ("sk", "state"), ("status", "down")]),
            config("alpha", "q"),
            item(&[("pk", "cell#gone"), ("sk", "state"), ("status", "retired")]),
            item(&[("pk", "cell#gone"), ("sk", "retired")]),
            item(&[("pk", "audit"), ("sk", "2026")]),
            pair,
        ])
        .unwrap();
        let [alpha, beta] = listing.cells.as_slice() else { panic!("{listing:?}") };
        assert_eq!((alpha.id.as_str(), alpha.status(), alpha.is_fifo()), ("alpha", CellStatus::Down, false));
        assert_eq!((beta.status(), beta.state.as_ref(), beta.is_fifo()), (CellStatus::Active, None, true));
        assert_eq!((beta.config.capacity, beta.config.weight, beta.config.wave), (1_000, 100, 1));
        for (place, name) in
            [(Place::Stream, "stream_dlq_url"), (Place::Topic, "topic_dlq_url"), (Place::Queue, "dlq_url")]
        {
            assert_eq!(alpha.dead_letters(place), format!("q/{name}"));
        }
        let standbys: Vec<_> = listing.standbys(&alpha.id).map(|(standby, count)| (standby.as_str(), count)).collect();
        assert_eq!(standbys, [("beta", 7)]);
        let strays: Vec<_> = listing.without_config.keys().map(CellId::as_str).collect();
        assert_eq!((strays.as_slice(), listing.retired.len()), (["gone"].as_slice(), 1));
    }

    #[test]
    fn a_record_that_lacks_something_names_its_cell() {
        let bare = item(&[("pk", "cell#alpha"), ("sk", "config"), ("table", "a")]);
        let error = listing(vec![bare]).unwrap_err().to_string();
        assert!(error.contains("cell#alpha / config"), "{error}");
    }
}
