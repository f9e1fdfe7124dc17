//! The note of a stream mapping about a batch that it dropped.

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use serde::Deserialize;

/// The time in which the events of a batch were accepted, in milliseconds since the Unix epoch.
///
/// The note holds only the batch's position on the stream, and the records stay there for 24 hours only. The events
/// stay in the table, so they are found there: those that are still `accepted` and arrived about when the batch did.
/// These may be a few more than the batch held. One that is also on its way has its effect only once. One that came from another
/// cell (`came_later`) was accepted any time before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    first_ms: u64,
    last_ms: u64,
}

/// The slack of a window: the stream's times are approximate, and an event's time is that of the router's clock.
const SLACK_MS: u64 = 5 * 60 * 1000;

impl Window {
    /// All of time, for a note without times.
    const ALWAYS: Self = Self { first_ms: 0, last_ms: u64::MAX };

    /// Returns the window of a note (<https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>).
    pub(crate) fn of(note: &str) -> Self {
        #[derive(Deserialize)]
        struct Note {
            #[serde(rename = "DDBStreamBatchInfo")]
            batch: Batch,
        }
        #[derive(Deserialize)]
        struct Batch {
            #[serde(rename = "approximateArrivalOfFirstRecord")]
            first: String,
            #[serde(rename = "approximateArrivalOfLastRecord")]
            last: String,
        }
        let window = || {
            let batch = serde_json::from_str::<Note>(note).ok()?.batch;
            let first_ms = ms(&batch.first)?.saturating_sub(SLACK_MS);
            Some(Self { first_ms, last_ms: ms(&batch.last)?.saturating_add(SLACK_MS) })
        };
        window().unwrap_or(Self::ALWAYS)
    }

    pub(crate) const fn contains(self, accepted_at: u64) -> bool {
        self.first_ms <= accepted_at && accepted_at <= self.last_ms
    }

    /// Returns whether it begins after a time.
    pub(crate) const fn is_after(self, ms: u64) -> bool {
        ms < self.first_ms
    }
}

fn ms(text: &str) -> Option<u64> {
    let time = DateTime::from_str(text, DateTimeFormat::DateTime).ok()?;
    u64::try_from(time.to_millis().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_that_of_the_batch_and_some_minutes_more() {
        let window = Window::of(
            r#"{"DDBStreamBatchInfo":{"approximateArrivalOfFirstRecord":"2023-11-14T22:13:20Z",
                "approximateArrivalOfLastRecord":"2023-11-14T22:13:21.500Z","batchSize":2}}"#,
        );
        assert!(window.contains(1_700_000_000_000 - SLACK_MS) && window.contains(1_700_000_001_500 + SLACK_MS));
        assert!(!window.contains(1_700_000_000_000 - SLACK_MS - 1));
        assert!(!window.contains(1_700_000_001_500 + SLACK_MS + 1));
        assert_eq!(Window::of("{}"), Window::ALWAYS);
        assert_eq!(
            Window::of(
                r#"{"DDBStreamBatchInfo":{"approximateArrivalOfFirstRecord":"soon","approximateArrivalOfLastRecord":"late"}}"#
            ),
            Window::ALWAYS
        );
    }
}
