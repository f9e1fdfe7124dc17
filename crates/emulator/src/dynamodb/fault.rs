//! Faults in DynamoDB's own words.

use serde_json::{Value, json};

use crate::faults::FaultKind;

/// Status and body of an injected error; `None` if the fault is not an error.
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
        FaultKind::ServerError => error(500, "InternalServerError", "Internal server error"),
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

/// Splits a batch request: what is still asked for, and what comes back unprocessed under its name.
pub(crate) fn split_batch(operation: &str, body: &str, from: usize) -> Option<(Value, &'static str, Value)> {
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
        let mut rest = entries.clone();
        let list = |v: &mut Value| {
            let list = if v.is_array() { v } else { &mut v["Keys"] };
            std::mem::take(list.as_array_mut().unwrap_or(&mut Vec::new()))
        };
        let all = list(&mut rest);
        list(entries);
        let keep = from.saturating_sub(index).min(all.len());
        index += all.len();
        let (kept, left) = all.split_at(keep);
        let put = |v: &mut Value, items: &[Value]| {
            let list = if v.is_array() { v } else { &mut v["Keys"] };
            *list = Value::Array(items.to_vec());
        };
        put(entries, kept);
        if !left.is_empty() {
            put(&mut rest, left);
            unprocessed.insert(table.clone(), rest);
        }
    }
    tables.retain(|_, entries| {
        let list = if entries.is_array() { &*entries } else { &entries["Keys"] };
        list.as_array().is_some_and(|list| !list.is_empty())
    });
    Some((request, unprocessed_name, Value::Object(unprocessed)))
}
