//! Queue attributes and their limits.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::error::ApiError;

/// The attributes that can be set on a queue.
#[derive(Debug, Clone)]
pub(super) struct QueueAttributes {
    pub(super) visibility_timeout: u64,
    pub(super) delay_seconds: u64,
    pub(super) maximum_message_size: usize,
    pub(super) retention_seconds: u64,
    pub(super) receive_wait_seconds: u64,
    pub(super) redrive: Option<Redrive>,
    pub(super) fifo: bool,
    pub(super) content_based_deduplication: bool,
    pub(super) deduplicate_by_group: bool,
    /// Attributes that are kept and returned but have no effect here (policies, encryption).
    pub(super) kept: BTreeMap<String, String>,
}

/// A redrive policy: the dead-letter queue, and the number of receives after which a message is moved there.
#[derive(Debug, Clone)]
pub(super) struct Redrive {
    pub(super) target_arn: String,
    pub(super) max_receive_count: u32,
    text: String,
}

impl Default for QueueAttributes {
    fn default() -> Self {
        Self {
            visibility_timeout: 30,
            delay_seconds: 0,
            // 1 MiB since August 2025, 256 KiB before.
            maximum_message_size: 1_048_576,
            retention_seconds: 345_600,
            receive_wait_seconds: 0,
            redrive: None,
            fifo: false,
            content_based_deduplication: false,
            deduplicate_by_group: false,
            kept: BTreeMap::new(),
        }
    }
}

impl QueueAttributes {
    /// Sets one attribute; an empty value clears the optional ones.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), ApiError> {
        let invalid = || ApiError::sender("InvalidAttributeValue", format!("Invalid value for the parameter {name}."));
        let number =
            |low: u64, high: u64| value.parse::<u64>().ok().filter(|n| (low..=high).contains(n)).ok_or_else(invalid);
        let flag = || value.parse::<bool>().map_err(|_| invalid());
        match name {
            "VisibilityTimeout" => self.visibility_timeout = number(0, 43_200)?,
            "DelaySeconds" => self.delay_seconds = number(0, 900)?,
            "MaximumMessageSize" => self.maximum_message_size = number(1024, 1_048_576)? as usize,
            "MessageRetentionPeriod" => self.retention_seconds = number(60, 1_209_600)?,
            "ReceiveMessageWaitTimeSeconds" => self.receive_wait_seconds = number(0, 20)?,
            "ContentBasedDeduplication" => {
                self.content_based_deduplication = flag()?;
            }
            "DeduplicationScope" => {
                self.deduplicate_by_group = match value {
                    "messageGroup" => true,
                    "queue" => false,
                    _ => return Err(invalid()),
                };
            }
            "RedrivePolicy" if value.is_empty() => self.redrive = None,
            "RedrivePolicy" => self.redrive = Some(Redrive::parse(value).ok_or_else(invalid)?),
            "FifoQueue" => self.fifo = flag()?,
            "Policy"
            | "RedriveAllowPolicy"
            | "KmsMasterKeyId"
            | "KmsDataKeyReusePeriodSeconds"
            | "SqsManagedSseEnabled"
            | "FifoThroughputLimit" => {
                if value.is_empty() {
                    self.kept.remove(name);
                } else {
                    self.kept.insert(name.into(), value.into());
                }
            }
            _ => {
                return Err(ApiError::sender("InvalidAttributeName", format!("Unknown Attribute {name}.")));
            }
        }
        Ok(())
    }

    /// Returns the attributes as `GetQueueAttributes` does.
    pub(super) fn list(&self) -> BTreeMap<String, String> {
        let mut all = self.kept.clone();
        let mut put = |name: &str, value: String| {
            all.insert(name.into(), value);
        };
        put("VisibilityTimeout", self.visibility_timeout.to_string());
        put("DelaySeconds", self.delay_seconds.to_string());
        put("MaximumMessageSize", self.maximum_message_size.to_string());
        put("MessageRetentionPeriod", self.retention_seconds.to_string());
        put("ReceiveMessageWaitTimeSeconds", self.receive_wait_seconds.to_string());
        if let Some(redrive) = &self.redrive {
            put("RedrivePolicy", redrive.text.clone());
        }
        if self.fifo {
            put("FifoQueue", "true".into());
            put("ContentBasedDeduplication", self.content_based_deduplication.to_string());
            let scope = if self.deduplicate_by_group { "messageGroup" } else { "queue" };
            put("DeduplicationScope", scope.into());
        }
        all.entry("SqsManagedSseEnabled".into()).or_insert_with(|| "true".into());
        all
    }
}

impl Redrive {
    fn parse(text: &str) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Policy {
            dead_letter_target_arn: String,
            max_receive_count: Value,
        }
        let policy: Policy = serde_json::from_str(text).ok()?;
        let count = match &policy.max_receive_count {
            Value::Number(n) => n.as_u64()?,
            Value::String(s) => s.parse().ok()?,
            _ => return None,
        };
        (1..=1000).contains(&count).then(|| Self {
            target_arn: policy.dead_letter_target_arn,
            max_receive_count: count as u32,
            text: text.into(),
        })
    }
}
