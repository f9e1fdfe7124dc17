//! Publishing: limits, deduplication, and delivery to the subscribers.
//!
//! <https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html>

use std::collections::HashSet;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::query::{Params, Xml};
use super::topic::{Sns, Topic};
use crate::error::ApiError;
use crate::observe::Observation;
use crate::sqs::Attributes;

/// The most bytes of one message, or of all messages of a batch, attributes included.
const MAX_BYTES: usize = 262_144;
const MAX_BATCH: usize = 10;
const DEDUPLICATION_MS: u64 = 5 * 60 * 1000;

/// A message as its publisher handed it over.
pub(super) struct Publication {
    pub(super) body: Arc<str>,
    pub(super) subject: Option<String>,
    pub(super) attributes: Attributes,
    pub(super) group: Option<String>,
    pub(super) deduplication: Option<String>,
}

/// The receipt that a publisher gets.
#[derive(Debug, Clone)]
pub(super) struct Published {
    pub(super) message_id: Arc<str>,
    pub(super) sequence_number: Option<String>,
}

/// A message on its way to the subscribers.
pub(super) struct Accepted {
    pub(super) published: Published,
    pub(super) publication: Publication,
}

impl Publication {
    fn read(params: &Params, prefix: &str) -> Result<Self, ApiError> {
        let get = |name: &str| params.get(&format!("{prefix}{name}")).map(str::to_string);
        let invalid = |what: &str| ApiError::sender("InvalidParameter", format!("Invalid parameter: {what}"));
        let message = get("Message").filter(|m| !m.is_empty()).ok_or_else(|| invalid("Empty message"))?;
        let body = if get("MessageStructure").as_deref() == Some("json") {
            let by_protocol: serde_json::Value = serde_json::from_str(&message)
                .map_err(|_| invalid("Message Structure - JSON message body failed to parse"))?;
            let text = by_protocol["sqs"].as_str().or_else(|| by_protocol["default"].as_str());
            text.ok_or_else(|| invalid("Message Structure - No default entry in JSON message body"))?.into()
        } else {
            message.into()
        };
        Ok(Self {
            body,
            subject: get("Subject"),
            attributes: params.message_attributes(prefix),
            group: get("MessageGroupId"),
            deduplication: get("MessageDeduplicationId"),
        })
    }

    fn size(&self) -> usize {
        crate::sqs::size(&self.body, &self.attributes)
    }

    fn check(&self, topic: &Topic) -> Result<(), ApiError> {
        let invalid = |what: &str| Err(ApiError::sender("InvalidParameter", format!("Invalid parameter: {what}")));
        for (name, value) in &self.attributes {
            let base = value.data_type.split('.').next().unwrap_or_default();
            let filled = value.string.as_ref().or(value.binary.as_ref()).is_some_and(|v| !v.is_empty());
            if !matches!(base, "String" | "Number" | "Binary") || !filled {
                return Err(ApiError::sender(
                    "ParameterValueInvalid",
                    format!("The message attribute '{name}' must contain a supported type and a non-empty value."),
                ));
            }
        }
        if topic.fifo {
            if self.group.as_deref().is_none_or(str::is_empty) {
                return invalid("The MessageGroupId parameter is required for FIFO topics");
            }
            if self.deduplication.is_none() && !topic.deduplicates_by_content() {
                return invalid(
                    "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
                );
            }
        } else if self.deduplication.is_some() {
            return invalid(
                "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type",
            );
        }
        Ok(())
    }
}

impl Sns {
    pub(super) fn publish(self: &Arc<Self>, params: &Params) -> Result<Xml, ApiError> {
        let target = params.get("TopicArn").or_else(|| params.get("TargetArn"));
        let arn = target.ok_or_else(|| {
            ApiError::sender(
                "InvalidParameter",
                "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter",
            )
        })?;
        let publication = Publication::read(params, "")?;
        if publication.size() > MAX_BYTES {
            return Err(ApiError::sender("InvalidParameter", "Invalid parameter: Message too long"));
        }
        let published = self.with(arn, |topic| {
            let mut results = self.accept(topic, vec![publication]);
            results.pop().unwrap_or_else(|| Err(ApiError::internal("no result")))
        })?;
        let mut xml = Xml::new();
        write(&mut xml, &published);
        Ok(xml)
    }

    pub(super) fn publish_batch(self: &Arc<Self>, params: &Params, failing: &[usize]) -> Result<Xml, ApiError> {
        let arn = params.need("TopicArn")?;
        let prefix = |n: usize| format!("PublishBatchRequestEntries.member.{n}.");
        let ids: Vec<&str> = (1..).map_while(|n| params.get(&format!("{}Id", prefix(n)))).collect();
        check_ids(&ids)?;
        let mut entries: Vec<Result<Publication, ApiError>> =
            (1..=ids.len()).map(|n| Publication::read(params, &prefix(n))).collect();
        let total: usize = entries.iter().flatten().map(Publication::size).sum();
        if total > MAX_BYTES {
            return Err(ApiError::sender(
                "BatchRequestTooLong",
                "The length of all the messages put together is more than the limit.",
            ));
        }
        for (_, entry) in entries.iter_mut().enumerate().filter(|(i, _)| failing.contains(i)) {
            *entry = Err(ApiError::new(500, "InternalError", "injected failure of this entry"));
        }
        let results = self.with(arn, |topic| {
            let mut good = Vec::with_capacity(entries.len());
            let mut results = Vec::with_capacity(entries.len());
            for entry in entries {
                // An entry that is wrong by itself keeps its place among the results.
                results.push(entry.map(|publication| good.push(publication)));
            }
            let mut accepted = self.accept(topic, good).into_iter();
            let result = |r: Result<(), ApiError>| {
                r.and_then(|()| accepted.next().unwrap_or_else(|| Err(ApiError::internal("no result"))))
            };
            Ok(results.into_iter().map(result).collect::<Vec<_>>())
        })?;
        let mut xml = Xml::new();
        let both = || ids.iter().zip(&results);
        xml.nest("Successful", |xml| {
            for (id, published) in both().filter_map(|(id, r)| Some((id, r.as_ref().ok()?))) {
                xml.nest("member", |xml| {
                    xml.text("Id", id);
                    write(xml, published);
                });
            }
        });
        xml.nest("Failed", |xml| {
            for (id, error) in both().filter_map(|(id, r)| Some((id, r.as_ref().err()?))) {
                xml.nest("member", |xml| {
                    xml.text("Id", id)
                        .text("Code", &error.code)
                        .text("Message", &error.message)
                        .text("SenderFault", if error.is_sender_fault() { "true" } else { "false" });
                });
            }
        });
        Ok(xml)
    }

    /// Accepts messages and hands them to the subscribers, in this order: the topic stays locked.
    fn accept(self: &Arc<Self>, topic: &mut Topic, publications: Vec<Publication>) -> Vec<Result<Published, ApiError>> {
        let mut accepted = Vec::with_capacity(publications.len());
        let mut results: Vec<_> = publications
            .into_iter()
            .map(|publication| {
                publication.check(topic)?;
                let (publication, published, new) = self.identify(topic, publication);
                if new {
                    self.context.observers.tell(|| Observation::Published {
                        topic: topic.arn.clone(),
                        message_id: published.message_id.clone(),
                        body: publication.body.clone(),
                    });
                    accepted.push(Accepted { published: published.clone(), publication });
                }
                Ok(published)
            })
            .collect();
        if !accepted.is_empty() {
            for subscription in &topic.subscriptions {
                if let Err(error) = self.deliver(subscription, &accepted) {
                    // The publisher repeats those that were accepted, too: once more is better than never.
                    results.iter_mut().filter(|result| result.is_ok()).for_each(|result| *result = Err(error.clone()));
                }
            }
        }
        results
    }

    /// Gives a message its id. On a FIFO topic, a repeat gets the id of its first time and is not new.
    fn identify(&self, topic: &mut Topic, mut publication: Publication) -> (Publication, Published, bool) {
        let mut published = Published { message_id: self.context.uuid().into(), sequence_number: None };
        if !topic.fifo {
            return (publication, published, true);
        }
        let now = self.context.clock.ms();
        while topic.seen_by_age.front().is_some_and(|(until, _)| *until <= now) {
            if let Some((_, old)) = topic.seen_by_age.pop_front() {
                topic.seen.remove(&old);
            }
        }
        let id = publication.deduplication.take().unwrap_or_else(|| {
            let digest = Sha256::digest(publication.body.as_bytes());
            digest.iter().map(|b| format!("{b:02x}")).collect()
        });
        publication.deduplication = Some(id.clone());
        let scope = publication.group.as_deref().filter(|_| topic.deduplicates_by_group()).unwrap_or_default();
        let id = format!("{scope}\n{id}");
        if let Some(first) = topic.seen.get(&id) {
            return (publication, first.clone(), false);
        }
        published.sequence_number = Some((10_000_000_000_000_000_000u64 + topic.next_sequence * 1000).to_string());
        topic.next_sequence += 1;
        topic.seen.insert(id.clone(), published.clone());
        topic.seen_by_age.push_back((now + DEDUPLICATION_MS, id));
        (publication, published, true)
    }
}

fn write(xml: &mut Xml, published: &Published) {
    xml.text("MessageId", &published.message_id);
    if let Some(number) = &published.sequence_number {
        xml.text("SequenceNumber", number);
    }
}

fn check_ids(ids: &[&str]) -> Result<(), ApiError> {
    if ids.is_empty() {
        return Err(ApiError::sender("EmptyBatchRequest", "The batch request doesn't contain any entries."));
    }
    if ids.len() > MAX_BATCH {
        return Err(ApiError::sender(
            "TooManyEntriesInBatchRequest",
            "The batch request contains more entries than permissible (more than 10).",
        ));
    }
    let mut seen = HashSet::new();
    for id in ids {
        let well_formed =
            (1..=80).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        if !well_formed {
            return Err(ApiError::sender(
                "InvalidBatchEntryId",
                "The Id of a batch entry in a batch request doesn't abide by the specification.",
            ));
        }
        if !seen.insert(id) {
            return Err(ApiError::sender(
                "BatchEntryIdsNotDistinct",
                "Two or more batch entries in the request have the same Id.",
            ));
        }
    }
    Ok(())
}
