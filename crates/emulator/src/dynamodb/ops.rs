//! Dispatch from an operation's name to dynoxide's handler.

use std::collections::HashMap;

use dynoxide::actions;
use dynoxide::actions::vector_lifecycle::VectorIndexLifecycle;
use dynoxide::storage::Storage;
use dynoxide::{DynoxideError, Result};
use futures::FutureExt;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Items that are read for a table's first page that has no `Limit`: about as many as there is room for, if they are events of half a
/// kilobyte. Of all that a Query or Scan matches the engine would read every item for every page, and nothing else is served meanwhile.
const PAGE: usize = 2_048;
/// The factor by which more are read where the page has room for all of these.
const MORE: usize = 2;

/// The number of items to read for the next page of a table: a few more than the last page had that ended at 1 MB. A number that is too
/// small has the page read once more.
#[derive(Debug, Default)]
pub(super) struct PageSizes(HashMap<String, usize>);

impl PageSizes {
    fn of(&self, table: &str) -> usize {
        self.0.get(table).copied().unwrap_or(PAGE)
    }

    fn note(&mut self, table: String, items: usize) {
        self.0.insert(table, items + items / 8 + 1);
    }

    /// Forgets a table.
    pub(super) fn forget(&mut self, table: &str) {
        self.0.remove(table);
    }
}

/// Returns whether an operation can leave stream records.
pub(super) fn writes(operation: &str) -> bool {
    matches!(
        operation,
        "PutItem"
            | "UpdateItem"
            | "DeleteItem"
            | "BatchWriteItem"
            | "TransactWriteItems"
            | "ExecuteStatement"
            | "BatchExecuteStatement"
            | "ExecuteTransaction"
    )
}

/// Returns whether an operation is emulated.
pub(super) fn is_known(operation: &str) -> bool {
    matches!(
        operation,
        "GetItem"
            | "Query"
            | "Scan"
            | "BatchGetItem"
            | "TransactGetItems"
            | "CreateTable"
            | "DeleteTable"
            | "DescribeTable"
            | "UpdateTable"
            | "ListTables"
            | "UpdateTimeToLive"
            | "DescribeTimeToLive"
            | "TagResource"
            | "UntagResource"
            | "ListTagsOfResource"
            | "ListStreams"
            | "DescribeStream"
            | "GetShardIterator"
            | "GetRecords"
    ) || writes(operation)
}

/// Returns whether a response can hold ARNs, in which dynoxide's region has to be replaced.
pub(super) fn returns_arns(operation: &str) -> bool {
    matches!(
        operation,
        "CreateTable" | "DeleteTable" | "DescribeTable" | "UpdateTable" | "ListStreams" | "DescribeStream"
    )
}

pub(super) fn run(
    storage: &Storage,
    vectors: &VectorIndexLifecycle,
    sizes: &mut PageSizes,
    operation: &str,
    body: &str,
) -> Result<String> {
    macro_rules! run {
        ($module:ident $(, $more:expr)?) => {
            write(ready(actions::$module::execute(storage, read(body)? $(, $more)?))?)
        };
    }
    macro_rules! page {
        ($module:ident, $request:ident) => {{
            let mut request: actions::$module::$request = read(body)?;
            let table = request.table_name.clone();
            let mut most = sizes.of(&table);
            loop {
                let is_limited = request.limit.is_some();
                request.limit.get_or_insert(most);
                let page = ready(actions::$module::execute(storage, request))?;
                if is_limited || page.scanned_count < most {
                    if !is_limited && page.last_evaluated_key.is_some() {
                        sizes.note(table, page.scanned_count);
                    }
                    break write(page);
                }
                most = most.saturating_mul(MORE);
                request = read(body)?;
            }
        }};
    }
    match operation {
        "PutItem" => run!(put_item),
        "GetItem" => run!(get_item),
        "UpdateItem" => run!(update_item),
        "DeleteItem" => run!(delete_item),
        "Query" => page!(query, QueryRequest),
        "Scan" => page!(scan, ScanRequest),
        "BatchGetItem" => run!(batch_get_item),
        "BatchWriteItem" => run!(batch_write_item),
        "TransactWriteItems" => run!(transact_write_items),
        "TransactGetItems" => run!(transact_get_items),
        "CreateTable" => run!(create_table),
        "DeleteTable" => run!(delete_table, vectors),
        "DescribeTable" => run!(describe_table, vectors),
        "UpdateTable" => run!(update_table, vectors),
        "ListTables" => run!(list_tables),
        "UpdateTimeToLive" => run!(update_time_to_live),
        "DescribeTimeToLive" => run!(describe_time_to_live),
        "TagResource" => run!(tag_resource),
        "UntagResource" => run!(untag_resource),
        "ListTagsOfResource" => run!(list_tags_of_resource),
        "ExecuteStatement" => run!(execute_statement),
        "BatchExecuteStatement" => run!(batch_execute_statement),
        "ExecuteTransaction" => run!(execute_transaction),
        "ListStreams" => run!(list_streams),
        _ => Err(DynoxideError::ValidationException(format!("{operation} is not emulated"))),
    }
}

/// Takes a future's output. dynoxide's handlers are async for the sake of its browser backend; over SQLite they never
/// wait.
pub(super) fn ready<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    future
        .now_or_never()
        .unwrap_or_else(|| Err(DynoxideError::InternalServerError("the storage engine suspended".into())))
}

/// Reads a request. dynoxide marks the class of a refusal inside serde's message; the mark must not reach the caller.
pub(super) fn read<T: DeserializeOwned>(body: &str) -> Result<T> {
    serde_json::from_str(body).map_err(|error| {
        let text = error.to_string();
        let text = text.rfind(" at line ").map_or(text.as_str(), |at| &text[..at]);
        for mark in ["VALIDATION_REQUEST:", "VALIDATION:"] {
            if let Some(at) = text.find(mark) {
                return DynoxideError::ValidationException(text[at + mark.len()..].to_string());
            }
        }
        if let Some(at) = text.find("SERIALIZATION:") {
            return DynoxideError::SerializationException(text[at + "SERIALIZATION:".len()..].to_string());
        }
        if text.contains("empty AttributeValue") {
            return DynoxideError::ValidationException(
                "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes".into(),
            );
        }
        let validation = ["missing field", "unknown variant", "invalid type: null", "Supplied AttributeValue"];
        if validation.iter().any(|part| text.contains(part)) {
            DynoxideError::ValidationException(text.to_string())
        } else {
            DynoxideError::SerializationException(text.to_string())
        }
    })
}

fn write(response: impl Serialize) -> Result<String> {
    serde_json::to_string(&response).map_err(|e| DynoxideError::InternalServerError(e.to_string()))
}
