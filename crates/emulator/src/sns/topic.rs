//! Topics by name.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use super::deliver::Lanes;
use super::publish::Published;
use super::subscription::Subscription;
use crate::context::Context;
use crate::error::ApiError;
use crate::sqs::Sqs;
use crate::store::Store;
use crate::sync::lock;

/// The SNS service.
pub(crate) struct Sns {
    pub(super) context: Arc<Context>,
    pub(super) sqs: Arc<Sqs>,
    pub(super) topics: Mutex<BTreeMap<String, Topic>>,
    pub(super) lanes: Lanes,
    pub(super) store: Option<Arc<Store>>,
}

pub(super) struct Topic {
    pub(super) arn: Arc<str>,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) tags: HashMap<String, String>,
    pub(super) subscriptions: Vec<Arc<Subscription>>,
    pub(super) fifo: bool,
    /// The messages that a FIFO topic accepted within five minutes, by deduplication id.
    pub(super) seen: HashMap<String, Published>,
    pub(super) seen_by_age: VecDeque<(u64, String)>,
    pub(super) next_sequence: u64,
}

impl Topic {
    pub(super) fn new(arn: String, attributes: BTreeMap<String, String>, tags: HashMap<String, String>) -> Self {
        let fifo = attributes.get("FifoTopic").is_some_and(|v| v == "true");
        Self {
            arn: arn.into(),
            attributes,
            tags,
            subscriptions: Vec::new(),
            fifo,
            seen: HashMap::new(),
            seen_by_age: VecDeque::new(),
            next_sequence: 1,
        }
    }

    /// Returns whether a deduplication id counts within its message group only.
    ///
    /// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
    pub(super) fn deduplicates_by_group(&self) -> bool {
        self.attributes.get("FifoThroughputScope").is_some_and(|v| v == "MessageGroup")
    }

    pub(super) fn deduplicates_by_content(&self) -> bool {
        self.attributes.get("ContentBasedDeduplication").is_some_and(|v| v == "true")
    }
}

impl Sns {
    /// Runs `f` on the topic of an ARN.
    pub(super) fn with<T>(&self, arn: &str, f: impl FnOnce(&mut Topic) -> Result<T, ApiError>) -> Result<T, ApiError> {
        let name = arn.splitn(6, ':').nth(5).unwrap_or_default();
        match lock(&self.topics).get_mut(name) {
            Some(topic) if *topic.arn == *arn => f(topic),
            _ => Err(ApiError::new(404, "NotFound", "Topic does not exist")),
        }
    }

    /// Replaces a subscription, found by its ARN, by a changed one.
    pub(super) fn with_subscription<T>(
        &self,
        arn: &str,
        f: impl FnOnce(&mut Subscription) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut topics = lock(&self.topics);
        let mut all = topics.values_mut().flat_map(|t| &mut t.subscriptions);
        let found = all.find(|s| *s.arn == *arn);
        let subscription = found.ok_or_else(|| ApiError::new(404, "NotFound", "Subscription does not exist"))?;
        let mut changed = (**subscription).clone();
        let result = f(&mut changed)?;
        *subscription = Arc::new(changed);
        Ok(result)
    }
}
