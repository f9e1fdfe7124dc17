//! `ClientRequestToken` of `TransactWriteItems`: a repeat within ten minutes has no second effect.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>

use std::collections::{HashMap, VecDeque};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::canonical::canonical_hash;

/// The time that a token is remembered after the transaction it came with.
const REMEMBERED_MS: u64 = 10 * 60 * 1000;
/// The longest token DynamoDB accepts.
const MAX_LENGTH: usize = 36;

/// The part of a request that must be the same when its token comes again.
#[derive(Default, Deserialize)]
pub(super) struct Tokened<'a> {
    #[serde(rename = "ClientRequestToken", default)]
    pub(super) token: Option<String>,
    #[serde(rename = "TransactItems", borrow, default)]
    items: Option<&'a RawValue>,
}

impl Tokened<'_> {
    pub(super) fn hash(&self) -> u64 {
        canonical_hash(self.items.map_or("", RawValue::get))
    }

    pub(super) fn check_length(&self) -> Result<(), String> {
        match &self.token {
            Some(token) if token.len() > MAX_LENGTH => Err(format!(
                "1 validation error detected: Value '{token}' at 'clientRequestToken' failed to satisfy constraint: \
                 Member must have length less than or equal to {MAX_LENGTH}"
            )),
            _ => Ok(()),
        }
    }
}

/// The result of a look-up of a token.
pub(super) enum Seen<'a> {
    Never,
    Same(&'a str),
    Different,
}

struct Entry {
    hash: u64,
    response: Box<str>,
}

/// The tokens of the last ten minutes.
#[derive(Default)]
pub(super) struct Tokens {
    entries: HashMap<Box<str>, Entry>,
    by_age: VecDeque<(u64, Box<str>)>,
    bytes: usize,
}

impl Tokens {
    pub(super) fn look_up(&mut self, token: &str, hash: u64, now: u64) -> Seen<'_> {
        while let Some((expires, _)) = self.by_age.front()
            && *expires <= now
        {
            if let Some((_, old)) = self.by_age.pop_front() {
                let response = self.entries.remove(&old).map_or(0, |entry| entry.response.len());
                self.bytes = self.bytes.saturating_sub(size(&old, response));
            }
        }
        match self.entries.get(token) {
            None => Seen::Never,
            Some(entry) if entry.hash == hash => Seen::Same(&entry.response),
            Some(_) => Seen::Different,
        }
    }

    /// Returns the approximate size of the tokens and their responses in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn remember(&mut self, token: &str, hash: u64, response: &str, now: u64) {
        self.bytes += size(token, response.len());
        let entry = Entry { hash, response: response.into() };
        self.entries.insert(token.into(), entry);
        self.by_age.push_back((now + REMEMBERED_MS, token.into()));
    }
}

/// Returns the approximate bytes of a token, which is stored twice, and its response.
fn size(token: &str, response: usize) -> usize {
    2 * token.len() + response + 64
}
