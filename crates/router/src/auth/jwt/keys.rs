//! The issuer's keys, kept between requests.
//!
//! A set is used for [`JWT_KEYS_AGE`] and then read again; it is also read again when a token names a key that is not
//! in it. A cooldown separates two reads, so that made-up key names cost the issuer and the other callers next to
//! nothing. One read is in flight at a time: a request that has its key already proceeds, and one that has none waits. A
//! read that fails takes nothing away: the old set stays in use.

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
    /// The URL that the keys are read from; `None` for keys that came with the settings and never change.
    url: Option<String>,
    algorithm: Algorithm,
    http: SharedHttpClient,
    clock: A,
    lease_clock: LeaseClock,
    known: Mutex<Known>,
    /// The permit to read the set.
    permit: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    set: Option<Arc<KeySet>>,
    /// The time at which the read of `set` was sent.
    read: Option<LeaseTime>,
    /// The time at which the last read was sent, or failed.
    tried: Option<LeaseTime>,
    /// True if the last read brought no set, or no read has ended yet.
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

    /// Finds the key that a token names, or the only key if the token names none.
    pub(super) async fn find(&self, name: Option<&str>) -> Result<Arc<DecodingKey>, Problem> {
        if self.lacks(name) {
            let _permit = self.permit.lock().await;
            // Does nothing if the previous holder of the permit has just read the set.
            self.read_if_due().await;
        } else if self.is_old()
            && let Ok(_permit) = self.permit.try_lock()
        {
            self.read_if_due().await;
        }
        match self.look_up(name) {
            Some(Lookup::Key(key)) => Ok(key),
            Some(Lookup::Ambiguous) => Err(Refusal::KeyNotNamed.into()),
            // A key that the set lacks may be in the set that can't be read. Its absence does not prove a forgery.
            _ if self.known().failed => Err(Problem::unavailable("The router could not read the token issuer's keys.")),
            Some(Lookup::Unknown) | None => Err(Refusal::KeyUnknown.into()),
        }
    }

    fn look_up(&self, name: Option<&str>) -> Option<Lookup> {
        let set = self.known().set.clone();
        set.map(|set| set.find(name))
    }

    /// Returns whether a newer set may have a key that this one lacks.
    fn lacks(&self, name: Option<&str>) -> bool {
        matches!(self.look_up(name), None | Some(Lookup::Unknown))
    }

    fn is_old(&self) -> bool {
        let now = self.lease_clock.now(self.clock.now());
        self.url.is_some() && self.known().read.is_none_or(|read| read.age_at(now) >= JWT_KEYS_AGE)
    }

    /// Reads the set, unless the last attempt is too recent. The caller holds the permit.
    async fn read_if_due(&self) {
        let Some(url) = &self.url else { return };
        let now = self.lease_clock.now(self.clock.now());
        {
            let mut known = self.known();
            let cooldown = if known.set.is_some() { JWT_KEYS_COOLDOWN } else { JWT_KEYS_COLD_COOLDOWN };
            if known.tried.is_some_and(|tried| tried.age_at(now) < cooldown) {
                return;
            }
            // Noted before the read, so that a read that is dropped on its way counts as well, and as failed.
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
                // The cooldown begins again. Otherwise each waiting request would wait for a read of its own.
                self.known().tried = Some(self.lease_clock.now(self.clock.now()));
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A panic while the lock was held can't leave a set half written.
        lock(&self.known)
    }
}
