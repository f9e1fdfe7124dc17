//! A DynamoDB client with scripted responses.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedAsyncSleep};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use serde_json::{Value, json};

/// A status and a body.
pub(crate) type Reply = (u16, Value);

/// Returns an error of DynamoDB.
pub(crate) fn error(status: u16, code: &str) -> Reply {
    (status, json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "scripted" }))
}

/// Returns a cancelled transaction: a code for each action, and the item where there is one.
pub(crate) fn cancelled(reasons: &[(&str, Option<Value>)]) -> Reply {
    let reasons: Vec<Value> = reasons
        .iter()
        .map(|(code, item)| match item {
            Some(item) => json!({ "Code": code, "Message": "scripted", "Item": item }),
            None => json!({ "Code": code, "Message": "scripted" }),
        })
        .collect();
    let (status, mut body) = error(400, "TransactionCanceledException");
    body["CancellationReasons"] = reasons.into();
    (status, body)
}

type Respond = dyn FnMut(&str, &Value) -> Reply + Send;

/// Returns a client that asks `respond` for the reply to each operation and request. Only the code under test retries.
pub(crate) fn client(respond: impl FnMut(&str, &Value) -> Reply + Send + 'static) -> Client {
    let script = Script(Arc::new(Mutex::new(respond)));
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .http_client(script);
    Client::from_conf(config.build())
}

#[derive(Clone)]
struct Script(Arc<Mutex<Respond>>);

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Script")
    }
}

impl HttpClient for Script {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let body = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let (status, body) = (self.0.lock().unwrap())(operation, &body);
        let response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body.to_string()));
        HttpConnectorFuture::ready(Ok(response))
    }
}
