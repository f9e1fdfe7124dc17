//! The cells, as the registry records them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_aws::AwsFailure;
use cellstack_core::CellId;
use cellstack_core::cell_table::Item;
use cellstack_core::dead_letter::Place;
use cellstack_core::registry::{CONFIG, CellState, CellStatus, STATE, partition};
use serde::Deserialize;

use crate::deployment::Deployment;

/// A cell, as far as an operator needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) id: CellId,
    /// Its table: a name, or an ARN.
    pub(crate) table: String,
    /// The URL of its queue.
    pub(crate) queue_url: String,
    /// The URLs of its dead-letter queues: of its stream, its topic and its queue.
    pub(crate) dead_letters: [String; 3],
    pub(crate) status: CellStatus,
    /// The time at which it was last marked down, in milliseconds since the Unix epoch.
    pub(crate) down_at: Option<u64>,
}

impl Cell {
    /// Returns whether its queue and topic keep each tenant's events in order.
    pub(crate) fn is_fifo(&self) -> bool {
        self.queue_url.ends_with(FIFO)
    }

    /// Returns the URL of the dead-letter queue of a place.
    pub(crate) fn dead_letters(&self, place: Place) -> &str {
        let [stream, topic, queue] = &self.dead_letters;
        match place {
            Place::Stream => stream,
            Place::Topic => topic,
            Place::Queue => queue,
        }
    }
}

const FIFO: &str = ".fifo";

const WHAT: &str = "read the registry";

/// Reads all cells, by id.
pub(crate) async fn all(deployment: &Deployment) -> Result<Vec<Cell>> {
    let mut pages = deployment
        .dynamodb
        .scan()
        .table_name(deployment.registry())
        .consistent_read(true)
        .filter_expression("begins_with(pk, :cell) AND sk IN (:config, :state)")
        .expression_attribute_values(":cell", AttributeValue::S("cell#".to_owned()))
        .expression_attribute_values(":config", AttributeValue::S(CONFIG.to_owned()))
        .expression_attribute_values(":state", AttributeValue::S(STATE.to_owned()))
        .into_paginator()
        .items()
        .send();
    let mut items = Vec::new();
    while let Some(item) = pages.next().await {
        items.push(item.map_err(|error| AwsFailure::of(WHAT, error))?);
    }
    read(items).context(WHAT)
}

/// Reads the cells that an operator named, or all cells if none was named.
pub(crate) async fn named(deployment: &Deployment, names: &[CellId]) -> Result<Vec<Cell>> {
    let mut cells = all(deployment).await?;
    for name in names {
        if !cells.iter().any(|cell| cell.id == *name) {
            let known: Vec<&str> = cells.iter().map(|cell| cell.id.as_str()).collect();
            bail!("cell {name} is not in the registry {}; these are: {}", deployment.registry(), known.join(", "));
        }
    }
    if !names.is_empty() {
        cells.retain(|cell| names.contains(&cell.id));
    }
    Ok(cells)
}

/// Reads one cell as it is now. Returns `None` if it is not registered.
pub(crate) async fn one(deployment: &Deployment, id: &CellId) -> Result<Option<Cell>, AwsFailure> {
    let response = deployment
        .dynamodb
        .query()
        .table_name(deployment.registry())
        .key_condition_expression("pk = :cell")
        .expression_attribute_values(":cell", AttributeValue::S(partition(id)))
        .consistent_read(true)
        .send()
        .await
        .map_err(|error| AwsFailure::of(WHAT, error))?;
    let cells = read(response.items.unwrap_or_default());
    cells.map(|cells| cells.into_iter().next()).map_err(|error| AwsFailure::unreadable(WHAT, format!("{error:#}")))
}

fn read(items: Vec<Item>) -> Result<Vec<Cell>> {
    #[derive(Deserialize)]
    struct Config {
        table: String,
        queue_url: String,
        stream_dlq_url: String,
        topic_dlq_url: String,
        dlq_url: String,
    }
    let mut configs = BTreeMap::new();
    let mut states: BTreeMap<CellId, CellState> = BTreeMap::new();
    for item in items {
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str);
        let Some(id) = text("pk").strip_prefix("cell#") else { continue };
        let id: CellId = id.parse()?;
        let broken = || format!("record of cell {id}");
        match text("sk") {
            CONFIG => {
                let config: Config = serde_dynamo::from_item(item.clone()).with_context(broken)?;
                configs.insert(id, config);
            }
            STATE => {
                let state: CellState = serde_dynamo::from_item(item.clone()).with_context(broken)?;
                states.insert(id, state);
            }
            _ => {}
        }
    }
    let cell = |(id, config): (CellId, Config)| {
        let Config { table, queue_url, stream_dlq_url, topic_dlq_url, dlq_url } = config;
        let CellState { status, down_at } = states.remove(&id).unwrap_or_default();
        Cell { id, table, queue_url, dead_letters: [stream_dlq_url, topic_dlq_url, dlq_url], status, down_at }
    };
    Ok(configs.into_iter().map(cell).collect())
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
        let cells = read(vec![
            config("beta", "q.fifo"),
            item(&[("pk", "cell#alpha"), ("sk", "state"), ("status", "down")]),
            config("alpha", "q"),
            item(&[("pk", "cell#gone"), ("sk", "state"), ("status", "retired")]),
            item(&[("pk", "audit"), ("sk", "2026")]),
        ])
        .unwrap();
        let [alpha, beta] = cells.as_slice() else { panic!("{cells:?}") };
        assert_eq!((alpha.id.as_str(), alpha.status, alpha.is_fifo()), ("alpha", CellStatus::Down, false));
        assert_eq!((beta.status, beta.is_fifo()), (CellStatus::Active, true));
        for (place, name) in
            [(Place::Stream, "stream_dlq_url"), (Place::Topic, "topic_dlq_url"), (Place::Queue, "dlq_url")]
        {
            assert_eq!(alpha.dead_letters(place), format!("q/{name}"));
        }
    }

    #[test]
    fn a_record_that_lacks_something_names_its_cell() {
        let bare = item(&[("pk", "cell#alpha"), ("sk", "config"), ("table", "a")]);
        assert_eq!(read(vec![bare]).unwrap_err().to_string(), "record of cell alpha");
    }
}
