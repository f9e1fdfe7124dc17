//! The tenant of a request, proven by a token: a JWT (RFC 7519) signed by the configured issuer.
//!
//! One algorithm is pinned, and nothing in a token changes that: its header only chooses among the issuer's keys. The
//! signature is checked before any claim. Time comes from the router's clocks, keys from the issuer's key set
//! ([`keys`]).

mod algorithm;
mod check;
mod jwk;
mod keys;
mod provider;
mod refusal;
mod settings;
#[cfg(test)]
mod tests;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use cellstack_core::limits::JWT_MAX_TOKEN;
use cellstack_core::{Clock, TenantId};
use lambda_http::http::HeaderMap;
use lambda_http::http::header::AUTHORIZATION;

use self::check::Token;
use self::keys::Keys;
use self::refusal::Refusal;
pub use self::settings::JwtSettings;
use crate::http::problem::Problem;

/// A reader of a request's tenant from its token.
pub(crate) struct Verifier<A> {
    settings: JwtSettings,
    keys: Keys<A>,
    clock: A,
}

impl<A: Clock + Clone> Verifier<A> {
    /// Makes a verifier that has read no keys yet. `http` must trust the issuer's certificate.
    pub(crate) fn new(settings: JwtSettings, http: SharedHttpClient, clock: A) -> Self {
        provider::install();
        let keys = Keys::new(settings.keys.clone(), settings.algorithm, http, clock.clone());
        Self { settings, keys, clock }
    }

    /// Reads the key set, so that the first request need not. A failure is logged, and the first request tries again.
    pub(crate) async fn warm(&self) {
        self.keys.warm().await;
    }

    /// Returns the tenant that the request's token proves.
    ///
    /// # Errors
    /// Fails with `unauthenticated` if the token is missing or proves nothing, and with `unavailable` if no key is
    /// known to check it.
    pub(crate) async fn tenant(&self, headers: &HeaderMap) -> Result<TenantId, Problem> {
        let token = Token::read(self.token(headers)?, self.settings.algorithm)?;
        let key = self.keys.find(token.key_name.as_deref()).await?;
        Ok(token.tenant(&key, &self.settings, self.clock.wall_ms())?)
    }

    fn token<'a>(&self, headers: &'a HeaderMap) -> Result<&'a str, Refusal> {
        let name = &self.settings.header;
        let mut values = headers.get_all(name).iter();
        let value = match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().map_err(|_| Refusal::Garbled)?,
            (None, _) => return Err(Refusal::Missing(name.clone())),
            (Some(_), Some(_)) => return Err(Refusal::Several(name.clone())),
        };
        let token = match value.split_once(' ') {
            // Names of schemes are case-insensitive (RFC 9110, section 11.1).
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            None if name != AUTHORIZATION => value,
            _ => return Err(Refusal::Missing(name.clone())),
        };
        if token.len() > JWT_MAX_TOKEN { Err(Refusal::TooLong) } else { Ok(token) }
    }
}
