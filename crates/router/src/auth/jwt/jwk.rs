//! A JWK set (RFC 7517), read for the keys that fit the pinned algorithm.

use std::sync::Arc;

use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use super::algorithm::{Algorithm, KeyKind};

/// The keys of an issuer that fit one algorithm. There is at least one.
#[derive(Debug, Clone)]
pub(super) struct KeySet(Vec<Key>);

#[derive(Debug, Clone)]
struct Key {
    name: Option<String>,
    key: Arc<DecodingKey>,
}

/// A text that is not a key set, or a set without a usable key. The error holds nothing of the text: it may contain
/// private keys by mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeySetError {
    #[error("expected a JWK set, {{\"keys\":[…]}}; found {0}")]
    NoSet(String),
    #[error("expected a key for {algorithm} (kty {kty}, use sig or none); none of the {found} keys is one")]
    NoKey { algorithm: Algorithm, kty: &'static str, found: usize },
}

/// The result of looking up a token's `kid`.
#[derive(Debug)]
pub(super) enum Lookup {
    Key(Arc<DecodingKey>),
    /// No key has this name.
    Unknown,
    /// The token names no key, and there are several.
    Ambiguous,
}

/// The shortest modulus that is accepted: 2048 bits, as characters of base64url.
const LEAST_MODULUS: usize = 2048 / 8 * 4 / 3;

impl KeySet {
    /// Reads a set. Skips keys of other kinds, keys for other uses and keys that can't be read: a set may hold keys
    /// that are meant for others (RFC 7517, section 5).
    pub(super) fn read(text: &[u8], algorithm: Algorithm) -> Result<Self, KeySetError> {
        // The error says where the text is wrong and does not quote it.
        let wrong =
            |error: serde_json::Error| format!("no JSON object at line {}, column {}", error.line(), error.column());
        let document: Map<String, Value> =
            serde_json::from_slice(text).map_err(|error| KeySetError::NoSet(wrong(error)))?;
        let Some(Value::Array(found)) = document.get("keys") else {
            return Err(KeySetError::NoSet("an object without it".to_owned()));
        };
        let keys: Vec<Key> = found.iter().filter_map(|key| Key::read(key, algorithm)).collect();
        if keys.is_empty() {
            let kty = match algorithm.key_kind() {
                KeyKind::Rsa => "RSA of 2048 bits or more",
                KeyKind::Ec(_) => "EC of the right curve",
                KeyKind::Ed25519 => "OKP of curve Ed25519",
            };
            return Err(KeySetError::NoKey { algorithm, kty, found: found.len() });
        }
        Ok(Self(keys))
    }

    /// Finds the key that a token names. Returns the only key where the token names none, or where that key has no
    /// name.
    pub(super) fn find(&self, name: Option<&str>) -> Lookup {
        let found = match (name, self.0.as_slice()) {
            (None, [only]) | (Some(_), [only @ Key { name: None, .. }]) => Some(only),
            (None, _) => return Lookup::Ambiguous,
            (Some(_), keys) => keys.iter().find(|key| key.name.as_deref() == name),
        };
        found.map_or(Lookup::Unknown, |found| Lookup::Key(Arc::clone(&found.key)))
    }
}

impl Key {
    /// Returns the key if it fits the algorithm.
    fn read(jwk: &Value, algorithm: Algorithm) -> Option<Self> {
        let text = |name| jwk.get(name).and_then(Value::as_str);
        let absent_or = |name, wanted| jwk.get(name).is_none_or(|value| value.as_str() == Some(wanted));
        let verifies = |ops: &Value| ops.as_array().is_some_and(|ops| ops.iter().any(|op| op == "verify"));
        if !absent_or("use", "sig") || !absent_or("alg", algorithm.as_str()) || !jwk.get("key_ops").is_none_or(verifies)
        {
            return None;
        }
        let key = match (algorithm.key_kind(), text("kty")?) {
            (KeyKind::Rsa, "RSA") => {
                let modulus = text("n").filter(|n| n.len() >= LEAST_MODULUS)?;
                DecodingKey::from_rsa_components(modulus, text("e")?)
            }
            (KeyKind::Ec(curve), "EC") if text("crv")? == curve => {
                DecodingKey::from_ec_components(text("x")?, text("y")?)
            }
            (KeyKind::Ed25519, "OKP") if text("crv")? == "Ed25519" => DecodingKey::from_ed_components(text("x")?),
            _ => return None,
        };
        let name = match jwk.get("kid") {
            None => None,
            Some(name) => Some(name.as_str()?.to_owned()),
        };
        Some(Self { name, key: Arc::new(key.ok()?) })
    }
}
