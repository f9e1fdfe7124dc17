//! The meaning of a failed call.

use std::error::Error as StdError;
use std::fmt;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// The kind of a failure. It decides whether another try can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The service failed, hung or could not be reached: a later try may pass.
    Unavailable,
    /// The service has too much to do, throttles for example, or the item is in use: a later try may pass.
    Busy,
    /// One partition key gets more traffic than a partition takes, even if the table could take it
    /// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/throttling-key-range-limit-exceeded-mitigation.html>).
    HotPartition,
    /// The service refused the call, or its response can't be read: a configuration or a program is wrong.
    Refused,
}

/// A call to AWS that failed, retries included.
#[derive(Debug, Clone)]
pub struct AwsFailure {
    /// The purpose of the call, as in "could not ...".
    pub what: &'static str,
    /// The kind, which decides whether another try can help.
    pub kind: FailureKind,
    /// The service's error code, if it sent one.
    pub code: Option<String>,
    /// The service's code and message, or the reason why the call broke. For logs: it may name resources.
    pub detail: String,
}

impl AwsFailure {
    /// Returns the failure that an SDK error means.
    pub fn of<E>(what: &'static str, error: SdkError<E>) -> Self
    where
        E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let kind = match &error {
            SdkError::ServiceError(service) => {
                let raw = service.raw();
                kind_of(service.err().code(), raw.status().as_u16(), raw.body().bytes().unwrap_or_default())
            }
            SdkError::ConstructionFailure(_) => FailureKind::Refused,
            _ => FailureKind::Unavailable,
        };
        let detail = match (error.code(), error.message(), &error) {
            (Some(code), Some(message), _) => format!("{code}: {message}"),
            (Some(code), None, _) => code.to_owned(),
            // AWS names every error. This response is from another server; its content type hints at which.
            (None, _, SdkError::ServiceError(service)) => {
                let raw = service.raw();
                let media = raw.headers().get("content-type").unwrap_or("no content type");
                format!("HTTP {}, {media}", raw.status().as_u16())
            }
            _ => chain(&error),
        };
        Self { what, kind, code: error.code().map(ToOwned::to_owned), detail }
    }

    /// Returns the failure of a response that can't be understood.
    #[must_use]
    pub const fn unreadable(what: &'static str, detail: String) -> Self {
        Self { what, kind: FailureKind::Refused, code: None, detail }
    }

    /// Returns the failure of a call that was cancelled because its time was over.
    #[must_use]
    pub fn late(what: &'static str) -> Self {
        Self { what, kind: FailureKind::Unavailable, code: None, detail: "no response in time".to_owned() }
    }

    /// Returns whether the service found the input itself wrong, as opposed to the caller's rights or the service's
    /// state.
    #[must_use]
    pub fn is_invalid_input(&self) -> bool {
        self.code.as_deref() == Some("ValidationException")
    }
}

impl fmt::Display for AwsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {}: {}", self.what, self.detail)
    }
}

impl StdError for AwsFailure {}

/// Error codes that come with status 400 and pass with time
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>).
const TRANSIENT: [&str; 8] = [
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "ThrottledException",
    "Throttling",
    "TransactionInProgressException",
    "TransactionConflictException",
    "LimitExceededException",
];

/// A part of the reason that DynamoDB gives when it throttles a partition.
const KEY_RANGE: &[u8] = b"KeyRangeThroughputExceeded";

fn kind_of(code: Option<&str>, status: u16, body: &[u8]) -> FailureKind {
    if code.is_some_and(|code| TRANSIENT.contains(&code)) {
        let hot = body.windows(KEY_RANGE.len()).any(|window| window == KEY_RANGE);
        if hot { FailureKind::HotPartition } else { FailureKind::Busy }
    } else if status >= 500 {
        FailureKind::Unavailable
    } else {
        FailureKind::Refused
    }
}

/// Returns an error and all its sources on one line: `Display` of an error never repeats its source.
pub fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_and_server_errors_pass_and_refusals_do_not() {
        let hot = br#"{"ThrottlingReasons":[{"reason":"TableWriteKeyRangeThroughputExceeded"}]}"#;
        let kind_of = |code, status| super::kind_of(code, status, b"{}");
        assert_eq!(kind_of(Some("ThrottlingException"), 400), FailureKind::Busy);
        assert_eq!(super::kind_of(Some("ThrottlingException"), 400, hot), FailureKind::HotPartition);
        assert_eq!(kind_of(Some("InternalServerError"), 500), FailureKind::Unavailable);
        assert_eq!(kind_of(None, 503), FailureKind::Unavailable);
        assert_eq!(kind_of(Some("ValidationException"), 400), FailureKind::Refused);
        assert_eq!(kind_of(Some("AccessDeniedException"), 400), FailureKind::Refused);
    }
}
