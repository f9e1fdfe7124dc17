//! A hash of JSON that does not depend on the order of an object's members.
//!
//! A `ClientRequestToken` that comes again must come with the same request, and a client that retries may serialise the
//! same maps in another order.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A hash of one JSON value.
pub(crate) struct CanonicalHash(pub(crate) u64);

fn hash(tag: u8, value: impl Hash) -> CanonicalHash {
    let mut hasher = DefaultHasher::new();
    tag.hash(&mut hasher);
    value.hash(&mut hasher);
    CanonicalHash(hasher.finish())
}

impl<'de> Deserialize<'de> for CanonicalHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HashVisitor)
    }
}

struct HashVisitor;

impl<'de> Visitor<'de> for HashVisitor {
    type Value = CanonicalHash;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<CanonicalHash, E> {
        Ok(hash(0, ()))
    }

    fn visit_bool<E>(self, v: bool) -> Result<CanonicalHash, E> {
        Ok(hash(1, v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<CanonicalHash, E> {
        Ok(hash(2, v))
    }

    fn visit_u64<E>(self, v: u64) -> Result<CanonicalHash, E> {
        Ok(hash(3, v))
    }

    fn visit_f64<E>(self, v: f64) -> Result<CanonicalHash, E> {
        Ok(hash(4, v.to_bits()))
    }

    fn visit_str<E>(self, v: &str) -> Result<CanonicalHash, E> {
        Ok(hash(5, v))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<CanonicalHash, A::Error> {
        let mut hasher = DefaultHasher::new();
        6u8.hash(&mut hasher);
        while let Some(CanonicalHash(element)) = seq.next_element()? {
            element.hash(&mut hasher);
        }
        Ok(CanonicalHash(hasher.finish()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CanonicalHash, A::Error> {
        // Members are summed, so that their order cannot matter.
        let mut sum = 7u64;
        while let Some((CanonicalHash(key), CanonicalHash(value))) = map.next_entry()? {
            sum = sum.wrapping_add(hash(8, (key, value)).0);
        }
        Ok(hash(9, sum))
    }
}

/// Returns the hash of a JSON text, or of its bytes if it is not JSON.
pub(crate) fn canonical_hash(json: &str) -> u64 {
    serde_json::from_str::<CanonicalHash>(json).map_or_else(|_| hash(10, json).0, |h| h.0)
}

#[cfg(test)]
mod tests {
    use super::canonical_hash;

    #[test]
    fn member_order_does_not_matter_and_everything_else_does() {
        let a = canonical_hash(r#"{"a":{"S":"x"},"b":[1,{"N":"2"}]}"#);
        assert_eq!(a, canonical_hash(r#"{ "b": [1, {"N":"2"}], "a": {"S":"x"} }"#));
        for other in [
            r#"{"a":{"S":"x"},"b":[{"N":"2"},1]}"#,
            r#"{"b":{"S":"x"},"a":[1,{"N":"2"}]}"#,
            r#"{"a":{"S":"y"},"b":[1,{"N":"2"}]}"#,
            r#"{"a":{"S":"x"},"b":[1,{"N":2}]}"#,
        ] {
            assert_ne!(a, canonical_hash(other), "{other}");
        }
    }
}
