//! A queue's subscription to a topic.
//!
//! <https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html>

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::pattern::Pattern;
use crate::sqs::Attributes;

#[derive(Debug, Clone)]
pub(super) struct Subscription {
    pub(super) arn: Arc<str>,
    pub(super) topic_arn: Arc<str>,
    pub(super) protocol: String,
    /// ARN of the queue.
    pub(super) endpoint: String,
    pub(super) owner: String,
    pub(super) raw: bool,
    pub(super) dead_letter_arn: Option<String>,
    filter: Option<Pattern>,
    filter_on_body: bool,
    /// Attributes as they were set, for GetSubscriptionAttributes.
    pub(super) set: BTreeMap<String, String>,
}

impl Subscription {
    pub(super) fn new(arn: Arc<str>, topic_arn: Arc<str>, protocol: &str, endpoint: &str, owner: &str) -> Self {
        Self {
            arn,
            topic_arn,
            protocol: protocol.into(),
            endpoint: endpoint.into(),
            owner: owner.into(),
            raw: false,
            dead_letter_arn: None,
            filter: None,
            filter_on_body: false,
            set: BTreeMap::new(),
        }
    }

    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), ApiError> {
        let invalid =
            |reason: &str| ApiError::sender("InvalidParameter", format!("Invalid parameter: {name}: {reason}"));
        match name {
            "RawMessageDelivery" => {
                self.raw = value.to_ascii_lowercase().parse().map_err(|_| invalid("not true or false"))?;
            }
            "FilterPolicy" if value.is_empty() || value == "{}" => self.filter = None,
            "FilterPolicy" => self.filter = Some(Pattern::parse(value).map_err(|e| invalid(&e))?),
            "FilterPolicyScope" => {
                self.filter_on_body = match value {
                    "MessageBody" => true,
                    "MessageAttributes" => false,
                    _ => return Err(invalid("neither MessageAttributes nor MessageBody")),
                };
            }
            "RedrivePolicy" if value.is_empty() => self.dead_letter_arn = None,
            "RedrivePolicy" => {
                let policy: Value = serde_json::from_str(value).map_err(|_| invalid("not JSON"))?;
                let target = policy["deadLetterTargetArn"].as_str();
                self.dead_letter_arn = Some(target.ok_or_else(|| invalid("deadLetterTargetArn is missing"))?.into());
            }
            "DeliveryPolicy" | "SubscriptionRoleArn" | "ReplayPolicy" => {}
            _ => return Err(invalid("unknown attribute")),
        }
        self.set.insert(name.into(), value.into());
        Ok(())
    }

    /// Returns the attributes as `GetSubscriptionAttributes` does.
    pub(super) fn list(&self) -> BTreeMap<String, String> {
        let mut all = self.set.clone();
        for (name, value) in [
            ("SubscriptionArn", &*self.arn),
            ("TopicArn", &*self.topic_arn),
            ("Protocol", &self.protocol),
            ("Endpoint", &self.endpoint),
            ("Owner", &self.owner),
            ("ConfirmationWasAuthenticated", "true"),
            ("PendingConfirmation", "false"),
        ] {
            all.insert(name.into(), value.into());
        }
        all.insert("RawMessageDelivery".into(), self.raw.to_string());
        all
    }

    /// Returns whether the filter policy lets a message pass. A body that is not a JSON object never passes a policy on
    /// the body.
    pub(super) fn accepts(&self, body: &str, attributes: &Attributes) -> bool {
        let Some(filter) = &self.filter else { return true };
        if self.filter_on_body {
            return serde_json::from_str::<Value>(body).is_ok_and(|v| v.is_object() && filter.matches(&v));
        }
        filter.matches(&attributes_as_json(attributes))
    }
}

/// Returns message attributes as a filter policy sees them: strings, numbers, and arrays of the type `String.Array`.
fn attributes_as_json(attributes: &Attributes) -> Value {
    let mut object = Map::new();
    for (name, attribute) in attributes {
        let Some(text) = &attribute.string else { continue };
        let value = match attribute.data_type.as_str() {
            "Number" => serde_json::from_str(text).ok(),
            "String.Array" => serde_json::from_str(text).ok().filter(Value::is_array),
            _ => Some(Value::String(text.clone())),
        };
        object.insert(name.clone(), value.unwrap_or_else(|| Value::String(text.clone())));
    }
    Value::Object(object)
}
