//! A stack to run cases against, and the few calls that every case needs.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    StreamSpecification, StreamViewType,
};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use cellstack_emulator::Aws;

use crate::Scope;

const ENDPOINT: &str = "CELLSTACK_CONTRACT_ENDPOINT";
/// The variable that, when set, runs the cases listed under `embedded` as well, to see whether their reasons still
/// hold.
const TRY: &str = "CELLSTACK_CONTRACT_TRY";

/// The clients of one stack, with names that nobody else uses.
pub(crate) struct Stack {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) streams: Streams,
    pub(crate) sns: aws_sdk_sns::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    embedded: Option<Aws>,
    suffix: String,
}

/// Raw access to DynamoDB Streams: the workspace has no SDK crate for it.
pub(crate) enum Streams {
    Embedded(Aws),
    Endpoint,
}

/// A queue of a case.
#[derive(Clone)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) arn: String,
}

/// Runs a case where its scope says.
pub(crate) fn run<F: Future<Output = ()>>(name: &str, scope: &Scope, case: fn(Stack) -> F) {
    println!("{name} against the embedded stack");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async { case(Stack::embedded()).await });
    let tried = matches!(scope, Scope::Everywhere) || std::env::var(TRY).is_ok();
    match (scope, std::env::var(ENDPOINT)) {
        (_, Ok(endpoint)) if tried => {
            println!("{name} against {endpoint}");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { case(Stack::endpoint(&endpoint)).await });
        }
        (Scope::Embedded(why), _) => println!("{name} runs embedded only: {why}"),
        (Scope::Everywhere, _) => println!("{name}: {}", endpoint_note()),
    }
}

pub(crate) fn endpoint_note() -> String {
    match std::env::var(ENDPOINT) {
        Ok(endpoint) => format!("the endpoint is {endpoint}"),
        Err(_) => format!("{ENDPOINT} is not set, so nothing runs elsewhere"),
    }
}

impl Stack {
    fn embedded() -> Self {
        Self::built(Aws::builder().seed(1))
    }

    /// Returns an embedded stack with settings of a case's own.
    pub(crate) fn built(builder: cellstack_emulator::Builder) -> Self {
        let aws = builder.build();
        let config = aws.sdk_config();
        Self::of(&config, Some(aws), String::new())
    }

    fn endpoint(url: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let credentials = Credentials::new("test", "test", None, None, "contract");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(url)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self::of(&config, None, format!("-{}-{number}", std::process::id()))
    }

    fn of(config: &SdkConfig, embedded: Option<Aws>, suffix: String) -> Self {
        Self {
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            sns: aws_sdk_sns::Client::new(config),
            sqs: aws_sdk_sqs::Client::new(config),
            streams: embedded.clone().map_or(Streams::Endpoint, Streams::Embedded),
            embedded,
            suffix,
        }
    }

    /// Returns the embedded stack, in a case that runs nowhere else.
    pub(crate) fn aws(&self) -> &Aws {
        self.embedded.as_ref().expect("the case is listed under `embedded`")
    }

    /// Returns a name that only this run uses.
    pub(crate) fn name(&self, base: &str) -> String {
        match base.strip_suffix(".fifo") {
            Some(base) => format!("{base}{}.fifo", self.suffix),
            None => format!("{base}{}", self.suffix),
        }
    }

    /// Creates a table with the keys `pk` and `sk`, with a stream of both images.
    pub(crate) async fn table(&self) -> String {
        self.table_named("table").await
    }

    /// Creates another such table.
    pub(crate) async fn table_named(&self, base: &str) -> String {
        let name = self.name(base);
        let attribute = |n: &str| {
            let builder = AttributeDefinition::builder().attribute_name(n);
            builder.attribute_type(ScalarAttributeType::S).build().unwrap()
        };
        let key = |n: &str, t| KeySchemaElement::builder().attribute_name(n).key_type(t).build().unwrap();
        let stream = StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::NewAndOldImages)
            .build()
            .unwrap();
        self.dynamodb
            .create_table()
            .table_name(&name)
            .attribute_definitions(attribute("pk"))
            .attribute_definitions(attribute("sk"))
            .key_schema(key("pk", KeyType::Hash))
            .key_schema(key("sk", KeyType::Range))
            .billing_mode(BillingMode::PayPerRequest)
            .stream_specification(stream)
            .send()
            .await
            .unwrap();
        name
    }

    /// Puts an item with the attribute `v`.
    pub(crate) async fn put(&self, table: &str, pk: &str, sk: &str, v: &str) {
        let put = self.dynamodb.put_item().table_name(table).set_item(Some(item(pk, sk, v)));
        put.send().await.unwrap();
    }

    pub(crate) async fn queue(&self, base: &str, attributes: &[(QueueAttributeName, &str)]) -> Queue {
        let name = self.name(base);
        let mut create = self.sqs.create_queue().queue_name(&name);
        for (key, value) in attributes {
            create = create.attributes(key.clone(), *value);
        }
        let url = create.send().await.unwrap().queue_url.unwrap();
        let arn = self.attribute(&url, QueueAttributeName::QueueArn).await;
        Queue { name, url, arn }
    }

    pub(crate) async fn attribute(&self, url: &str, name: QueueAttributeName) -> String {
        let get = self.sqs.get_queue_attributes().queue_url(url).attribute_names(name.clone());
        let attributes = get.send().await.unwrap().attributes.unwrap_or_default();
        attributes.get(&name).cloned().unwrap_or_default()
    }

    /// Returns the number of ready, in-flight and delayed messages.
    pub(crate) async fn counts(&self, queue: &Queue) -> [u32; 3] {
        let get = self.sqs.get_queue_attributes().queue_url(&queue.url);
        let all = get.attribute_names(QueueAttributeName::All).send().await.unwrap().attributes.unwrap();
        [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ]
        .map(|name| all[&name].parse().unwrap())
    }

    pub(crate) async fn send(&self, queue: &Queue, body: &str) -> String {
        let sent = self.sqs.send_message().queue_url(&queue.url).message_body(body).send().await;
        sent.unwrap().message_id.unwrap()
    }

    /// Receives up to 10 messages, without waiting.
    pub(crate) async fn receive(&self, queue: &Queue) -> Vec<Message> {
        self.receive_for(queue, 0).await
    }

    /// Receives up to 10 messages, and waits for them.
    pub(crate) async fn receive_for(&self, queue: &Queue, seconds: i32) -> Vec<Message> {
        let receive = self
            .sqs
            .receive_message()
            .queue_url(&queue.url)
            .max_number_of_messages(10)
            .wait_time_seconds(seconds)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All);
        receive.send().await.unwrap().messages.unwrap_or_default()
    }

    pub(crate) async fn delete(&self, queue: &Queue, message: &Message) {
        let handle = message.receipt_handle.clone().unwrap();
        let delete = self.sqs.delete_message().queue_url(&queue.url).receipt_handle(handle);
        delete.send().await.unwrap();
    }

    pub(crate) async fn topic(&self, base: &str, attributes: &[(&str, &str)]) -> String {
        let mut create = self.sns.create_topic().name(self.name(base));
        for (key, value) in attributes {
            create = create.attributes(*key, *value);
        }
        create.send().await.unwrap().topic_arn.unwrap()
    }

    /// Lets a topic send to a queue: without such a policy AWS, and an emulator that enforces IAM, refuse it.
    /// <https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html>
    async fn let_in(&self, topic: &str, queue: &Queue) {
        let policy = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": "sns.amazonaws.com" },
                "Action": "sqs:SendMessage",
                "Resource": queue.arn,
                "Condition": { "ArnEquals": { "aws:SourceArn": topic } },
            }],
        });
        let request = self.sqs.set_queue_attributes().queue_url(&queue.url);
        request.attributes(QueueAttributeName::Policy, policy.to_string()).send().await.unwrap();
    }

    pub(crate) async fn subscribe(&self, topic: &str, queue: &Queue, attributes: &[(&str, &str)]) -> String {
        self.let_in(topic, queue).await;
        let mut subscribe = self.sns.subscribe().topic_arn(topic).protocol("sqs").endpoint(&queue.arn);
        for (key, value) in attributes {
            subscribe = subscribe.attributes(*key, *value);
        }
        subscribe.send().await.unwrap().subscription_arn.unwrap()
    }
}

pub(crate) async fn sleep(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

pub(crate) fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(crate) fn item(pk: &str, sk: &str, v: &str) -> HashMap<String, AttributeValue> {
    [("pk", pk), ("sk", sk), ("v", v)].map(|(k, v)| (k.to_string(), s(v))).into()
}

pub(crate) fn key(pk: &str, sk: &str) -> HashMap<String, AttributeValue> {
    [("pk", pk), ("sk", sk)].map(|(k, v)| (k.to_string(), s(v))).into()
}

/// Returns the code of the error that a call must end in.
pub(crate) fn code<T, E: ProvideErrorMetadata, R>(result: Result<T, SdkError<E, R>>) -> String {
    match result {
        Ok(_) => "no error".into(),
        Err(error) => error.code().unwrap_or("no code").to_string(),
    }
}

pub(crate) fn bodies(messages: &[Message]) -> Vec<&str> {
    let mut all: Vec<_> = messages.iter().map(|m| m.body().unwrap()).collect();
    all.sort_unstable();
    all
}

pub(crate) fn system(message: &Message, name: MessageSystemAttributeName) -> String {
    message.attributes().and_then(|all| all.get(&name)).cloned().unwrap_or_default()
}
