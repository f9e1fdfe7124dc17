//! The size of a queue.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use cellstack_aws::AwsFailure;

/// SQS's count of messages. It may lag by a minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Size {
    /// Messages that can be received.
    pub(crate) visible: u64,
    /// Messages that a reader has received and not yet deleted, and delayed ones.
    pub(crate) hidden: u64,
}

impl Size {
    pub(crate) const fn total(self) -> u64 {
        self.visible + self.hidden
    }
}

/// Reads SQS's count of a queue's messages.
pub(crate) async fn size(client: &Client, url: &str) -> Result<Size, AwsFailure> {
    let attributes = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    ];
    let response = client
        .get_queue_attributes()
        .queue_url(url)
        .set_attribute_names(Some(attributes.to_vec()))
        .send()
        .await
        .map_err(|error| AwsFailure::of("read the size of a queue", error))?;
    let [visible, hidden, delayed] = attributes.map(|name| {
        let text = response.attributes.as_ref().and_then(|attributes| attributes.get(&name));
        text.and_then(|text| text.parse().ok()).unwrap_or(0_u64)
    });
    Ok(Size { visible, hidden: hidden + delayed })
}
