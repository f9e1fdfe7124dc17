//! CloudWatch's `GetMetricData`, as JSON: two ages, and what it says of all else.

use bytes::Bytes;
use cellstack_emulator::Aws;
use http::Request;
use serde_json::{Value, json};

async fn call(aws: &Aws, operation: &str, body: &Value) -> (u16, Value) {
    let target = format!("GraniteServiceVersion20100801.{operation}");
    let request = Request::post("/").header("x-amz-target", target).body(Bytes::from(body.to_string())).unwrap();
    let response = aws.handle(request).await;
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
}

fn query(id: &str, [namespace, name, dimension, value]: [&str; 4]) -> Value {
    let dimensions = json!([{ "Name": dimension, "Value": value }]);
    let metric = json!({ "Namespace": namespace, "MetricName": name, "Dimensions": dimensions });
    json!({ "Id": id, "MetricStat": { "Metric": metric, "Period": 60, "Stat": "Maximum" } })
}

#[tokio::test(start_paused = true)]
async fn a_queues_age_is_that_of_its_oldest_message() {
    let aws = Aws::builder().build();
    let sqs = aws_sdk_sqs::Client::new(&aws.sdk_config());
    let url = sqs.create_queue().queue_name("orders").send().await.unwrap().queue_url.unwrap();
    for _ in 0..2 {
        sqs.send_message().queue_url(&url).message_body("hello").send().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    }
    let age = |queue| query(queue, ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue]);
    let other = query("other", ["AWS/SQS", "NumberOfMessagesSent", "QueueName", "orders"]);
    let body =
        json!({ "StartTime": 1000, "EndTime": 1321, "MetricDataQueries": [age("orders"), age("nothing"), other] });
    let (status, found) = call(&aws, "GetMetricData", &body).await;
    let results = found["MetricDataResults"].as_array().unwrap();
    let values: Vec<_> = results.iter().map(|result| (&result["Timestamps"], &result["Values"])).collect();
    let none = &json!([]);
    assert_eq!((status, values), (200, vec![(&json!([1320]), &json!([60])), (none, none), (none, none)]));
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_or_not_emulated_is_refused() {
    let aws = Aws::builder().build();
    let refused = async |operation, body| {
        let (status, found) = call(&aws, operation, &body).await;
        (status, found["__type"].as_str().unwrap().to_owned(), found["message"].as_str().unwrap().to_owned())
    };
    let times = |start, end, queries| json!({ "StartTime": start, "EndTime": end, "MetricDataQueries": queries });
    let (status, kind, message) = refused("PutMetricData", json!({})).await;
    assert_eq!((status, kind.as_str()), (400, "UnknownOperationException"));
    assert!(message.starts_with("CloudWatch PutMetricData is not emulated."), "{message}");
    let (status, kind, message) =
        refused("GetMetricData", times(0, 60, json!([{ "Id": "sum", "Expression": "1" }]))).await;
    assert_eq!((status, kind.as_str()), (400, "ValidationError"));
    assert!(message.starts_with("An expression of CloudWatch's metric math is not emulated."), "{message}");
    let (_, kind, message) = refused("GetMetricData", times(60, 60, json!([]))).await;
    assert_eq!(
        (kind.as_str(), message.as_str()),
        ("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
    );
    let (_, kind, _) = refused("GetMetricData", times(0, 60, json!({}))).await;
    assert_eq!(kind, "SerializationException");
    let (_, kind, _) = refused("GetMetricData", times(0, 60, Value::Array(vec![json!({ "Id": "a" }); 501]))).await;
    assert_eq!(kind, "ValidationError");
}
