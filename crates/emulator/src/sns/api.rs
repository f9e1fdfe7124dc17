//! Operations of the API.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::query::{Params, Xml};
use super::subscription::Subscription;
use super::topic::{Sns, Topic};
use crate::error::ApiError;
use crate::sync::lock;

/// The number of topics or subscriptions per page of a list.
const PAGE: usize = 100;

impl Sns {
    /// Runs one operation. Batch entries at `failing` fail by injection.
    pub(crate) fn call(self: &Arc<Self>, action: &str, params: &Params, failing: &[usize]) -> Result<String, ApiError> {
        let xml = match action {
            "Publish" => self.publish(params),
            "PublishBatch" => self.publish_batch(params, failing),
            "CreateTopic" => self.create_topic(params),
            "DeleteTopic" => {
                let arn = params.need("TopicArn")?;
                lock(&self.topics).retain(|_, topic| *topic.arn != *arn);
                Ok(Xml::new())
            }
            "ListTopics" => Ok(self.list_topics(params)),
            "GetTopicAttributes" => self.get_topic_attributes(params),
            "SetTopicAttributes" => self.with(params.need("TopicArn")?, |topic| {
                let value = params.get("AttributeValue").unwrap_or_default();
                let set = BTreeMap::from([(params.need("AttributeName")?.to_string(), value.to_string())]);
                check_attributes(&set)?;
                topic.attributes.extend(set);
                Ok(Xml::new())
            }),
            "Subscribe" => self.subscribe(params),
            "Unsubscribe" => {
                let arn = params.need("SubscriptionArn")?;
                for topic in lock(&self.topics).values_mut() {
                    topic.subscriptions.retain(|s| *s.arn != *arn);
                }
                Ok(Xml::new())
            }
            "ListSubscriptions" => Ok(self.list_subscriptions(params, None)),
            "ListSubscriptionsByTopic" => {
                let arn = params.need("TopicArn")?;
                self.with(arn, |_| Ok(()))?;
                Ok(self.list_subscriptions(params, Some(arn)))
            }
            "GetSubscriptionAttributes" => {
                let all = self.with_subscription(params.need("SubscriptionArn")?, |s| Ok(s.list()))?;
                Ok(entries("Attributes", &all))
            }
            "SetSubscriptionAttributes" => {
                let name = params.need("AttributeName")?;
                let value = params.get("AttributeValue").unwrap_or_default();
                self.with_subscription(params.need("SubscriptionArn")?, |s| s.set(name, value))?;
                Ok(Xml::new())
            }
            "TagResource" | "UntagResource" | "ListTagsForResource" => self.tags(action, params),
            _ => Err(ApiError::sender("InvalidAction", crate::refusal::says(&format!("SNS {action}")))),
        };
        let xml = xml?;
        let changes = ["Create", "Delete", "Set", "Subscribe", "Unsubscribe", "Tag", "Untag"];
        if changes.iter().any(|verb| action.starts_with(verb)) {
            self.keep_topics()?;
        }
        Ok(xml.response(action, &self.context.uuid()))
    }

    fn create_topic(&self, params: &Params) -> Result<Xml, ApiError> {
        let name = params.need("Name")?;
        let base = name.strip_suffix(".fifo").unwrap_or(name);
        let attributes: BTreeMap<_, _> = params.map("Attributes").into_iter().collect();
        check_attributes(&attributes)?;
        let fifo = attributes.get("FifoTopic").is_some_and(|v| v == "true");
        let well_formed = !base.is_empty()
            && name.len() <= 256
            && base.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
            && fifo == name.ends_with(".fifo");
        if !well_formed {
            return Err(ApiError::sender("InvalidParameter", "Invalid parameter: Topic Name"));
        }
        let arn = self.context.arn("sns", name);
        let mut topics = lock(&self.topics);
        if let Some(existing) = topics.get(name) {
            if attributes.iter().any(|(k, v)| existing.attributes.get(k) != Some(v)) {
                return Err(ApiError::sender(
                    "InvalidParameter",
                    "Invalid parameter: Attributes Reason: Topic already exists with different attributes",
                ));
            }
        } else {
            let topic = Topic::new(arn.clone(), attributes, tags_of(params));
            topics.insert(name.into(), topic);
        }
        let mut xml = Xml::new();
        xml.text("TopicArn", &arn);
        Ok(xml)
    }

    fn list_topics(&self, params: &Params) -> Xml {
        let topics = lock(&self.topics);
        let arns: Vec<_> = topics.values().map(|t| t.arn.clone()).collect();
        let mut xml = Xml::new();
        page(&mut xml, params, "Topics", &arns, |xml, arn| {
            xml.text("TopicArn", arn);
        });
        xml
    }

    fn get_topic_attributes(&self, params: &Params) -> Result<Xml, ApiError> {
        self.with(params.need("TopicArn")?, |topic| {
            let mut all = topic.attributes.clone();
            for (name, value) in [
                ("TopicArn", topic.arn.to_string()),
                ("Owner", self.context.account.clone()),
                ("SubscriptionsConfirmed", topic.subscriptions.len().to_string()),
                ("SubscriptionsPending", "0".into()),
                ("SubscriptionsDeleted", "0".into()),
            ] {
                all.insert(name.into(), value);
            }
            Ok(entries("Attributes", &all))
        })
    }

    fn subscribe(&self, params: &Params) -> Result<Xml, ApiError> {
        let (protocol, endpoint) = (params.need("Protocol")?, params.need("Endpoint")?);
        if protocol != "sqs" {
            return Err(ApiError::sender(
                "InvalidParameter",
                format!("Invalid parameter: the emulator delivers to the protocol sqs only, not to {protocol}"),
            ));
        }
        let queue = crate::sqs::name_of_arn(endpoint)
            .ok_or_else(|| ApiError::sender("InvalidParameter", "Invalid parameter: SQS endpoint ARN"))?;
        let arn = self.with(params.need("TopicArn")?, |topic| {
            if queue.ends_with(".fifo") && !topic.fifo {
                return Err(ApiError::sender(
                    "InvalidParameter",
                    "Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics",
                ));
            }
            if let Some(existing) = topic.subscriptions.iter().find(|s| s.endpoint == endpoint) {
                return Ok(existing.arn.clone());
            }
            let arn: Arc<str> = format!("{}:{}", topic.arn, self.context.uuid()).into();
            let mut subscription =
                Subscription::new(arn.clone(), topic.arn.clone(), protocol, endpoint, &self.context.account);
            for (name, value) in params.map("Attributes") {
                subscription.set(&name, &value)?;
            }
            topic.subscriptions.push(Arc::new(subscription));
            Ok(arn)
        })?;
        let mut xml = Xml::new();
        xml.text("SubscriptionArn", &arn);
        Ok(xml)
    }

    fn list_subscriptions(&self, params: &Params, topic_arn: Option<&str>) -> Xml {
        let topics = lock(&self.topics);
        let all: Vec<_> = topics
            .values()
            .filter(|t| topic_arn.is_none_or(|arn| *t.arn == *arn))
            .flat_map(|t| t.subscriptions.iter().cloned())
            .collect();
        let mut xml = Xml::new();
        page(&mut xml, params, "Subscriptions", &all, |xml, s| {
            xml.text("SubscriptionArn", &s.arn)
                .text("Owner", &s.owner)
                .text("Protocol", &s.protocol)
                .text("Endpoint", &s.endpoint)
                .text("TopicArn", &s.topic_arn);
        });
        xml
    }

    fn tags(&self, action: &str, params: &Params) -> Result<Xml, ApiError> {
        let untag: Vec<&str> = (1..).map_while(|n| params.get(&format!("TagKeys.member.{n}"))).collect();
        self.with(params.need("ResourceArn")?, |topic| {
            topic.tags.extend(tags_of(params));
            topic.tags.retain(|k, _| !untag.contains(&k.as_str()));
            let mut xml = Xml::new();
            if action == "ListTagsForResource" {
                xml.nest("Tags", |xml| {
                    for (key, value) in &topic.tags {
                        xml.nest("member", |xml| {
                            xml.text("Key", key).text("Value", value);
                        });
                    }
                });
            }
            Ok(xml)
        })
    }
}

/// Checks the values of the attributes that have an effect here.
///
/// <https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html>
fn check_attributes(attributes: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let allowed: &[(&str, &[&str])] = &[
        ("FifoTopic", &["true", "false"]),
        ("ContentBasedDeduplication", &["true", "false"]),
        ("FifoThroughputScope", &["Topic", "MessageGroup"]),
    ];
    for (name, values) in allowed {
        if attributes.get(*name).is_some_and(|value| !values.contains(&value.as_str())) {
            let message = format!("Invalid parameter: Attributes Reason: {name}: must be one of {}", values.join(", "));
            return Err(ApiError::sender("InvalidParameter", message));
        }
    }
    Ok(())
}

fn tags_of(params: &Params) -> HashMap<String, String> {
    (1..)
        .map_while(|n| {
            let key = params.get(&format!("Tags.member.{n}.Key"))?;
            let value = params.get(&format!("Tags.member.{n}.Value")).unwrap_or_default();
            Some((key.to_string(), value.to_string()))
        })
        .collect()
}

fn entries(name: &str, all: &BTreeMap<String, String>) -> Xml {
    let mut xml = Xml::new();
    xml.nest(name, |xml| {
        for (key, value) in all {
            xml.nest("entry", |xml| {
                xml.text("key", key).text("value", value);
            });
        }
    });
    xml
}

/// Writes one page of a list. The token is the number of elements before the next page.
fn page<T>(xml: &mut Xml, params: &Params, name: &str, all: &[T], each: impl Fn(&mut Xml, &T)) {
    let start: usize = params.get("NextToken").and_then(|t| t.parse().ok()).unwrap_or(0);
    xml.nest(name, |xml| {
        for element in all.iter().skip(start).take(PAGE) {
            xml.nest("member", |xml| each(xml, element));
        }
    });
    if start + PAGE < all.len() {
        xml.text("NextToken", &(start + PAGE).to_string());
    }
}
