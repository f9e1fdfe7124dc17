//! A producer with a scripted topic.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_sns::config::{BehaviorVersion, Credentials, Region, SharedAsyncSleep};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use cellstack_core::SystemClock;

use crate::{Clients, Producer, Settings};

/// An entry of a `PublishBatch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) group: String,
    pub(crate) deduplication: Option<String>,
}

/// The reply to a `PublishBatch`: the entries that failed, or a failure of the whole call.
pub(crate) enum Reply {
    Failed(Vec<usize>),
    Error,
    /// The reply comes after this time.
    Slow(std::time::Duration),
}

type Respond = dyn FnMut(&[Entry]) -> Reply + Send;

#[derive(Clone)]
struct Topic(Arc<Mutex<Respond>>);

impl std::fmt::Debug for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Topic")
    }
}

/// Returns a producer whose batches `respond` takes. Only the code under test retries.
pub(crate) fn producer(topic: &str, respond: impl FnMut(&[Entry]) -> Reply + Send + 'static) -> Producer<SystemClock> {
    let topic_arn = format!("arn:aws:sns:us-east-1:000000000000:{topic}");
    let client = Topic(Arc::new(Mutex::new(respond)));
    let (region, credentials) = (Region::new("us-east-1"), Credentials::new("test", "test", None, None, "test"));
    let sleep = SharedAsyncSleep::new(TokioSleep::new());
    let sns = aws_sdk_sns::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region.clone())
        .credentials_provider(credentials.clone())
        .retry_config(RetryConfig::disabled())
        .sleep_impl(sleep.clone())
        .http_client(client.clone());
    let sqs = aws_sdk_sqs::Config::builder()
        .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
        .region(region)
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .sleep_impl(sleep)
        .http_client(client);
    let clients =
        Clients { sns: aws_sdk_sns::Client::from_conf(sns.build()), sqs: aws_sdk_sqs::Client::from_conf(sqs.build()) };
    let settings = Settings { cell: "alpha".parse().unwrap(), topic_arn, dlq_url: "https://dlq".to_owned() };
    Producer::new(clients, settings, SystemClock::new())
}

impl HttpClient for Topic {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Topic {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap_or_default();
        let entries = entries(body);
        assert!(!entries.is_empty(), "not a PublishBatch: {}", String::from_utf8_lossy(body));
        let reply = (self.0.lock().unwrap())(&entries);
        HttpConnectorFuture::new(async move {
            let (status, body) = match reply {
                Reply::Failed(failed) => (200, xml(&entries, &failed)),
                Reply::Slow(time) => {
                    tokio::time::sleep(time).await;
                    (200, xml(&entries, &[]))
                }
                Reply::Error => {
                    (500, "<ErrorResponse><Error><Code>InternalError</Code></Error></ErrorResponse>".into())
                }
            };
            Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body)))
        })
    }
}

fn entries(body: &[u8]) -> Vec<Entry> {
    let parameters: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
    let of = |at: usize, name: &str| parameters.get(&format!("PublishBatchRequestEntries.member.{at}.{name}")).cloned();
    let entry = |at| {
        let (body, group) = (of(at, "Message")?, of(at, "MessageGroupId")?);
        Some(Entry { id: of(at, "Id")?, body, group, deduplication: of(at, "MessageDeduplicationId") })
    };
    (1..).map_while(entry).collect()
}

fn xml(entries: &[Entry], failed: &[usize]) -> String {
    let (mut good, mut bad) = (String::new(), String::new());
    for (at, Entry { id, .. }) in entries.iter().enumerate() {
        if failed.contains(&at) {
            let fault = "<Code>InternalError</Code><SenderFault>false</SenderFault>";
            bad.push_str(&format!("<member><Id>{id}</Id>{fault}</member>"));
        } else {
            good.push_str(&format!("<member><Id>{id}</Id><MessageId>{id}</MessageId></member>"));
        }
    }
    format!(
        "<PublishBatchResponse><PublishBatchResult><Successful>{good}</Successful><Failed>{bad}</Failed>\
         </PublishBatchResult></PublishBatchResponse>"
    )
}
