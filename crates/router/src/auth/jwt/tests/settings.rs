//! Settings that are refused, with the values to set instead.

use cellstack_core::config::ConfigError;
use serde_json::json;

use super::issuer::{Signer, rsa, set};
use crate::auth::jwt::JwtSettings;

fn read(vars: &[(&str, &str)]) -> Result<JwtSettings, ConfigError> {
    JwtSettings::read(|name| {
        let name = name.strip_prefix("CELLSTACK_JWT_")?;
        vars.iter().rev().find(|(var, _)| *var == name).map(|(_, value)| (*value).to_owned())
    })
}

const GOOD: [(&str, &str); 3] = [("ISSUER", "i"), ("AUDIENCE", "a,b"), ("KEYS", "https://id.example/keys")];

fn refused(name: &str, value: &str) -> String {
    let vars: Vec<_> = GOOD.into_iter().chain([(name, value)]).collect();
    read(&vars).unwrap_err().to_string()
}

#[test]
fn three_settings_are_needed_and_the_rest_has_defaults() {
    let settings = read(&GOOD).unwrap();
    assert_eq!((settings.algorithm.to_string().as_str(), settings.header.as_str()), ("RS256", "authorization"));
    assert_eq!((settings.claim.as_str(), settings.audiences.as_slice()), ("tenant_id", &["a".into(), "b".into()][..]));
    for (name, _) in GOOD {
        let error = refused(name, "");
        assert!(error.starts_with(&format!("CELLSTACK_JWT_{name} is not set: set it to the ")), "{error}");
    }
}

#[test]
fn what_would_weaken_it_is_refused() {
    for algorithm in ["HS256", "none", "rs256", "RS256,ES256"] {
        let error = refused("ALGORITHM", algorithm);
        assert!(error.contains("set it to RS256, RS384"), "{error}");
    }
    for audience in [",", " , "] {
        assert!(refused("AUDIENCE", audience).contains("it names none"));
    }
    assert!(refused("HEADER", "a b").contains("set it to the name of a header"));
    for url in ["http://id.example/keys", "http://127.0.0.1.evil.example/", "http://10.0.0.1/keys", "http://[::2]/"] {
        assert!(refused("KEYS", url).contains("http is taken for a loopback address only"), "{url}");
    }
    for url in ["ftp://id.example/keys", "id.example/keys", "/keys", "not a url", "https://"] {
        let error = refused("KEYS", url);
        assert!(error.contains("set it to the https URL of the issuer's JWK set, or the set itself"), "{error}");
    }
    for url in ["http://127.0.0.1:8080/keys", "http://localhost/keys", "http://[::1]:9/keys"] {
        let vars: Vec<_> = GOOD.into_iter().chain([("KEYS", url)]).collect();
        assert!(read(&vars).is_ok(), "{url}");
    }
}

#[test]
fn an_inline_set_must_have_a_key_that_fits_and_is_not_repeated_in_errors() {
    let good = set(&[Signer::new("RS256").jwk("k")]).to_string();
    let vars: Vec<_> = GOOD.into_iter().chain([("KEYS", good.as_str())]).collect();
    assert!(read(&vars).is_ok());

    let none = refused("KEYS", &set(&[Signer::new("ES256").jwk("k")]).to_string());
    assert!(
        none.contains("a key for RS256 (kty RSA of 2048 bits or more, use sig or none); none of the 1 keys"),
        "{none}"
    );
    let short = json!({"kty": "RSA", "n": &rsa("n")[..340], "e": "AQAB"});
    assert!(refused("KEYS", &set(&[short]).to_string()).contains("none of the 1 keys is one"));
    let secret = format!(r#"{{"keys":{{"d":"{}"}}}}"#, rsa("d"));
    for secret in [secret.as_str(), &secret[..secret.len() - 1]] {
        let error = refused("KEYS", secret);
        assert!(error.contains("bytes of JSON") && error.contains("; found "), "{error}");
        assert!(!error.contains(rsa("d")), "{error}");
    }
}
