//! The isolation that IAM enforces: the roles of one cell reach nothing in another.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::stack::{Cell, Deployed};

/// Assumes a role and returns its credentials.
pub(crate) async fn assume(deployed: &Deployed, role_arn: &str) -> Credentials {
    let sts = aws_sdk_sts::Client::new(&deployed.config(None));
    let response = sts.assume_role().role_arn(role_arn).role_session_name("end-to-end").send().await.unwrap();
    let keys = response.credentials.unwrap();
    Credentials::new(keys.access_key_id, keys.secret_access_key, Some(keys.session_token), None, "role")
}

/// Returns the outcome of a call: `ok`, or the error's code.
fn outcome<T, E: ProvideErrorMetadata>(result: Result<T, E>) -> String {
    result.err().map_or_else(|| "ok".to_owned(), |error| error.code().unwrap_or("no code").to_owned())
}

async fn read_table(config: &SdkConfig, cell: &Cell) -> String {
    let client = aws_sdk_dynamodb::Client::new(config);
    let get = client.get_item().table_name(&cell.table).key("tenant_id", AttributeValue::S("acme".into()));
    outcome(get.key("sk", AttributeValue::S("fence#0".into())).send().await)
}

async fn write_table(config: &SdkConfig, cell: &Cell) -> String {
    let client = aws_sdk_dynamodb::Client::new(config);
    let put = client.put_item().table_name(&cell.table).item("tenant_id", AttributeValue::S("intruder".into()));
    outcome(put.item("sk", AttributeValue::S("probe".into())).send().await)
}

async fn receive(config: &SdkConfig, cell: &Cell) -> String {
    let client = aws_sdk_sqs::Client::new(config);
    // A message that is received must not be hidden from the cell's own consumer.
    outcome(client.receive_message().queue_url(&cell.queue_url).visibility_timeout(0).send().await)
}

async fn publish(config: &SdkConfig, cell: &Cell) -> String {
    let client = aws_sdk_sns::Client::new(config);
    // Not a CloudEvent: if it were let through, the consumer would dead-letter it.
    outcome(client.publish().topic_arn(&cell.topic_arn).message("probe").send().await)
}

#[tokio::test]
async fn a_consumer_reaches_the_table_and_queue_of_its_cell_and_nothing_of_another() {
    let deployed = Deployed::read();
    let (alpha, beta) = (&deployed.cells["alpha"], &deployed.cells["beta"]);
    let consumer = deployed.config(Some(assume(&deployed, &alpha.consumer_role_arn).await));
    assert_eq!(read_table(&consumer, alpha).await, "ok");
    assert_eq!(receive(&consumer, alpha).await, "ok");

    assert_eq!(read_table(&consumer, beta).await, "AccessDeniedException");
    assert_eq!(write_table(&consumer, beta).await, "AccessDeniedException");
    assert_eq!(receive(&consumer, beta).await, "AccessDenied");
    assert_eq!(publish(&consumer, beta).await, "AuthorizationError");
    // The role does not reach what it has no need for in its own cell, either.
    assert_eq!(publish(&consumer, alpha).await, "AuthorizationError");
}

#[tokio::test]
async fn a_producer_publishes_to_no_topic_but_its_own() {
    let deployed = Deployed::read();
    let (alpha, beta) = (&deployed.cells["alpha"], &deployed.cells["beta"]);
    let producer = deployed.config(Some(assume(&deployed, &alpha.producer_role_arn).await));
    assert_eq!(publish(&producer, beta).await, "AuthorizationError");
    assert_eq!(read_table(&producer, beta).await, "AccessDeniedException");
    assert_eq!(receive(&producer, beta).await, "AccessDenied");
    assert_eq!(write_table(&producer, alpha).await, "AccessDeniedException");
}
