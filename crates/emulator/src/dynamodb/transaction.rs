//! A `TransactWriteItems` in flight: it locks its items, no other request waits for it, and its commit decides it.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-isolation-write-get>

use std::collections::HashSet;
use std::time::Duration;

use super::conflict::{check, in_progress_exception};
use super::keys::{ItemKey, items_of_transaction};
use super::store::{DynamoDb, Refusal, State};
use super::tokens::Tokened;
use crate::sync::lock;

/// The items and tokens of the transactions in flight.
#[derive(Default)]
pub(super) struct Locks {
    items: HashSet<ItemKey>,
    tokens: HashSet<String>,
}

impl Locks {
    pub(super) fn holds(&self, item: &ItemKey) -> bool {
        self.items.contains(item)
    }

    /// Returns whether no transaction is in flight, so that no look-up is needed.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// A transaction between its locks and its commit. Dropped there, as by a caller that dies, it leaves no lock; a draw
/// at its beginning decides whether it commits.
struct InFlight<'a> {
    dynamodb: &'a DynamoDb,
    body: &'a str,
    items: Vec<ItemKey>,
    token: Option<String>,
    commits_alone: bool,
    over: bool,
}

enum Begun<'a> {
    Done(Result<String, Refusal>),
    InFlight(InFlight<'a>),
}

impl DynamoDb {
    /// Runs a `TransactWriteItems` that takes some time.
    pub(super) async fn transact_for(&self, body: &str, time: Duration) -> Result<String, Refusal> {
        let in_flight = match self.begin(body) {
            Begun::Done(response) => return response,
            Begun::InFlight(in_flight) => in_flight,
        };
        tokio::time::sleep(time).await;
        in_flight.commit()
    }

    fn begin<'a>(&'a self, body: &'a str) -> Begun<'a> {
        let mut state = lock(&self.state);
        let request: Tokened<'_> = serde_json::from_str(body).unwrap_or_default();
        if let Some(token) = &request.token {
            if state.locks.tokens.contains(token) {
                return Begun::Done(Err(Refusal { status: 400, body: in_progress_exception() }));
            }
            if state.is_remembered(token, &request, self.context.clock.ms()) {
                // The response to a known token needs no look at any item.
                return Begun::Done(self.run_now(&mut state, "TransactWriteItems", body));
            }
        }
        let distinct = |items: &Vec<ItemKey>| items.iter().collect::<HashSet<_>>().len() == items.len();
        let Some(items) = items_of_transaction(&mut state, body).filter(distinct) else {
            // The engine says what is wrong with it.
            return Begun::Done(self.run_now(&mut state, "TransactWriteItems", body));
        };
        if let Err(error) = check(&state, &items) {
            return Begun::Done(Err(error.into()));
        }
        state.locks.items.extend(items.iter().cloned());
        state.locks.tokens.extend(request.token.clone());
        let commits_alone = self.context.disorder.coin();
        Begun::InFlight(InFlight { dynamodb: self, body, items, token: request.token, commits_alone, over: false })
    }
}

impl InFlight<'_> {
    fn commit(mut self) -> Result<String, Refusal> {
        self.over = true;
        let dynamodb = self.dynamodb;
        let mut state = lock(&dynamodb.state);
        self.unlock(&mut state);
        dynamodb.run_now(&mut state, "TransactWriteItems", self.body)
    }

    fn unlock(&self, state: &mut State) {
        for item in &self.items {
            state.locks.items.remove(item);
        }
        if let Some(token) = &self.token {
            state.locks.tokens.remove(token);
        }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let mut state = lock(&self.dynamodb.state);
        self.unlock(&mut state);
        if self.commits_alone {
            // No caller is left to read the result.
            let _ = self.dynamodb.run_now(&mut state, "TransactWriteItems", self.body);
        }
    }
}
