//! The choice of a command's letters.

use std::fmt;

use cellstack_core::dead_letter::{Place, Reason};
use cellstack_core::{EventId, TenantId};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};

use super::{Found, PLACES};

/// A filter of letters. A letter must pass all lists, and passes a list if it matches one of its entries.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Filter {
    /// Only letters of these places: the stream mapping and producer, the topic, the queue mapping and consumer
    #[arg(long, value_name = "PLACE", value_delimiter = ',', value_parser = place())]
    place: Vec<Place>,
    /// Only letters with one of these reasons
    #[arg(long, value_name = "REASON", value_delimiter = ',', value_parser = reason())]
    because: Vec<Reason>,
    /// Only letters of these tenants
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    tenant: Vec<TenantId>,
    /// Only letters of these events
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    event: Vec<EventId>,
}

const REASONS: [Reason; 7] = [
    Reason::Refused,
    Reason::RetriesExhausted,
    Reason::Undecodable,
    Reason::ForeignCell,
    Reason::NotHeld,
    Reason::Undelivered,
    Reason::StreamGaveUp,
];

fn place() -> impl clap::builder::TypedValueParser<Value = Place> {
    PossibleValuesParser::new(PLACES.map(Place::as_str))
        .try_map(|text| PLACES.into_iter().find(|place| place.as_str() == text).ok_or("no such place"))
}

fn reason() -> impl clap::builder::TypedValueParser<Value = Reason> {
    PossibleValuesParser::new(REASONS.map(Reason::as_str))
        .try_map(|text| REASONS.into_iter().find(|reason| reason.as_str() == text).ok_or("no such reason"))
}

impl Filter {
    /// Returns the filter of all letters of a tenant.
    pub(crate) fn of(tenant: &TenantId) -> Self {
        Self { tenant: vec![tenant.clone()], ..Self::default() }
    }

    /// Returns whether a place's queue needs to be read.
    pub(crate) fn wants(&self, place: Place) -> bool {
        passes(&self.place, Some(&place))
    }

    /// Returns whether a letter matches. A letter that names no tenant matches no tenant.
    pub(crate) fn matches(&self, found: &Found) -> bool {
        let subject = found.subject();
        self.wants(found.place)
            && passes(&self.because, Some(&found.letter.reason))
            && passes(&self.tenant, subject.as_ref().map(|subject| &subject.tenant).or(found.letter.tenant.as_ref()))
            && passes(&self.event, subject.as_ref().map(|subject| &subject.event).or(found.letter.event.as_ref()))
    }
}

fn passes<T: PartialEq>(wanted: &[T], found: Option<&T>) -> bool {
    wanted.is_empty() || found.is_some_and(|found| wanted.contains(found))
}

/// The form for the audit trail.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, name: &str, values: &[T]) -> fmt::Result {
            if values.is_empty() {
                return Ok(());
            }
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            write!(f, " --{name} {}", values.join(","))
        }
        list(f, "place", &self.place)?;
        list(f, "because", &self.because)?;
        list(f, "tenant", &self.tenant)?;
        list(f, "event", &self.event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dlq::found::tests::found;

    #[test]
    fn a_filter_is_all_of_its_lists_and_any_of_each() {
        let letter = found(Place::Queue, Reason::Refused);
        assert!(Filter::default().matches(&letter));
        let tenants = Filter { tenant: vec!["other".parse().unwrap(), "acme".parse().unwrap()], ..Filter::default() };
        assert!(tenants.matches(&letter));
        assert!(!Filter { place: vec![Place::Topic], ..tenants.clone() }.matches(&letter));
        assert!(!Filter { because: vec![Reason::Undecodable], ..tenants.clone() }.matches(&letter));
        assert_eq!(Filter { place: vec![Place::Topic], ..tenants }.to_string(), " --place topic --tenant other,acme");
    }

    #[test]
    fn a_letter_without_a_tenant_is_no_tenants() {
        let mut letter = found(Place::Stream, Reason::StreamGaveUp);
        (letter.letter.tenant, letter.letter.event) = (None, None);
        letter.letter.original = "{}".to_owned();
        assert!(Filter::default().matches(&letter));
        assert!(!Filter { tenant: vec!["acme".parse().unwrap()], ..Filter::default() }.matches(&letter));
    }
}
