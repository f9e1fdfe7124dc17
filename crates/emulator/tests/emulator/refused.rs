//! Refused requests: wrong ones, and those for what is not emulated.

use cellstack_emulator::Aws;

#[tokio::test]
async fn services_that_are_not_emulated_are_refused_in_their_own_protocol() {
    let aws = Aws::builder().build();
    let ask = async |method: &str, path: &str, headers: &[(&'static str, &str)], body: &'static str| {
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = aws.handle(request.body(bytes::Bytes::from_static(body.as_bytes())).unwrap()).await;
        let text = String::from_utf8_lossy(response.body()).into_owned();
        assert!(response.status().is_client_error(), "{text}");
        assert!(
            text.contains("This endpoint emulates DynamoDB, DynamoDB Streams, SNS, SQS and, in JSON, CloudWatch"),
            "{text}"
        );
        (response.headers()["content-type"].to_str().unwrap().to_string(), text)
    };
    let signed =
        |service: &str| format!("AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/{service}/aws4_request, x=y");
    let form = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");

    // Signed or not.
    let sts = "Action=GetCallerIdentity&Version=2011-06-15";
    for headers in [vec![form], vec![form, ("authorization", &signed("sts"))]] {
        let (kind, text) = ask("POST", "/", &headers, sts).await;
        assert_eq!(kind, "text/xml");
        assert!(text.starts_with("<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code>"), "{text}");
        assert!(text.contains("<Message>STS GetCallerIdentity is not emulated."), "{text}");
    }
    let (_, text) = ask("POST", "/", &[form], "Action=<&>&Version=2010-05-08").await;
    assert!(text.contains("<Message>IAM &lt;"), "{text}");
    let (_, text) =
        ask("POST", "/", &[form, ("authorization", &signed("ec2"))], "Action=DescribeVpcs&Version=2016-11-15").await;
    assert!(
        text.starts_with("<Response><Errors><Error><Code>InvalidAction</Code><Message>EC2 DescribeVpcs is"),
        "{text}"
    );

    let (kind, text) = ask("GET", "/bucket?list-type=2", &[("authorization", &signed("s3"))], "").await;
    assert_eq!(kind, "application/xml");
    assert!(text.starts_with("<Error><Code>NotImplemented</Code><Message>S3 GET /bucket is not emulated."), "{text}");

    let target = ("x-amz-target", "GraniteServiceVersion20100801.PutMetricData");
    let (kind, text) = ask("POST", "/", &[target, ("authorization", &signed("monitoring"))], "{}").await;
    assert_eq!(kind, "application/x-amz-json-1.0");
    let error: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(error["__type"], "UnknownOperationException");
    assert!(error["message"].as_str().unwrap().starts_with("CloudWatch PutMetricData is not emulated."), "{text}");
    let (kind, text) = ask("POST", "/", &[("x-amz-target", "secretsmanager.GetSecretValue")], "{}").await;
    assert_eq!(kind, "application/x-amz-json-1.1");
    assert!(text.contains("Secrets Manager GetSecretValue is not emulated."), "{text}");

    let lambda = [("authorization", &*signed("lambda")), ("content-type", "application/json")];
    let (kind, text) = ask("POST", "/2015-03-31/functions/f/invocations", &lambda, "{}").await;
    assert_eq!(kind, "application/json");
    assert!(text.contains("Lambda POST /2015-03-31/functions/f/invocations is not emulated."), "{text}");

    let cbor = [("smithy-protocol", "rpc-v2-cbor"), ("authorization", &*signed("monitoring"))];
    let (kind, text) = ask("POST", "/service/GraniteServiceVersion20100801/operation/PutMetricData", &cbor, "").await;
    assert_eq!(kind, "application/cbor");
    assert!(text.contains("CloudWatch PutMetricData is not emulated."), "{text}");

    // Operations of emulated services that are not emulated.
    for (target, what) in [
        ("DynamoDB_20120810.CreateBackup", "DynamoDB CreateBackup is not emulated."),
        ("DynamoDBStreams_20120810.Nonsense", "DynamoDB Nonsense is not emulated."),
        ("AmazonSQS.AddPermission", "SQS AddPermission is not emulated."),
    ] {
        let (_, text) = ask("POST", "/", &[("x-amz-target", target)], "{}").await;
        assert!(text.contains(what), "{text}");
    }
    let (_, text) = ask("POST", "/", &[form], "Action=CreatePlatformEndpoint&Version=2010-03-31").await;
    assert!(text.contains("SNS CreatePlatformEndpoint is not emulated."), "{text}");
    let (_, text) = ask("GET", "/", &[], "").await;
    assert!(text.contains("A service that takes GET / is not emulated."), "{text}");
}

#[tokio::test]
async fn wrong_requests_get_a_response() {
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
