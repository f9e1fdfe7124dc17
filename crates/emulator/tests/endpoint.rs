//! The same over HTTP.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use cellstack_emulator::{Aws, Fault, FaultKind};

#[tokio::test]
async fn the_endpoint_serves_all_three_services_and_stops() {
    let aws = Aws::builder().build();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = aws.clone();
    let server = tokio::spawn(async move {
        let shutdown = async { stopped.await.unwrap_or(()) };
        server.serve(listener, shutdown).await
    });
    let credentials = Credentials::new("test", "test", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(&url)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
        .build();
    let sqs = aws_sdk_sqs::Client::new(&config);
    let url = sqs.create_queue().queue_name("q").send().await.unwrap();
    let url = url.queue_url().unwrap();
    let sns = aws_sdk_sns::Client::new(&config);
    let topic = sns.create_topic().name("t").send().await.unwrap();
    let topic = topic.topic_arn().unwrap();
    let subscribe = sns.subscribe().topic_arn(topic).protocol("sqs");
    let subscribe = subscribe.endpoint("arn:aws:sqs:us-east-1:000000000000:q");
    subscribe.send().await.unwrap();
    let publish = sns.publish().topic_arn(topic).message("hello");
    publish.send().await.unwrap();
    let receive = sqs.receive_message().queue_url(url).wait_time_seconds(5);
    assert_eq!(receive.send().await.unwrap().messages().len(), 1);
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let tables = dynamodb.list_tables().send().await.unwrap();
    assert!(tables.table_names().is_empty());

    // Broken connections, wrong requests and unknown operations leave the server standing.
    aws.faults().inject(Fault::new("SQS", "SendMessage", FaultKind::Reset).times(1));
    let send = sqs.send_message().queue_url(url).message_body("again");
    send.send().await.unwrap();
    let missing = sqs.get_queue_url().queue_name("missing").send().await;
    assert_eq!(missing.unwrap_err().code(), Some("AWS.SimpleQueueService.NonExistentQueue"));
    assert_eq!(aws.peek_queue("q").len(), 2);

    // A long poll under way does not hold up the end.
    sqs.purge_queue().queue_url(url).send().await.unwrap();
    let poll = sqs.receive_message().queue_url(url).wait_time_seconds(20);
    let poll = tokio::spawn(poll.send());
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
    poll.abort();
}

#[tokio::test]
async fn wrong_requests_are_answered() {
    let aws = Aws::builder().build();
    let request = |target: Option<&str>, content_type: &str, body: &'static [u8]| {
        let mut request = http::Request::post("/").header("content-type", content_type);
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        request.body(bytes::Bytes::from_static(body)).unwrap()
    };
    let (json, form) = ("application/x-amz-json-1.0", "application/x-www-form-urlencoded");
    for (target, content_type, body) in [
        (None, json, &b"{}"[..]),
        (None, form, b""),
        (None, form, b"Action=Nonsense&Version=2010-03-31"),
        (None, form, b"Action=ListQueues&Version=2012-11-05"),
        (None, form, b"Action=Publish&TopicArn=%ff%fe&Message=x"),
        (None, form, b"Action=PublishBatch&TopicArn=x"),
        (Some("AmazonSQS.SendMessage"), json, b"{\"QueueUrl\":1}"),
        (Some("AmazonSQS.Nonsense"), json, b"{}"),
        (Some("AmazonSQS."), json, b""),
        (Some("AmazonSQS"), json, b"[]"),
        (Some("DynamoDB_20120810.PutItem"), json, b""),
        (Some("DynamoDB_20120810.PutItem"), json, b"\xff\xfe"),
        (Some("DynamoDB_20120810.PutItem"), json, b"{\"TableName\":\"t\",\"Item\":[]}"),
        (Some("DynamoDB_20120810.TransactWriteItems"), json, b"{}"),
        (Some("DynamoDB_20120810.Nonsense"), json, b"{}"),
        (Some("DynamoDBStreams_20120810.GetRecords"), json, b"{\"ShardIterator\":\"!\"}"),
        (Some("DynamoDBStreams_20120810.DescribeStream"), json, b"{\"StreamArn\":\"x\"}"),
        (Some("Other_20200101.Call"), json, b"{}"),
    ] {
        let response = aws.handle(request(target, content_type, body)).await;
        let text = String::from_utf8_lossy(response.body()).into_owned();
        let status = response.status();
        assert!(status.is_client_error(), "{target:?} {body:?}: {text}");
        assert!(!text.is_empty());
    }
}
