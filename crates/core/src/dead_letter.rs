//! What lies in a dead-letter queue, and why: one format for every place that gives something up.
//!
//! Producer and consumer write a [`DeadLetter`] as JSON. Two kinds of letter come from AWS itself, raw: a message that SQS
//! moved after its last receive or that a topic could not deliver (the CloudEvent as it was), and the note that a stream
//! mapping leaves of a batch it gave up (where it stood on the stream, not the records). [`DeadLetter::read`] makes one
//! format of all three.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::limits::{MAX_DEAD_LETTER, MAX_ORIGINAL, MAX_REASON};
use crate::queue_text::escape;
use crate::{CellId, EventId, Message, TenantId};

/// Why something was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The processor refused the event for good; the event is `failed`.
    Refused,
    /// It was tried as often as the queue allows; the event is still `accepted`.
    RetriesExhausted,
    /// It can't be read.
    Undecodable,
    /// It belongs to another cell.
    ForeignCell,
    /// This cell does not hold the event.
    NotHeld,
    /// The topic could not deliver it to the queue.
    Undelivered,
    /// The stream mapping gave up a batch; its records are on the stream for 24 hours after they were written.
    StreamGaveUp,
}

impl Reason {
    /// As written.
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

/// Where something was given up.
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
    /// As written.
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

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Version of this format; 1.
    pub dead_letter: u32,
    /// Why.
    pub reason: Reason,
    /// Why, in words.
    pub detail: String,
    /// Where.
    pub place: Place,
    /// The cell it lies in.
    pub cell: CellId,
    /// When, RFC 3339.
    pub at: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Whose event it is, as far as that can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// Which event it is, as far as that can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventId>,
    /// What was given up, whole: a message's body or a stream record's JSON.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub original: String,
    /// The original as gzip in base64, where the letter would be too large for a queue otherwise. Only on the wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    original_gzip: Option<String>,
}

/// A letter that is too large for a queue even when it is compressed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the dead letter takes {0} bytes, compressed; a queue takes {MAX_DEAD_LETTER}")]
pub struct TooLarge(usize);

/// What a letter says of itself; the rest follows from the original.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    /// Why.
    pub reason: Reason,
    /// Why, in words.
    pub detail: &'a str,
    /// Where.
    pub place: Place,
    /// The cell it lies in.
    pub cell: &'a CellId,
    /// When, RFC 3339.
    pub at: String,
    /// How often it was tried.
    pub attempts: u32,
}

/// The version this code writes.
pub const VERSION: u32 = 1;

impl DeadLetter {
    /// A letter about `original`. Of the detail it keeps [`MAX_REASON`] bytes: what a parser says of a text may hold all of
    /// the text.
    #[must_use]
    pub fn new(draft: Draft<'_>, tenant: Option<TenantId>, event: Option<EventId>, original: &str) -> Self {
        let Draft { reason, detail, place, cell, at, attempts } = draft;
        Self {
            dead_letter: VERSION,
            reason,
            detail: detail[..detail.floor_char_boundary(MAX_REASON)].to_owned(),
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

    /// A letter as JSON, of characters that a queue takes, its original compressed where it must be.
    ///
    /// # Errors
    /// When it is too large even so.
    pub fn encode(&self) -> Result<String, TooLarge> {
        // Text and numbers always serialise, and writing into memory does not fail.
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

    /// Reads what lies in the dead-letter queue of `place` in `cell`. Whatever it is, there is a letter: what is in no
    /// known form is its own original. `receives` and `at` are what the queue says of the message, for letters that do
    /// not say it themselves.
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

    /// The message of the event it is about, if it has one.
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
        // Packing a large letter takes a debug build its time.
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
