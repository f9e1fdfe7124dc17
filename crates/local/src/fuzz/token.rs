//! Tokens that look valid and are not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cellstack_router::JwtSettings;
use fastrand::Rng;

use super::json::{mutate, object, quoted};
use super::text::{chance, damage, text};

/// A public key (RFC 7515, A.3); the fuzzer does not have its private key.
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"k","alg":"ES256","use":"sig",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

/// Returns the settings of a router that requires tokens.
pub(super) fn settings() -> Option<JwtSettings> {
    let setting = |name: &str| match name {
        "CELLSTACK_JWT_ISSUER" => Some("https://issuer.example"),
        "CELLSTACK_JWT_AUDIENCE" => Some("cellstack"),
        "CELLSTACK_JWT_ALGORITHM" => Some("ES256"),
        "CELLSTACK_JWT_KEYS" => Some(KEYS),
        _ => None,
    };
    JwtSettings::read(|name| setting(name).map(ToOwned::to_owned)).ok()
}

/// Returns the value of a header `authorization`. No token here is signed, so the router must accept none.
pub(super) fn authorization(rng: &mut Rng) -> String {
    let member = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut header = vec![member("alg", &quoted("ES256")), member("typ", &quoted("JWT")), member("kid", &quoted("k"))];
    let mut claims = vec![
        member("iss", &quoted("https://issuer.example")),
        member("aud", &quoted("cellstack")),
        member("exp", "4102444800"),
        member("tenant_id", &quoted("acme")),
    ];
    while chance(rng, 40) {
        mutate(rng, &mut header);
    }
    while chance(rng, 40) {
        mutate(rng, &mut claims);
    }
    let signature: Vec<u8> = (0..if chance(rng, 80) { 64 } else { rng.usize(..200) }).map(|_| rng.u8(..)).collect();
    let parts = [object(&header).into_bytes(), object(&claims).into_bytes(), signature];
    let token = parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    match rng.u32(..10) {
        0 => text(rng),
        1 => format!("bearer  {token}"),
        2 => {
            let mut bytes = format!("Bearer {token}").into_bytes();
            damage(rng, &mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        }
        _ => format!("Bearer {token}"),
    }
}
