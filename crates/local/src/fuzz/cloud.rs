//! A DynamoDB that always responds, at once and from memory: tenants and cells never change, and items that are written
//! can be read again. Each such item must be an event that can be published, or the router accepted it in vain.

use cellstack_core::sync::lock;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use cellstack_core::limits::MAX_MESSAGE;
use cellstack_core::queue_text::is_allowed;
use cellstack_core::{CellId, EventRecord, Message};
use serde_json::{Map, Value, json};

use super::case::TENANTS;

const CONFLICT: &str = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";

/// A DynamoDB in memory that always responds.
#[derive(Debug, Clone, Default)]
pub(super) struct Cloud(Arc<Mutex<Tables>>);

#[derive(Debug, Default)]
struct Tables {
    /// Items by tenant and sort key.
    items: BTreeMap<(String, String), Value>,
    /// Complaints about items that should not have been written.
    complaints: Vec<String>,
}

impl Cloud {
    /// Returns the complaints since the last call.
    pub(super) fn complaints(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.0).complaints)
    }

    fn respond(&self, operation: &str, call: &Value) -> (u16, Value) {
        let mut tables = lock(&self.0);
        match operation {
            "PutItem" => tables.put(&call["Item"]),
            "GetItem" => (200, tables.get(&call["Key"])),
            "Query" => (200, tables.query(call)),
            "TransactWriteItems" => tables.transact(&call["TransactItems"]),
            other => (400, json!({ "__type": "ValidationException", "message": other })),
        }
    }
}

impl Tables {
    fn put(&mut self, item: &Value) -> (u16, Value) {
        let key = (text(&item["tenant_id"]), text(&item["sk"]));
        if let Some(first) = self.items.get(&key) {
            return (400, json!({ "__type": CONFLICT, "message": "The conditional request failed", "Item": first }));
        }
        if let Err(complaint) = publishable(item) {
            self.complaints.push(complaint);
        }
        self.items.insert(key, item.clone());
        (200, json!({}))
    }

    fn transact(&mut self, actions: &Value) -> (u16, Value) {
        for action in actions.as_array().into_iter().flatten() {
            if !action["Put"].is_null() {
                let (status, response) = self.put(&action["Put"]["Item"]);
                if status != 200 {
                    let reasons =
                        json!([{ "Code": "None" }, { "Code": "ConditionalCheckFailed", "Item": response["Item"] }]);
                    let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
                    return (400, json!({ "__type": kind, "Message": "cancelled", "CancellationReasons": reasons }));
                }
            }
        }
        (200, json!({}))
    }

    /// Reads an item. A tenant's entry in the map has no sort key.
    fn get(&self, key: &Value) -> Value {
        let tenant = text(&key["tenant_id"]);
        let item = match key.get("sk") {
            Some(sk) => self.items.get(&(tenant, text(sk))).cloned(),
            None => TENANTS.contains(&tenant.as_str()).then(|| {
                json!({
                    "tenant_id": { "S": tenant }, "cell_id": { "S": "alpha" }, "epoch": { "N": "1" },
                    "state": { "S": "active" },
                })
            }),
        };
        item.map_or_else(|| json!({}), |item| json!({ "Item": item }))
    }

    /// Returns a cell's record, or a tenant's events, the last sort key first.
    fn query(&self, call: &Value) -> Value {
        let values = call["ExpressionAttributeValues"].as_object().cloned().unwrap_or_default();
        let values: Vec<String> = values.values().map(text).collect();
        if values.iter().any(|value| value.starts_with("cell#")) {
            let config =
                json!({ "pk": { "S": "cell#alpha" }, "sk": { "S": "config" }, "table": { "S": "cell-alpha" } });
            return json!({ "Items": [config], "Count": 1, "ScannedCount": 1 });
        }
        if values.iter().any(|value| value.starts_with("total#")) {
            return json!({ "Items": [], "Count": 0, "ScannedCount": 0 });
        }
        let Some(tenant) = values.iter().find(|value| TENANTS.contains(&value.as_str())) else {
            return json!({ "Items": [], "Count": 0, "ScannedCount": 0 });
        };
        let limit = usize::try_from(call["Limit"].as_u64().unwrap_or(1_000)).unwrap_or(usize::MAX);
        let from = call["ExclusiveStartKey"].get("sk").map_or_else(|| "event#~".to_owned(), text);
        let (first, last) = ((tenant.clone(), "event#".to_owned()), (tenant.clone(), from));
        if first > last {
            return json!({ "Items": [], "Count": 0, "ScannedCount": 0 });
        }
        let items: Vec<&Value> = self.items.range(first..last).rev().map(|(_, item)| item).take(limit).collect();
        let mut page = json!({ "Count": items.len(), "ScannedCount": items.len() });
        if let Some(last) = items.last().filter(|_| items.len() == limit) {
            page["LastEvaluatedKey"] = json!({ "tenant_id": last["tenant_id"], "sk": last["sk"] });
        }
        page["Items"] = json!(items);
        page
    }
}

/// Returns the text of an attribute of any type.
fn text(attribute: &Value) -> String {
    let values = attribute.as_object().into_iter().flat_map(Map::values);
    values.filter_map(Value::as_str).next().unwrap_or_default().to_owned()
}

/// Checks that an item is an event that a producer can publish and a consumer can read.
fn publishable(item: &Value) -> Result<(), String> {
    let plain: Map<String, Value> = item
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, attribute)| {
            let number = attribute["N"].as_str().and_then(|number| number.parse::<u64>().ok()).map(Value::from);
            (name.clone(), number.unwrap_or_else(|| attribute["S"].clone()))
        })
        .collect();
    let record: EventRecord = serde_json::from_value(plain.into()).map_err(|error| format!("no record: {error}"))?;
    let cell: CellId = "alpha".parse().map_err(|error| format!("{error}"))?;
    let tenant = record.tenant_id.clone();
    let sent = Message::of(record, &cell).map_err(|error| format!("no message: {error}"))?;
    let text = sent.encode().map_err(|error| format!("can't be encoded: {error}"))?;
    if let Some(refused) = text.chars().find(|character| !is_allowed(*character)) {
        return Err(format!("no queue takes {}", refused.escape_unicode()));
    }
    let received = Message::decode(&text).map_err(|error| format!("can't be decoded: {error}"))?;
    if (&received.id, &received.event_type, &received.tenant) != (&sent.id, &sent.event_type, &tenant) {
        return Err("arrives as another event".to_owned());
    }
    if text.len() > MAX_MESSAGE {
        return Err(format!("takes {} bytes as published", text.len()));
    }
    Ok(())
}

impl HttpClient for Cloud {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Cloud {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let call: Value = request.body().bytes().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
        let (status, response) = self.respond(operation, &call);
        let response = http::Response::builder()
            .status(status)
            .header("content-type", "application/x-amz-json-1.0")
            .body(SdkBody::from(response.to_string()))
            .map_err(|error| ConnectorError::user(error.into()))
            .and_then(|response| HttpResponse::try_from(response).map_err(|error| ConnectorError::user(error.into())));
        HttpConnectorFuture::ready(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(context: &str) -> Vec<String> {
        let item = json!({
            "tenant_id": { "S": "acme" }, "sk": { "S": "event#01930000-0000-7000-8000-000000000001" },
            "type": { "S": "t" }, "status": { "S": "accepted" }, "epoch": { "N": "1" }, "accepted_at": { "N": "0" },
            "body_sha256": { "S": "" }, "data": { "S": "1" }, "ce": { "S": context },
        });
        let cloud = Cloud::default();
        assert_eq!(cloud.respond("PutItem", &json!({ "Item": item })).0, 200);
        assert_eq!(cloud.respond("PutItem", &json!({ "Item": item })).0, 400, "it is there already");
        cloud.complaints()
    }

    #[test]
    fn what_cannot_be_published_is_complained_of() {
        assert_eq!(put(r#"{"source":"/shop","subject":"s"}"#), Vec::<String>::new());
        assert!(put(r#"{"data":"2"}"#)[0].contains("duplicate field `data`"));
        let many: Vec<String> = (0..65).map(|number| format!("\"x{number}\":1")).collect();
        assert!(put(&format!("{{{}}}", many.join(",")))[0].contains("at most 64 members"));
    }
}
