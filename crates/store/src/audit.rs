//! The audit trail: items of the registry that are written once and never changed.
//!
//! A run leaves two items. The first is written before its first change, so that a run that is killed is on record, too
//! (and a run that can't be recorded does not happen). The second is written when it ends.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_aws::AwsFailure;
use cellstack_core::event::rfc3339;
use cellstack_core::registry::PARTITION_KEY;
use cellstack_core::{Clock, Entropy, EventId};

/// The partition of the audit trail in the registry.
pub const PARTITION: &str = "audit";

/// The phase of an entry that ends a run.
pub const ENDED: &str = "ended";

/// Numbers by name.
pub type Counts = BTreeMap<String, u64>;

/// The state of the object of a run, before or after it: numbers and texts by name.
#[derive(Debug, Clone, Default)]
pub struct Facts(BTreeMap<String, AttributeValue>);

impl Facts {
    /// Adds a text.
    #[must_use]
    pub fn text(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), text(value));
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn count(mut self, name: &str, value: u64) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::N(value.to_string()));
        self
    }
}

impl From<Counts> for Facts {
    fn from(counts: Counts) -> Self {
        counts.into_iter().fold(Self::default(), |facts, (name, value)| facts.count(&name, value))
    }
}

impl From<&Counts> for Facts {
    fn from(counts: &Counts) -> Self {
        counts.clone().into()
    }
}

/// An operator by name, with a reason: an entry of the audit trail has both.
#[derive(Debug, Clone)]
pub struct Signature {
    /// The operator's name.
    pub operator: String,
    /// The reason.
    pub reason: String,
}

/// The audit trail of a deployment.
#[derive(Clone)]
pub struct Trail {
    /// The client that reaches the registry.
    pub client: Client,
    /// The registry's table.
    pub registry: String,
    /// The clock of its entries.
    pub clock: Arc<dyn Clock>,
    /// The randomness of its keys.
    pub entropy: Arc<dyn Entropy>,
}

/// A run whose end could not be recorded, with what is known of it: it is not to look as if it had not happened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unended {
    /// It has done all.
    #[error("all is done, but the end is not on record, and `cellctl audit ls` shows an unfinished run: {0}")]
    Done(AwsFailure),
    /// It has met trouble.
    #[error("{}; the end is not on record: {failure}", troubles.join("; "))]
    Troubled {
        /// The troubles.
        troubles: Vec<String>,
        /// The failure of the record.
        failure: AwsFailure,
    },
}

impl From<Unended> for AwsFailure {
    fn from(unended: Unended) -> Self {
        match unended {
            Unended::Done(failure) | Unended::Troubled { failure, .. } => failure,
        }
    }
}

/// A run on record.
pub struct Entry<'a> {
    trail: Trail,
    by: &'a Signature,
    what: &'static str,
    /// The command's description of the objects that it acts on.
    scope: String,
    run: EventId,
    before: Facts,
}

impl Trail {
    /// Records that a run begins.
    ///
    /// # Errors
    /// Fails if the run can't be recorded. It must not happen then.
    pub async fn begin<'a>(
        self,
        by: &'a Signature,
        what: &'static str,
        scope: String,
        before: impl Into<Facts>,
    ) -> Result<Entry<'a>, AwsFailure> {
        let run = self.id();
        let entry = Entry { trail: self, by, what, scope, run, before: before.into() };
        entry.write("began", []).await?;
        Ok(entry)
    }

    fn id(&self) -> EventId {
        EventId::from_parts(self.clock.wall_ms(), self.entropy.random())
    }
}

impl Entry<'_> {
    /// Records how the run ended.
    ///
    /// # Errors
    /// Fails if the end can't be recorded. The error has the troubles.
    pub async fn end(
        self,
        after: impl Into<Facts>,
        done: impl Into<Facts>,
        troubles: &[String],
    ) -> Result<(), Unended> {
        let listed = AttributeValue::L(troubles.iter().map(|trouble| text(trouble)).collect());
        let more = [("after", facts(after.into())), ("done", facts(done.into())), ("troubles", listed)];
        self.write(ENDED, more).await.map_err(|failure| match troubles {
            [] => Unended::Done(failure),
            _ => Unended::Troubled { troubles: troubles.to_vec(), failure },
        })
    }

    async fn write<const N: usize>(&self, phase: &str, more: [(&str, AttributeValue); N]) -> Result<(), AwsFailure> {
        let at = rfc3339(self.trail.clock.wall_ms());
        let key = format!("{at}#{}", self.trail.id());
        let mut item = HashMap::from([
            (PARTITION_KEY.to_owned(), text(PARTITION)),
            ("sk".to_owned(), text(&key)),
            ("run".to_owned(), text(&self.run.to_string())),
            ("phase".to_owned(), text(phase)),
            ("at".to_owned(), text(&at)),
            ("who".to_owned(), text(&self.by.operator)),
            ("what".to_owned(), text(self.what)),
            ("scope".to_owned(), text(&self.scope)),
            ("why".to_owned(), text(&self.by.reason)),
            ("before".to_owned(), facts(self.before.clone())),
        ]);
        item.extend(more.map(|(name, value)| (name.to_owned(), value)));
        let written = self
            .trail
            .client
            .put_item()
            .table_name(&self.trail.registry)
            .set_item(Some(item))
            // Append-only: no entry is ever written over.
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        match written {
            Ok(_) => Ok(()),
            // Nobody else has this key: an earlier try of the SDK wrote the entry, and its response was lost.
            Err(error) if error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) => {
                Ok(())
            }
            Err(error) => Err(AwsFailure::of("write the audit trail", error)),
        }
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn facts(facts: Facts) -> AttributeValue {
    AttributeValue::M(facts.0.into_iter().collect())
}
