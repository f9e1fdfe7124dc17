//! The settings of tokens.

use std::sync::Arc;

use cellstack_core::config::ConfigError;
use cellstack_core::limits::JWT_KEYS_MAX;
use lambda_http::http::header::AUTHORIZATION;
use lambda_http::http::{HeaderName, Uri};

use super::algorithm::{Algorithm, EXPECTED};
use super::jwk::KeySet;

/// The tokens that are accepted, and the source of the keys that verify them.
#[derive(Debug, Clone)]
pub struct JwtSettings {
    pub(super) issuer: String,
    /// The accepted audiences. A token must be meant for one of these.
    pub(super) audiences: Vec<String>,
    pub(super) algorithm: Algorithm,
    /// The claim that holds the tenant's id.
    pub(super) claim: String,
    /// The header that holds the token.
    pub(super) header: HeaderName,
    pub(super) keys: KeySource,
}

/// The source of the issuer's keys.
#[derive(Debug, Clone)]
pub(super) enum KeySource {
    /// A URL, read when keys are needed.
    Url(String),
    /// The set itself.
    Inline(Arc<KeySet>),
}

const ISSUER: &str = "CELLSTACK_JWT_ISSUER";
const AUDIENCE: &str = "CELLSTACK_JWT_AUDIENCE";
const ALGORITHM: &str = "CELLSTACK_JWT_ALGORITHM";
const CLAIM: &str = "CELLSTACK_JWT_TENANT_CLAIM";
const HEADER: &str = "CELLSTACK_JWT_HEADER";
const KEYS: &str = "CELLSTACK_JWT_KEYS";

const ISSUER_EXPECTED: &str = "the issuer of tokens, exactly as their iss has it";
const AUDIENCE_EXPECTED: &str = "the audiences a token may be meant for (its aud), with commas between them";
const KEYS_EXPECTED: &str = "the https URL of the issuer's JWK set, or the set itself";

impl JwtSettings {
    /// Reads `CELLSTACK_JWT_ISSUER`, `CELLSTACK_JWT_AUDIENCE` and `CELLSTACK_JWT_KEYS`, which must be set, and
    /// `CELLSTACK_JWT_ALGORITHM` (`RS256` unless set), `CELLSTACK_JWT_TENANT_CLAIM` (`tenant_id`) and
    /// `CELLSTACK_JWT_HEADER` (`authorization`).
    ///
    /// # Errors
    /// Fails if a variable is missing or invalid.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads the same variables as [`JwtSettings::from_env`], through `look_up`.
    ///
    /// # Errors
    /// Fails if a variable is missing or invalid.
    pub fn read(look_up: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let set = |name: &str| look_up(name).filter(|value| !value.is_empty());
        let needed = |name, expected| set(name).ok_or(ConfigError::Missing { name, expected });

        let audience = needed(AUDIENCE, AUDIENCE_EXPECTED)?;
        let audiences: Vec<String> =
            audience.split(',').map(str::trim).filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect();
        if audiences.is_empty() {
            return Err(ConfigError::invalid(AUDIENCE, AUDIENCE_EXPECTED, &audience, "it names none"));
        }
        let algorithm = set(ALGORITHM).unwrap_or_else(|| "RS256".to_owned());
        let algorithm = algorithm
            .parse::<Algorithm>()
            .map_err(|reason| ConfigError::invalid(ALGORITHM, EXPECTED, &algorithm, reason))?;
        let header = match set(HEADER) {
            None => AUTHORIZATION,
            Some(name) => HeaderName::try_from(&name)
                .map_err(|error| ConfigError::invalid(HEADER, "the name of a header", &name, error))?,
        };
        Ok(Self {
            issuer: needed(ISSUER, ISSUER_EXPECTED)?,
            audiences,
            algorithm,
            claim: set(CLAIM).unwrap_or_else(|| "tenant_id".to_owned()),
            header,
            keys: KeySource::read(needed(KEYS, KEYS_EXPECTED)?, algorithm)?,
        })
    }
}

impl KeySource {
    fn read(text: String, algorithm: Algorithm) -> Result<Self, ConfigError> {
        if text.trim_start().starts_with('{') {
            // The error does not quote the value: it may hold private keys by mistake, and errors end in logs.
            let refused =
                |reason| ConfigError::invalid(KEYS, KEYS_EXPECTED, &format!("{} bytes of JSON", text.len()), reason);
            if text.len() > JWT_KEYS_MAX {
                return Err(refused(format!("at most {JWT_KEYS_MAX} bytes")));
            }
            let set = KeySet::read(text.as_bytes(), algorithm).map_err(|error| refused(error.to_string()))?;
            return Ok(Self::Inline(Arc::new(set)));
        }
        match is_safe(&text) {
            Ok(()) => Ok(Self::Url(text)),
            Err(reason) => Err(ConfigError::invalid(KEYS, KEYS_EXPECTED, &text, reason)),
        }
    }
}

/// Accepts HTTPS, and HTTP from a loopback address only: anyone may have replaced keys that come unencrypted.
fn is_safe(url: &str) -> Result<(), String> {
    let url: Uri = url.parse().map_err(|error| format!("it is not a URL: {error}"))?;
    match (url.scheme_str(), url.host()) {
        (Some("https"), Some(_)) | (Some("http"), Some("localhost" | "[::1]")) => Ok(()),
        (Some("http"), Some(host)) if host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback()) => Ok(()),
        (Some("http"), _) => Err("http is taken for a loopback address only".to_owned()),
        _ => Err("it has no https scheme".to_owned()),
    }
}
