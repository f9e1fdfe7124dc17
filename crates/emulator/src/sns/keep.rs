//! Topics on disk, and their unfinished deliveries.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::deliver::Lanes;
use super::subscription::Subscription;
use super::topic::{Sns, Topic};
use crate::context::Context;
use crate::error::ApiError;
use crate::sqs::{Send, Sqs};
use crate::store::Store;
use crate::sync::lock;

#[derive(Serialize, Deserialize)]
struct TopicDefinition {
    attributes: BTreeMap<String, String>,
    tags: HashMap<String, String>,
    subscriptions: Vec<SubscriptionDefinition>,
}

#[derive(Serialize, Deserialize)]
struct SubscriptionDefinition {
    arn: Arc<str>,
    protocol: String,
    endpoint: String,
    owner: String,
    attributes: BTreeMap<String, String>,
}

impl Sns {
    /// Opens the topics of a store, or none.
    pub(crate) fn open(context: Arc<Context>, sqs: Arc<Sqs>, store: Option<Arc<Store>>) -> Result<Self, String> {
        let sns = Self { context, sqs, topics: Mutex::default(), lanes: Lanes::default(), store };
        let Some(store) = &sns.store else { return Ok(sns) };
        let mut topics = BTreeMap::new();
        for (name, definition) in store.topics().map_err(|error| error.to_string())? {
            let topic = sns.read(&name, &definition).map_err(|error| format!("topic {name}: {error}"))?;
            topics.insert(name, topic);
        }
        *lock(&sns.topics) = topics;
        Ok(sns)
    }

    fn read(&self, name: &str, definition: &str) -> Result<Topic, String> {
        let definition: TopicDefinition = serde_json::from_str(definition).map_err(|error| error.to_string())?;
        let mut topic = Topic::new(self.context.arn("sns", name), definition.attributes, definition.tags);
        // Grows with time: no number comes twice.
        topic.next_sequence = self.context.clock.ms() * 1000;
        for SubscriptionDefinition { arn, protocol, endpoint, owner, attributes } in definition.subscriptions {
            let mut subscription = Subscription::new(arn, topic.arn.clone(), &protocol, &endpoint, &owner);
            for (name, value) in &attributes {
                subscription.set(name, value).map_err(|error| error.message)?;
            }
            topic.subscriptions.push(Arc::new(subscription));
        }
        Ok(topic)
    }

    /// Writes the list of topics.
    pub(super) fn keep_topics(&self) -> Result<(), ApiError> {
        let Some(store) = &self.store else { return Ok(()) };
        let definition = |(name, topic): (&String, &Topic)| {
            let subscriptions = topic.subscriptions.iter().map(|subscription| SubscriptionDefinition {
                arn: subscription.arn.clone(),
                protocol: subscription.protocol.clone(),
                endpoint: subscription.endpoint.clone(),
                owner: subscription.owner.clone(),
                attributes: subscription.set.clone(),
            });
            let definition = TopicDefinition {
                attributes: topic.attributes.clone(),
                tags: topic.tags.clone(),
                subscriptions: subscriptions.collect(),
            };
            Ok((name.clone(), serde_json::to_string(&definition)?))
        };
        let topics: Result<Vec<_>, serde_json::Error> = lock(&self.topics).iter().map(definition).collect();
        let unwritten = |error: String| ApiError::internal(format!("the stack's directory can't be written: {error}"));
        let topics = topics.map_err(|error| unwritten(error.to_string()))?;
        store.write_topics(&topics).map_err(|error| unwritten(error.to_string()))
    }

    /// Resumes the deliveries that were not over when the stack ended. Needs a Tokio runtime.
    pub(crate) fn resume(self: &Arc<Self>) -> Result<(), String> {
        let Some(store) = &self.store else { return Ok(()) };
        for delivery in store.deliveries().map_err(|error| error.to_string())? {
            let mut send: Send = serde_json::from_str(&delivery.message).map_err(|error| error.to_string())?;
            send.kept = Some(delivery.id);
            match self.with_subscription(&delivery.subscription, |found| Ok(Arc::new(found.clone()))) {
                Ok(subscription) => self.deliver_again(&subscription, send).map_err(|error| error.message)?,
                // Unsubscribed meanwhile.
                Err(_) => self.release([send].iter()),
            }
        }
        Ok(())
    }

    /// Keeps unfinished deliveries on disk. Where that fails, their publisher must publish again.
    pub(super) fn hold(&self, subscription: &Subscription, sends: &mut [Send]) -> Result<(), ApiError> {
        let Some(store) = &self.store else { return Ok(()) };
        for send in sends.iter_mut().filter(|send| send.kept.is_none()) {
            let text = serde_json::to_string(send).map_err(|error| error.to_string());
            let kept = text.and_then(|text| store.add_delivery(&subscription.arn, &text).map_err(|e| e.to_string()));
            let unwritten = |error| ApiError::internal(format!("the stack's directory can't be written: {error}"));
            send.kept = Some(kept.map_err(unwritten)?);
        }
        Ok(())
    }

    /// Forgets finished deliveries.
    pub(super) fn release<'a>(&self, sends: impl Iterator<Item = &'a Send>) {
        let Some(store) = &self.store else { return };
        let ids: Vec<_> = sends.filter_map(|send| send.kept).collect();
        if ids.is_empty() {
            return;
        }
        if let Err(error) = store.remove_deliveries(&ids) {
            tracing::warn!(%error, "deliveries that are over come again with the next start");
        }
    }
}
