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
            struct MappingNote {
                #[serde(rename = "requestContext")]
                context: Context,
            }
            #[derive(Deserialize)]
            struct Context {
                condition: String,
                #[serde(rename = "approximateInvokeCount", default)]
                invocations: u32,
            }
            return match serde_json::from_str::<MappingNote>(body) {
                Ok(MappingNote { context }) => {
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
mod tests;
