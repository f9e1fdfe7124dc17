//! The algorithms that may sign a token. One is configured; the router refuses the rest.

use std::fmt;
use std::str::FromStr;

use jsonwebtoken::Algorithm as Name;

/// An algorithm of a public key. Shared secrets (`HS*`) and `none` are not among them: anyone who can check such a
/// token can make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Algorithm(Name);

const TAKEN: [(&str, Name); 9] = [
    ("RS256", Name::RS256),
    ("RS384", Name::RS384),
    ("RS512", Name::RS512),
    ("PS256", Name::PS256),
    ("PS384", Name::PS384),
    ("PS512", Name::PS512),
    ("ES256", Name::ES256),
    ("ES384", Name::ES384),
    ("EdDSA", Name::EdDSA),
];

/// The texts that [`Algorithm`] reads, for errors.
pub(super) const EXPECTED: &str = "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA";

/// The kind of key that an algorithm needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    Rsa,
    /// A key on the curve of this name.
    Ec(&'static str),
    Ed25519,
}

impl Algorithm {
    #[cfg(test)]
    pub(super) const RS256: Self = Self(Name::RS256);

    /// Returns the library's name of the algorithm.
    pub(super) const fn name(self) -> Name {
        self.0
    }

    /// Returns the algorithm as a token's `alg` names it.
    pub(super) fn as_str(self) -> &'static str {
        TAKEN.iter().find(|(_, name)| *name == self.0).map_or("", |(name, _)| name)
    }

    pub(super) const fn key_kind(self) -> KeyKind {
        match self.0 {
            Name::ES256 => KeyKind::Ec("P-256"),
            Name::ES384 => KeyKind::Ec("P-384"),
            Name::EdDSA => KeyKind::Ed25519,
            _ => KeyKind::Rsa,
        }
    }
}

impl FromStr for Algorithm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = TAKEN.iter().find(|(name, _)| *name == text);
        found.map(|(_, name)| Self(*name)).ok_or_else(|| format!("expected {EXPECTED}"))
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_algorithms_of_public_keys_are_read() {
        for (name, _) in TAKEN {
            assert_eq!(name.parse::<Algorithm>().unwrap().to_string(), name);
            assert!(EXPECTED.contains(name));
        }
        for refused in ["HS256", "HS384", "HS512", "none", "None", "rs256", "RS1", ""] {
            assert!(refused.parse::<Algorithm>().is_err(), "{refused}");
        }
    }
}
