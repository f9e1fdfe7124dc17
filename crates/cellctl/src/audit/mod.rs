//! The audit trail: items of the registry that are written once and never changed.
//!
//! A run leaves two items. The first is written before its first change, so that a run that is killed is on record, too
//! (and a run that can't be recorded does not happen). The second is written when it ends.

mod runs;

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use cellstack_aws::AwsFailure;
use cellstack_core::event::rfc3339;
use cellstack_core::registry::PARTITION_KEY;
use cellstack_core::{Clock as _, Entropy as _, EventId};

use crate::deployment::Deployment;
use crate::operator::Signature;

pub(crate) use runs::{Run, RunOutcome, runs};

/// The partition of the audit trail in the registry.
pub(crate) const PARTITION: &str = "audit";

/// The phase of an entry that ends a run.
const ENDED: &str = "ended";

/// Numbers by name.
pub(crate) type Counts = BTreeMap<String, u64>;

/// The state of the object of a run, before or after it: numbers and texts by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts(BTreeMap<String, AttributeValue>);

impl Facts {
    /// Adds a text.
    pub(crate) fn text(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), text(value));
        self
    }

    /// Adds a number.
    pub(crate) fn count(mut self, name: &str, value: u64) -> Self {
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

/// A run on record.
pub(crate) struct Entry<'a> {
    deployment: &'a Deployment,
    by: &'a Signature,
    what: &'static str,
    /// The command's description of the objects that it acts on.
    scope: String,
    run: EventId,
    before: Facts,
}

/// Records that a run begins.
///
/// # Errors
/// Fails if the run can't be recorded. It must not happen then.
pub(crate) async fn begin<'a>(
    deployment: &'a Deployment,
    by: &'a Signature,
    what: &'static str,
    scope: String,
    before: impl Into<Facts>,
) -> Result<Entry<'a>, AwsFailure> {
    let entry = Entry {
        deployment,
        by,
        what,
        scope,
        run: EventId::from_parts(deployment.clock.wall_ms(), deployment.entropy.random()),
        before: before.into(),
    };
    entry.write("began", []).await?;
    Ok(entry)
}

impl Entry<'_> {
    /// Records how the run ended.
    ///
    /// # Errors
    /// Fails if the end can't be recorded.
    pub(crate) async fn end(
        self,
        after: impl Into<Facts>,
        done: impl Into<Facts>,
        troubles: &[String],
    ) -> Result<(), AwsFailure> {
        let troubles = troubles.iter().map(|trouble| text(trouble)).collect();
        let more =
            [("after", facts(after.into())), ("done", facts(done.into())), ("troubles", AttributeValue::L(troubles))];
        self.write(ENDED, more).await
    }

    async fn write<const N: usize>(&self, phase: &str, more: [(&str, AttributeValue); N]) -> Result<(), AwsFailure> {
        let at = rfc3339(self.deployment.clock.wall_ms());
        let key =
            format!("{at}#{}", EventId::from_parts(self.deployment.clock.wall_ms(), self.deployment.entropy.random()));
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
            .deployment
            .dynamodb
            .put_item()
            .table_name(self.deployment.registry())
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
