//! Faults in DynamoDB's own words.

use serde_json::{Value, json};

use crate::faults::FaultKind;

/// Returns the status and body of an injected error; `None` if the fault is not an error.
pub(crate) fn apply(kind: &FaultKind, operation: &str, body: &str) -> Option<(u16, String)> {
    let error = |status, kind: &str, message: &str| {
        let body = json!({
            "__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"),
            "message": message,
        });
        Some((status, body.to_string()))
    };
    match kind {
        FaultKind::Throttle => {
            error(400, "ThrottlingException", "Throughput exceeds the current capacity of your table or index.")
        }
        FaultKind::ServerError | FaultKind::FunctionError => error(500, "InternalServerError", "Internal server error"),
        FaultKind::Error { status, code, message } => error(*status, code, message),
        FaultKind::TransactionConflict if operation.starts_with("Transact") => {
            let items = serde_json::from_str::<Value>(body)
                .ok()
                .and_then(|body| body["TransactItems"].as_array().map(Vec::len))
                .unwrap_or(1);
            let codes = (0..items).map(|i| if i == 0 { "TransactionConflict" } else { "None" });
            Some((400, canceled(codes)))
        }
        FaultKind::TransactionConflict => {
            error(400, "TransactionConflictException", "Transaction is ongoing for the item")
        }
        FaultKind::TransactionCanceled(codes) => Some((400, canceled(codes.iter().map(String::as_str)))),
        _ => None,
    }
}

fn canceled<'a>(codes: impl Iterator<Item = &'a str>) -> String {
    let codes: Vec<&str> = codes.collect();
    let reasons: Vec<Value> = codes
        .iter()
        .map(|code| match *code {
            "None" => json!({ "Code": "None" }),
            "TransactionConflict" => {
                json!({ "Code": code, "Message": "Transaction is ongoing for the item" })
            }
            "ConditionalCheckFailed" => {
                json!({ "Code": code, "Message": "The conditional request failed" })
            }
            _ => json!({ "Code": code, "Message": "injected" }),
        })
        .collect();
    json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
            codes.join(", ")
        ),
        "CancellationReasons": reasons,
    })
    .to_string()
}

/// Splits a batch request into the part to run and the part that comes back unprocessed under its name. `failing` holds
/// indices over all tables, ascending.
pub(crate) fn split_batch(operation: &str, body: &str, failing: &[usize]) -> Option<(Value, &'static str, Value)> {
    let unprocessed_name = match operation {
        "BatchWriteItem" => "UnprocessedItems",
        "BatchGetItem" => "UnprocessedKeys",
        _ => return None,
    };
    let mut request: Value = serde_json::from_str(body).ok()?;
    let tables = request["RequestItems"].as_object_mut()?;
    let mut unprocessed = serde_json::Map::new();
    let mut index = 0;
    for (table, entries) in tables.iter_mut() {
        let (mut kept, mut left) = (Vec::new(), Vec::new());
        for entry in list_of(entries).as_array_mut().map(std::mem::take).unwrap_or_default() {
            let side = if failing.binary_search(&index).is_ok() { &mut left } else { &mut kept };
            side.push(entry);
            index += 1;
        }
        if !left.is_empty() {
            // The unprocessed part of a read keeps its other members besides the keys.
            let mut rest = entries.clone();
            *list_of(&mut rest) = Value::Array(left);
            unprocessed.insert(table.clone(), rest);
        }
        *list_of(entries) = Value::Array(kept);
    }
    tables.retain(|_, entries| list_of(entries).as_array().is_some_and(|list| !list.is_empty()));
    Some((request, unprocessed_name, Value::Object(unprocessed)))
}

/// Returns the number of entries a batch request has.
pub(crate) fn entries_of_batch(operation: &str, body: &str) -> usize {
    if !matches!(operation, "BatchWriteItem" | "BatchGetItem") {
        return 0;
    }
    let mut request: Value = serde_json::from_str(body).unwrap_or_default();
    let tables = request["RequestItems"].as_object_mut();
    tables.into_iter().flatten().map(|(_, entries)| list_of(entries).as_array().map_or(0, Vec::len)).sum()
}

/// Returns the writes of a table, or the keys of a read of it.
fn list_of(entries: &mut Value) -> &mut Value {
    if !entries.is_object() && !entries.is_array() {
        *entries = json!([]);
    }
    if entries.is_array() { entries } else { &mut entries["Keys"] }
}
