//! The issuer's keys, kept between requests.
//!
//! A set is used for [`JWT_KEYS_AGE`], then read again; also when a token names a key that is not in it. Between two reads
//! lies a cooldown, so that made-up key names cost the issuer and the other callers next to nothing. One read at a time: who
//! has a key already goes on with it, who has none waits. A read that fails takes nothing away: the old set serves on.

use cellstack_core::sync::lock;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use cellstack_aws::fetch;
use cellstack_core::Clock;
use cellstack_core::lease::{LeaseClock, LeaseTime};
use cellstack_core::limits::{JWT_KEYS_AGE, JWT_KEYS_COLD_COOLDOWN, JWT_KEYS_COOLDOWN, JWT_KEYS_MAX, JWT_KEYS_TIMEOUT};
use jsonwebtoken::DecodingKey;

use super::algorithm::Algorithm;
use super::jwk::{KeySet, Lookup};
use super::refusal::Refusal;
use super::settings::KeySource;
use crate::http::problem::Problem;

/// The keys of one issuer.
pub(super) struct Keys<A> {
    /// Where they are read; `None` for those that came with the settings and never change.
    url: Option<String>,
    algorithm: Algorithm,
    http: SharedHttpClient,
    clock: A,
    lease_clock: LeaseClock,
    known: Mutex<Known>,
    /// Held by whoever reads the set.
    permit: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    set: Option<Arc<KeySet>>,
    /// When the read was sent that `set` came from.
    read: Option<LeaseTime>,
    /// When the last read was sent, or failed.
    tried: Option<LeaseTime>,
    /// Whether the last read brought no set, or none has ended yet.
    failed: bool,
}

impl<A: Clock> Keys<A> {
    pub(super) fn new(source: KeySource, algorithm: Algorithm, http: SharedHttpClient, clock: A) -> Self {
        let (url, set) = match source {
            KeySource::Url(url) => (Some(url), None),
            KeySource::Inline(set) => (None, Some(set)),
        };
        let known = Mutex::new(Known { set, ..Known::default() });
        Self {
            url,
            algorithm,
            http,
            clock,
            lease_clock: LeaseClock::default(),
            known,
            permit: tokio::sync::Mutex::default(),
        }
    }

    /// Reads the set if none is known.
    pub(super) async fn warm(&self) {
        let _permit = self.permit.lock().await;
        if self.known().set.is_none() {
            self.read_if_due().await;
        }
    }

    /// The key of a token that names it so.
    pub(super) async fn find(&self, name: Option<&str>) -> Result<Arc<DecodingKey>, Problem> {
        if self.lacks(name) {
            let _permit = self.permit.lock().await;
            // Does nothing if whoever held the turn before has read it just now.
            self.read_if_due().await;
        } else if self.is_old()
            && let Ok(_permit) = self.permit.try_lock()
        {
            self.read_if_due().await;
        }
        match self.look_up(name) {
            Some(Lookup::Key(key)) => Ok(key),
            Some(Lookup::Ambiguous) => Err(Refusal::KeyNotNamed.into()),
            // What the set lacks may be in the one that can't be read: that is nobody's proof of a forgery.
            _ if self.known().failed => Err(Problem::unavailable("The router could not read the token issuer's keys.")),
            Some(Lookup::Unknown) | None => Err(Refusal::KeyUnknown.into()),
        }
    }

    fn look_up(&self, name: Option<&str>) -> Option<Lookup> {
        let set = self.known().set.clone();
        set.map(|set| set.find(name))
    }

    /// Whether a newer set may have what this one has not.
    fn lacks(&self, name: Option<&str>) -> bool {
        matches!(self.look_up(name), None | Some(Lookup::Unknown))
    }

    fn is_old(&self) -> bool {
        let now = self.lease_clock.now(self.clock.now());
        self.url.is_some() && self.known().read.is_none_or(|read| read.age_at(now) >= JWT_KEYS_AGE)
    }

    /// Reads the set, unless it was tried not long ago. Whoever calls this holds the turn.
    async fn read_if_due(&self) {
        let Some(url) = &self.url else { return };
        let now = self.lease_clock.now(self.clock.now());
        {
            let mut known = self.known();
            let cooldown = if known.set.is_some() { JWT_KEYS_COOLDOWN } else { JWT_KEYS_COLD_COOLDOWN };
            if known.tried.is_some_and(|tried| tried.age_at(now) < cooldown) {
                return;
            }
            // Noted before the read: one that is dropped on its way counts as well, and as failed.
            known.tried = Some(now);
            known.failed = true;
        }
        let text = fetch::get(&self.http, url, JWT_KEYS_MAX, JWT_KEYS_TIMEOUT).await;
        let set = text
            .map_err(|error| error.to_string())
            .and_then(|text| KeySet::read(&text, self.algorithm).map_err(|error| error.to_string()));
        match set {
            Ok(set) => {
                let mut known = self.known();
                known.set = Some(Arc::new(set));
                known.read = Some(now);
                known.failed = false;
            }
            Err(reason) => {
                tracing::warn!(%url, reason, "the token issuer's keys could not be read");
                // The cooldown begins again, or those that wait would each wait for a read of their own.
                self.known().tried = Some(self.lease_clock.now(self.clock.now()));
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A panic while the lock was held can't leave a set half written.
        lock(&self.known)
    }
}
