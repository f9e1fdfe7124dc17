//! Clients like those of a separate process.
//!
//! The SDK keeps its quota of retries in a static of the process. Here all functions of all stacks share one process,
//! and one that is in trouble would use up the retries of the others: so each client gets its own quota.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::retry::RetryPartition;

pub(crate) fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::config::Builder::from(config).retry_partition(partition());
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

pub(crate) fn sns(config: &SdkConfig) -> aws_sdk_sns::Client {
    aws_sdk_sns::Client::from_conf(aws_sdk_sns::config::Builder::from(config).retry_partition(partition()).build())
}

pub(crate) fn sqs(config: &SdkConfig) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::from_conf(aws_sdk_sqs::config::Builder::from(config).retry_partition(partition()).build())
}

fn partition() -> RetryPartition {
    RetryPartition::custom("process").build()
}
