//! The content of a dead-letter queue: one format for every place that dead-letters something.
//!
//! Producer and consumer write a [`DeadLetter`] as JSON. AWS itself adds two kinds of letter, raw: a message that SQS
//! moved after its last receive or that a topic could not deliver (the CloudEvent as it was), and the note of a stream
//! mapping about a batch that exhausted its retries (the batch's position on the stream, not its records).
//! [`DeadLetter::read`] makes one format of all three.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::limits::{MAX_DEAD_LETTER, MAX_ORIGINAL, MAX_REASON};
use crate::queue_text::escape;
use crate::text::head;
use crate::{CellId, EventId, Message, TenantId};

/// The reason why something was dead-lettered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The processor refused the event for good. The event is `failed`.
    Refused,
    /// The event was tried as often as the queue allows. It is still `accepted`.
    RetriesExhausted,
    /// The message or record can't be read.
    Undecodable,
    /// The message belongs to another cell.
    ForeignCell,
    /// This cell does not hold the event.
    NotHeld,
    /// The topic could not deliver the message to the queue.
    Undelivered,
    /// The stream mapping dropped a batch. Its records stay on the stream for 24 hours after they were written.
    StreamGaveUp,
}

impl Reason {
    /// Returns the stored form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::RetriesExhausted => "retries-exhausted",
            Self::Undecodable => "undecodable",
            Self::ForeignCell => "foreign-cell",
            Self::NotHeld => "not-held",
            Self::Undelivered => "undelivered",
            Self::StreamGaveUp => "stream-gave-up",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// The place where something was dead-lettered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The producer, or the stream mapping in front of it.
    Stream,
    /// The topic's subscription.
    Topic,
    /// The consumer, or the queue mapping in front of it.
    Queue,
}

impl Place {
    /// Returns the stored form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Topic => "topic",
            Self::Queue => "queue",
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A dead letter: the reason, and the original whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The version of this format; 1.
    pub dead_letter: u32,
    /// The reason.
    pub reason: Reason,
    /// The reason in words.
    pub detail: String,
    /// The place where the original was dead-lettered.
    pub place: Place,
    /// The cell whose queue holds the letter.
    pub cell: CellId,
    /// The time of the letter, RFC 3339.
    pub at: String,
    /// The number of tries.
    pub attempts: u32,
    /// The event's tenant, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// The event, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventId>,
    /// The dead-lettered original, whole: a message's body or a stream record's JSON.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub original: String,
    /// The original as gzip in base64, where the letter would otherwise be too large for a queue. Only on the wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    original_gzip: Option<String>,
}

/// A letter that is too large for a queue even when it is compressed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the dead letter takes {0} bytes, compressed; a queue takes {MAX_DEAD_LETTER}")]
pub struct TooLarge(usize);

/// The part of a letter that does not follow from the original.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    /// The reason.
    pub reason: Reason,
    /// The reason in words.
    pub detail: &'a str,
    /// The place where the original was dead-lettered.
    pub place: Place,
    /// The cell whose queue holds the letter.
    pub cell: &'a CellId,
    /// The time of the letter, RFC 3339.
    pub at: String,
    /// The number of tries.
    pub attempts: u32,
}

/// The version that this code writes.
pub const VERSION: u32 = 1;

impl DeadLetter {
    /// Returns a letter about `original`. It keeps [`MAX_REASON`] bytes of the detail: a parser's error may quote the
    /// whole text.
    #[must_use]
    pub fn new(draft: Draft<'_>, tenant: Option<TenantId>, event: Option<EventId>, original: &str) -> Self {
        let Draft { reason, detail, place, cell, at, attempts } = draft;
        Self {
            dead_letter: VERSION,
            reason,
            detail: head(detail, MAX_REASON).to_owned(),
            place,
            cell: cell.clone(),
            at,
            attempts,
            tenant,
            event,
            original: original.to_owned(),
            original_gzip: None,
        }
    }

    /// Returns the letter as JSON, of characters that a queue takes. Its original is compressed where it must be.
    ///
    /// # Errors
    /// When the letter is too large even then.
    pub fn encode(&self) -> Result<String, TooLarge> {
        // Text and numbers always serialise, and a write into memory does not fail.
        let json = |letter: &Self| escape(serde_json::to_string(letter).unwrap_or_default());
        let plain = json(self);
        if plain.len() <= MAX_DEAD_LETTER {
            return Ok(plain);
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        let packed = gzip.write_all(self.original.as_bytes()).and_then(|()| gzip.finish()).unwrap_or_default();
        let letter = Self { original: String::new(), original_gzip: Some(STANDARD.encode(packed)), ..self.clone() };
        let small = json(&letter);
        if small.len() <= MAX_DEAD_LETTER { Ok(small) } else { Err(TooLarge(small.len())) }
    }

    fn decode(body: &str) -> Option<Self> {
        let mut letter: Self = serde_json::from_str(body).ok()?;
        if let Some(packed) = letter.original_gzip.take() {
            let packed = STANDARD.decode(packed).ok()?;
            GzDecoder::new(packed.as_slice()).take(MAX_ORIGINAL).read_to_string(&mut letter.original).ok()?;
        }
        Some(letter)
    }

    /// Reads a message from the dead-letter queue of `place` in `cell`. Any message becomes a letter: one in no known
    /// form is its own original. `receives` and `at` come from the queue, for letters that do not hold them.
    #[must_use]
    pub fn read(body: &str, place: Place, cell: &CellId, receives: u32, at: &str) -> Self {
        if let Some(letter) = Self::decode(body) {
            return letter;
        }
        let letter = |reason, detail: &str| {
            let draft = Draft { reason, detail, place, cell, at: at.to_owned(), attempts: receives };
            Self::new(draft, None, None, body)
        };
        if place == Place::Stream {
            #[derive(Deserialize)]
            struct GaveUp {
                #[serde(rename = "requestContext")]
                context: Context,
            }
            #[derive(Deserialize)]
            struct Context {
                condition: String,
                #[serde(rename = "approximateInvokeCount", default)]
                invocations: u32,
            }
            return match serde_json::from_str::<GaveUp>(body) {
                Ok(GaveUp { context }) => {
                    Self { attempts: context.invocations, ..letter(Reason::StreamGaveUp, &context.condition) }
                }
                Err(_) => letter(Reason::Undecodable, "neither a letter nor a stream mapping's note"),
            };
        }
        match Message::decode(body) {
            Ok(message) => {
                let (reason, detail) = match place {
                    Place::Topic => (Reason::Undelivered, "the topic could not deliver it to the queue"),
                    _ => (Reason::RetriesExhausted, "the queue moved it after its last receive"),
                };
                Self { tenant: Some(message.tenant), event: Some(message.id), ..letter(reason, detail) }
            }
            Err(error) => letter(Reason::Undecodable, &error.to_string()),
        }
    }

    /// Returns the message of the letter's event, if it has one.
    #[must_use]
    pub fn message(&self) -> Option<Message> {
        Message::decode(&self.original).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::queue_text::is_allowed;

    const MESSAGE: &str = r#"{"specversion":"1.0","id":"019b76da-a800-7000-8000-000000000004","source":"/cellstack",
        "type":"t","time":"2026-01-01T00:00:00.000Z","tenantid":"acme","cell":"alpha","epoch":1,"data":{"a":1}}"#;

    fn read(body: &str, place: Place) -> DeadLetter {
        DeadLetter::read(body, place, &"alpha".parse().unwrap(), 5, "2026-01-01T00:00:01.000Z")
    }

    #[test]
    fn a_letter_is_read_as_it_was_written() {
        let letter = DeadLetter { reason: Reason::Refused, attempts: 1, ..read(MESSAGE, Place::Queue) };
        assert_eq!(read(&letter.encode().unwrap(), Place::Queue), letter);
    }

    #[test]
    fn a_large_original_is_packed_and_one_that_does_not_fit_even_so_is_refused() {
        let quotes = "\"".repeat(200_000);
        let letter = DeadLetter { original: quotes.clone(), ..read(MESSAGE, Place::Queue) };
        let body = letter.encode().unwrap();
        assert!(body.len() < 10_000, "{}", body.len());
        assert_eq!(read(&body, Place::Queue), letter);

        let mut state = 1_u64;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'!' + ((state >> 33) % 89) as u8)
        });
        let noise: String = noise.take(400_000).collect();
        let letter = DeadLetter { original: noise, ..letter };
        assert!(matches!(letter.encode(), Err(TooLarge(_))));
    }

    #[test]
    fn what_aws_leaves_becomes_a_letter_too() {
        let moved = read(MESSAGE, Place::Queue);
        assert_eq!((moved.reason, moved.attempts), (Reason::RetriesExhausted, 5));
        assert_eq!(moved.tenant.as_ref().unwrap().as_str(), "acme");
        assert_eq!(moved.message().unwrap().id, moved.event.unwrap());
        assert_eq!(read(MESSAGE, Place::Topic).reason, Reason::Undelivered);

        let note = r#"{"requestContext":{"condition":"RetryAttemptsExhausted","approximateInvokeCount":11}}"#;
        let gave_up = read(note, Place::Stream);
        assert_eq!((gave_up.reason, gave_up.attempts), (Reason::StreamGaveUp, 11));
        assert_eq!(gave_up.original, note);

        for (body, place) in [("", Place::Queue), ("nonsense", Place::Topic), ("{}", Place::Stream)] {
            let letter = read(body, place);
            assert_eq!((letter.reason, letter.original.as_str()), (Reason::Undecodable, body));
        }
    }
    #[test]
    fn a_detail_of_any_length_fits_beside_the_original() {
        let cell = "alpha".parse().unwrap();
        let detail = "\u{ffff}".repeat(200_000);
        let draft = Draft {
            reason: Reason::Undecodable,
            detail: &detail,
            place: Place::Stream,
            cell: &cell,
            at: String::new(),
            attempts: 1,
        };
        let letter = DeadLetter::new(draft, None, None, MESSAGE);
        assert!(letter.encode().unwrap().len() < 10_000);
        assert!(detail.starts_with(&letter.detail) && !letter.detail.is_empty());
    }

    proptest! {
        // A debug build takes long to compress a large letter.
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_queue_takes_a_letter_about_anything(
            original in "\\PC{0,20}[\u{0}\u{fffe}\u{ffff}\u{1ffff}\"\\\\]{0,4}\\PC{0,20}",
            detail in "\\PC{0,20}[\u{0}\u{fffe}\u{ffff}\u{1ffff}\"\\\\]{0,4}",
            copies in prop_oneof![Just(1_usize), Just(8_000)],
        ) {
            let original = original.repeat(copies);
            let letter = DeadLetter { original, detail, ..read(MESSAGE, Place::Queue) };
            let body = letter.encode().unwrap();
            prop_assert!(body.chars().all(is_allowed) && body.len() <= MAX_DEAD_LETTER);
            prop_assert_eq!(read(&body, Place::Queue), letter);
        }
    }
}
