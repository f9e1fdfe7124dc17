//! The endpoint over HTTP.

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

    // A long poll under way does not delay the end.
    sqs.purge_queue().queue_url(url).send().await.unwrap();
    let poll = sqs.receive_message().queue_url(url).wait_time_seconds(20);
    let poll = tokio::spawn(poll.send());
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
    poll.abort();
}

/// Serves a stack until the test ends.
async fn serve(aws: &Aws) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, aws) = (listener.local_addr().unwrap(), aws.clone());
    tokio::spawn(async move { aws.serve(listener, std::future::pending()).await });
    address
}

/// Returns the response to these bytes, up to the end of the connection.
async fn exchange(address: std::net::SocketAddr, bytes: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

fn request(line: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("{line} HTTP/1.1\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

#[tokio::test]
async fn queue_urls_are_those_of_the_endpoint_that_was_asked() {
    let aws = Aws::builder().build();
    let address = serve(&aws).await;
    let ask = async |host: &str, operation: &str, body: &str| {
        let headers = format!(
            "host: {host}\r\nx-amz-target: AmazonSQS.{operation}\r\ncontent-type: application/x-amz-json-1.0\r\n"
        );
        exchange(address, &request("POST /", &headers, body)).await
    };
    let redrive = r#"{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:q\",\"maxReceiveCount\":3}"#;
    let source = format!(r#"{{"QueueName":"source","Attributes":{{"RedrivePolicy":"{redrive}"}}}}"#);
    let url = format!("http://{address}/000000000000/q");
    for host in [address.to_string(), "stack.internal:4566".into(), "[::1]:4566".into()] {
        for (operation, body, queue) in [
            ("CreateQueue", r#"{"QueueName":"q"}"#, "q"),
            ("CreateQueue", &source, "source"),
            ("GetQueueUrl", r#"{"QueueName":"q"}"#, "q"),
            ("ListQueues", "{}", "q"),
            ("ListDeadLetterSourceQueues", &format!(r#"{{"QueueUrl":"{url}"}}"#), "source"),
        ] {
            let response = ask(&host, operation, body).await;
            assert!(response.starts_with("HTTP/1.1 200"), "{operation}: {response}");
            assert!(response.contains(&format!(r#""http://{host}/000000000000/{queue}""#)), "{operation}: {response}");
            assert!(!response.contains("amazonaws"), "{operation}: {response}");
        }
    }
    // In process there is no host: URLs lead to AWS until an endpoint is set.
    let sqs = aws_sdk_sqs::Client::new(&aws.sdk_config());
    let url = async || sqs.get_queue_url().queue_name("q").send().await.unwrap().queue_url.unwrap();
    assert_eq!(url().await, "https://sqs.us-east-1.amazonaws.com/000000000000/q");
    aws.set_endpoint("http://127.0.0.1:4566/");
    assert_eq!(url().await, "http://127.0.0.1:4566/000000000000/q");
}

#[tokio::test]
async fn the_endpoint_says_that_it_is_up() {
    let address = serve(&Aws::builder().build()).await;
    let get = exchange(address, &request("GET /health", "host: x\r\n", "")).await;
    assert!(get.starts_with("HTTP/1.1 200"), "{get}");
    assert!(
        get.ends_with(
            "{\"services\":[\"dynamodb\",\"dynamodbstreams\",\"sns\",\"sqs\",\"cloudwatch\"],\"status\":\"ok\"}\n"
        ),
        "{get}"
    );
    for path in ["/health", "/"] {
        let head = exchange(address, &request(&format!("HEAD {path}"), "host: x\r\n", "")).await;
        assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_arrives_is_not_waited_for() {
    let address = serve(&Aws::builder().build()).await;
    let asked = tokio::time::Instant::now();
    let headers = "host: x\r\nx-amz-target: AmazonSQS.ListQueues\r\ncontent-length: 15\r\n\r\n";
    let response = exchange(address, &format!("POST / HTTP/1.1\r\n{headers}{{")).await;
    assert!(response.starts_with("HTTP/1.1 408") && response.contains("connection: close"), "{response}");
    assert_eq!(asked.elapsed().as_secs(), 10);
    // The server does not wait for headers for ever, either.
    let response = exchange(address, "POST / HTTP/1.1\r\nhost: x\r\nx-amz-").await;
    assert!(response.is_empty() || response.starts_with("HTTP/1.1 408"), "{response}");
    assert_eq!(asked.elapsed().as_secs(), 40);
}
