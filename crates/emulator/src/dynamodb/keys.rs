//! The items that a request touches.

use std::collections::HashMap;

use dynoxide::Result;
use serde::Deserialize;
use serde_json::Value;

use super::store::State;

/// The table and primary key of an item.
pub(super) type ItemKey = String;

/// The names of each table's key attributes, partition key first.
#[derive(Default)]
pub(super) struct KeyNames(HashMap<String, Vec<String>>);

impl KeyNames {
    pub(super) fn forget(&mut self, table: &str) {
        self.0.remove(table);
    }
}

#[derive(Deserialize)]
struct KeyElement {
    #[serde(rename = "AttributeName")]
    name: String,
    #[serde(rename = "KeyType")]
    kind: String,
}

/// Returns the key attributes of a table, partition key first.
pub(super) fn key_names<'a>(state: &'a mut State, table: &str) -> Result<Option<&'a [String]>> {
    if !state.key_names.0.contains_key(table) {
        let Some(meta) = state.storage.get_table_metadata(table)? else { return Ok(None) };
        let mut schema: Vec<KeyElement> = serde_json::from_str(&meta.key_schema).unwrap_or_default();
        schema.sort_by_key(|element| element.kind != "HASH");
        let names = schema.into_iter().map(|element| element.name).collect();
        state.key_names.0.insert(table.to_string(), names);
    }
    Ok(state.key_names.0.get(table).map(Vec::as_slice))
}

/// Returns the item that a request names by `Key`, or holds as `Item`; `None` if it names none that can exist.
pub(super) fn item_of(state: &mut State, request: &Value) -> Option<ItemKey> {
    let table = request["TableName"].as_str()?;
    keyed(state, table, request.get("Key").or_else(|| request.get("Item"))?)
}

/// Returns the item with these attributes in a table, given by its name or ARN.
pub(super) fn keyed(state: &mut State, table: &str, attributes: &Value) -> Option<ItemKey> {
    let table = table.rsplit('/').next()?;
    let names = key_names(state, table).ok()??;
    let mut key = table.to_string();
    for name in names {
        key.push('\n');
        key.push_str(&attributes.get(name)?.to_string());
    }
    Some(key)
}

/// Returns the items of a transaction, in its order; `None` unless each of its actions names one.
pub(super) fn items_of_transaction(state: &mut State, body: &str) -> Option<Vec<ItemKey>> {
    let request: Value = serde_json::from_str(body).ok()?;
    let actions = request["TransactItems"].as_array()?;
    actions.iter().map(|action| item_of(state, action.as_object()?.values().find(|v| v.is_object())?)).collect()
}
