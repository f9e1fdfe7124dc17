//! DynamoDB clients that do not share their quotas of retries.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use cellstack_aws::{CachedKeySigV4, UserAgentOnly};
use cellstack_core::limits::{MAX_ATTEMPTS, RETRY_BACKOFF};

/// Makes a client for one dependency. It shares the connections of the others and has a quota of retries of its own: a
/// cell in trouble must not use up the others' retries.
pub(crate) fn dynamodb(config: &SdkConfig, name: impl Into<String>, attempt: Duration, operation: Duration) -> Client {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .connect_timeout(attempt)
        .build();
    let retries = RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS).with_initial_backoff(RETRY_BACKOFF);
    let quota = RetryPartition::custom(name.into()).build();
    let config = Builder::from(config).timeout_config(timeouts).retry_config(retries).retry_partition(quota);
    Client::from_conf(config.push_auth_scheme(CachedKeySigV4::default()).interceptor(UserAgentOnly).build())
}
