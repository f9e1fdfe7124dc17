//! The message that is sent again.

use std::borrow::Cow;

use cellstack_core::message::{Members, REDRIVES};
use cellstack_core::{CellId, Epoch, EventRecord, Message};
use serde::Serializer as _;
use serde_json::value::RawValue;

/// Returns the message of an event as its cell's producer would publish it now, with the count of redrives in it.
///
/// # Errors
/// Fails if the record's context is not in the router's form.
pub(crate) fn compose(record: EventRecord, cell: &CellId, epoch: Epoch, redrives: u32) -> serde_json::Result<Message> {
    let mut message = Message::of(record, cell)?;
    message.epoch = epoch;
    message.context = Some(with_redrives(message.context.as_deref().unwrap_or("{}"), redrives)?);
    Ok(message)
}

/// Adds the count of redrives to the context attributes. The values of the others pass through unparsed.
fn with_redrives(context: &str, redrives: u32) -> serde_json::Result<String> {
    let mut members = Members::parse(context)?;
    members.take(REDRIVES);
    let redrives = RawValue::from_string(redrives.to_string())?;
    members.0.push((Cow::Borrowed(REDRIVES), &redrives));
    let mut text = Vec::new();
    serde_json::Serializer::new(&mut text).collect_map(members.0)?;
    String::from_utf8(text).map_err(serde::ser::Error::custom)
}

#[cfg(test)]
mod tests {
    use cellstack_core::{EventId, NewEvent};

    use super::*;

    fn record(context: Option<&str>) -> EventRecord {
        let event = NewEvent {
            id: EventId::named("k", "1"),
            event_type: "t".parse().unwrap(),
            data: Some(r#"{"amount":1.10}"#.to_owned()),
            context: context.map(Into::into),
        };
        EventRecord::accepted("acme".parse().unwrap(), event, Epoch(1), 0)
    }

    #[test]
    fn a_message_is_addressed_anew_and_keeps_all_else() {
        let context = r#"{"source":"/shop","subject":"s","redrives":"mine"}"#;
        let message = compose(record(Some(context)), &"beta".parse().unwrap(), Epoch(7), 3).unwrap();
        let text = message.encode().unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&json["cell"], &json["epoch"]), (&"beta".into(), &7.into()));
        assert_eq!((&json["source"], &json["subject"], &json["redrives"]), (&"/shop".into(), &"s".into(), &3.into()));
        assert!(text.contains(r#""data":{"amount":1.10}"#), "data passes through unparsed: {text}");
        assert_eq!(Message::decode(&text).unwrap().id, record(None).id());

        let bare = compose(record(None), &"beta".parse().unwrap(), Epoch(7), 1).unwrap().encode().unwrap();
        assert!(bare.contains(r#""redrives":1"#), "{bare}");
    }
}
