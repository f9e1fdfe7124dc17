//! Checks of a token. Nothing here waits, and the caller passes the time.
//!
//! Parts are read as bare JSON objects: the library's own types for them know dozens of names that mean nothing here,
//! and cost a hundred kilobytes of the function's zip. The library checks signatures only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cellstack_core::limits::JWT_LEEWAY;
use cellstack_core::{InvalidId, TenantId};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{DecodingKey, crypto};
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::refusal::Refusal;
use super::settings::JwtSettings;

/// A token whose header is right, and of which nothing else is known.
#[derive(Debug)]
pub(super) struct Token<'a> {
    /// The signed header and claims.
    message: &'a str,
    claims: &'a str,
    signature: &'a str,
    /// The token's `kid`.
    pub(super) key_name: Option<String>,
}

impl<'a> Token<'a> {
    /// Reads the header, which is trusted for the name of its key only.
    pub(super) fn read(text: &'a str, algorithm: Algorithm) -> Result<Self, Refusal> {
        let (message, signature) = text.rsplit_once('.').ok_or(Refusal::Garbled)?;
        let (header, claims) = message.split_once('.').ok_or(Refusal::Garbled)?;
        if claims.contains('.') {
            return Err(Refusal::Garbled);
        }
        let header = object(header)?.ok_or(Refusal::Header(algorithm))?;
        if header.get("alg").and_then(Value::as_str) != Some(algorithm.as_str()) {
            return Err(Refusal::Algorithm(algorithm));
        }
        // RFC 7515, section 4.1.11: a reader that does not know an extension that is named here must refuse the token.
        // None is known.
        if header.contains_key("crit") {
            return Err(Refusal::Critical);
        }
        let key_name = match header.get("kid") {
            None => None,
            Some(name) => Some(name.as_str().ok_or(Refusal::Header(algorithm))?.to_owned()),
        };
        Ok(Self { message, claims, signature, key_name })
    }

    /// Returns the token's tenant once its signature, issuer, audience and time are found right, in this order.
    pub(super) fn tenant(&self, key: &DecodingKey, settings: &JwtSettings, now_ms: u64) -> Result<TenantId, Refusal> {
        match crypto::verify(self.signature, self.message.as_bytes(), key, settings.algorithm.name()) {
            Ok(true) => {}
            Err(error) if matches!(error.kind(), ErrorKind::Base64(_)) => return Err(Refusal::Garbled),
            Ok(false) | Err(_) => return Err(Refusal::Signature),
        }
        let claims = object(self.claims)?.ok_or(Refusal::Claims)?;
        for_us(&claims, settings)?;
        in_time(&claims, now_ms)?;
        let lacks = || Refusal::Lacks(settings.claim.clone());
        let tenant = claims.get(&settings.claim).and_then(Value::as_str).ok_or_else(lacks)?;
        tenant
            .parse()
            .map_err(|error: InvalidId| Refusal::Tenant { claim: settings.claim.clone(), expected: error.expected })
    }
}

/// Parses a part as a JSON object. Returns `None` for any other JSON value.
fn object(part: &str) -> Result<Option<Map<String, Value>>, Refusal> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Garbled)?;
    Ok(serde_json::from_slice(&json).ok())
}

/// Checks issuer and audience: RFC 7519, sections 4.1.1 and 4.1.3.
fn for_us(claims: &Map<String, Value>, settings: &JwtSettings) -> Result<(), Refusal> {
    let lacks = |name: &str| Refusal::Lacks(name.to_owned());
    if claims.get("iss").and_then(Value::as_str).ok_or_else(|| lacks("iss"))? != settings.issuer {
        return Err(Refusal::Issuer(settings.issuer.clone()));
    }
    let ours =
        |audience: &Value| audience.as_str().is_some_and(|audience| settings.audiences.iter().any(|a| a == audience));
    let meant = match claims.get("aud") {
        Some(Value::Array(audiences)) => audiences.iter().any(ours),
        Some(audience @ Value::String(_)) => ours(audience),
        _ => return Err(lacks("aud")),
    };
    if meant { Ok(()) } else { Err(Refusal::Audience(settings.audiences.join(", "))) }
}

/// Checks `exp` and `nbf`: RFC 7519, sections 4.1.4 and 4.1.5. Dates are seconds since 1970, fractions allowed. `iat`
/// is not checked.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of our millennium fit an f64")]
fn in_time(claims: &Map<String, Value>, now_ms: u64) -> Result<(), Refusal> {
    let (now, leeway) = (now_ms as f64 / 1_000.0, JWT_LEEWAY.as_secs_f64());
    let lacks = |name: &str| Refusal::Lacks(name.to_owned());
    let date = |name: &str| claims.get(name).map(|value| value.as_f64().ok_or_else(|| lacks(name))).transpose();
    let expires = date("exp")?.ok_or_else(|| lacks("exp"))?;
    if now >= expires + leeway {
        return Err(Refusal::Expired);
    }
    match date("nbf")? {
        Some(begins) if now < begins - leeway => Err(Refusal::NotYetValid),
        _ => Ok(()),
    }
}
