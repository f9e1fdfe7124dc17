//! The size of the tables and their streams, and ways to reduce it.

use dynoxide::Result;
use serde_json::{Map, Value, json};

use super::keys::key_names;
use super::store::{DynamoDb, State};
use crate::sync::lock;

/// The bytes of tables, stream records and tokens.
const PAGES: &str = "SELECT (pages.page_count - free.freelist_count) * size.page_size \
    FROM pragma_page_count() AS pages, pragma_freelist_count() AS free, pragma_page_size() AS size";

impl DynamoDb {
    pub(crate) fn held_bytes(&self) -> Result<u64> {
        let state = lock(&self.state);
        let pages: i64 = state.storage.conn().prepare_cached(PAGES)?.query_row((), |row| row.get(0))?;
        let streams: usize = state.streams.values().flat_map(|stream| &stream.shards).map(|shard| shard.bytes()).sum();
        Ok(pages.max(0).cast_unsigned() + (streams + state.tokens.bytes()) as u64)
    }

    pub(crate) fn trim_streams(&self) {
        let state = lock(&self.state);
        let now = self.context.clock.ms();
        for shard in state.streams.values().flat_map(|stream| &stream.shards) {
            shard.trim(now, 0);
        }
    }

    pub(crate) fn expire_oldest(&self, table: &str, attribute: &str, text: &str, most: usize) -> Result<usize> {
        let mut state = lock(&self.state);
        let keys = oldest(&mut state, table, attribute, text, most)?;
        let mut expired = 0;
        for key in keys {
            let body = json!({ "TableName": table, "Key": key }).to_string();
            // A refusal leaves the item where it is.
            expired += usize::from(self.run_now(&mut state, "DeleteItem", &body).is_ok());
        }
        Ok(expired)
    }
}

/// Returns the keys of the items, in the order in which they were last written.
fn oldest(state: &mut State, table: &str, attribute: &str, text: &str, most: usize) -> Result<Vec<Value>> {
    let names = key_names(state, table)?.unwrap_or_default().to_vec();
    // A write replaces its row, which gets a new number.
    let select = format!(
        "SELECT item_json FROM \"{}\" WHERE json_extract(item_json, ?1) = ?2 ORDER BY rowid LIMIT ?3",
        table.replace('"', "\"\"")
    );
    let mut select = state.storage.conn().prepare_cached(&select)?;
    let path = format!("$.\"{attribute}\".S");
    let rows = select.query_map(rusqlite::params![path, text, most as i64], |row| row.get::<_, String>(0))?;
    let mut keys = Vec::new();
    for item in rows {
        let mut item: Map<String, Value> = serde_json::from_str(&item?).unwrap_or_default();
        keys.push(names.iter().filter_map(|name| Some((name.clone(), item.remove(name)?))).collect());
    }
    Ok(keys)
}
