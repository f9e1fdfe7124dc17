//! The two proofs of a caller: the signature that IAM asks for, and the token that the router asks for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::config::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use hyper::Request;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde::Deserialize;
use serde_json::{Value, json};

/// The access key of an IAM user.
#[derive(Debug, Deserialize)]
pub(crate) struct AccessKey {
    access_key_id: String,
    secret_access_key: String,
}

impl AccessKey {
    pub(crate) fn credentials(&self) -> Credentials {
        Credentials::new(&self.access_key_id, &self.secret_access_key, None, None, "user")
    }
}

/// The token settings that Terraform was given.
#[derive(Debug, Deserialize)]
pub(crate) struct Jwt {
    issuer: String,
    audience: Vec<String>,
    /// The header that holds the token.
    pub(crate) header: String,
    keys: String,
}

impl Jwt {
    /// Returns the claims of a token for a tenant that is valid now.
    pub(crate) fn claims(&self, tenant: &str) -> Value {
        json!({ "iss": self.issuer, "aud": self.audience, "exp": now() + 300, "nbf": now() - 1, "tenant_id": tenant })
    }

    /// Returns the header of a token that names the issuer's key.
    pub(crate) fn header(&self) -> Value {
        let keys: Value = serde_json::from_str(&self.keys).unwrap();
        json!({ "alg": "ES256", "typ": "JWT", "kid": keys["keys"][0]["kid"] })
    }

    /// Returns a token whose secret is public: the key set. A verifier that believes a token's `alg` accepts it.
    pub(crate) fn hmac_token(&self, claims: &Value) -> String {
        let mut header = self.header();
        header["alg"] = json!("HS256");
        let signed = format!("{}.{}", encode(&header), encode(claims));
        let secret = hmac::Key::new(hmac::HMAC_SHA256, self.keys.as_bytes());
        let signature = hmac::sign(&secret, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Returns the seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a signature bears the real time")]
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A signer of tokens: the issuer, or an impostor.
pub(crate) struct Signer(EcdsaKeyPair);

impl Signer {
    /// Returns the issuer, by the key that `up` made.
    pub(crate) fn of_pem(pem: &str) -> Self {
        let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        Self::of_pkcs8(&STANDARD.decode(base64).unwrap())
    }

    /// Returns a stranger with a key of the same kind.
    pub(crate) fn stranger() -> Self {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        Self::of_pkcs8(pkcs8.as_ref())
    }

    fn of_pkcs8(pkcs8: &[u8]) -> Self {
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new()).unwrap())
    }

    pub(crate) fn token(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Encodes a part of a token.
pub(crate) fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

/// Signs a request to the function URL; `host` is the value of its `Host` header.
#[expect(clippy::disallowed_methods, reason = "a signature bears the real time")]
pub(crate) fn signed(mut request: Request<Bytes>, host: &str, region: &str, by: Credentials) -> Request<Bytes> {
    let identity = by.into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("lambda")
        .time(SystemTime::now() - Duration::from_secs(1))
        .settings(SigningSettings::default())
        .build()
        .unwrap();
    let headers: Vec<_> =
        request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let headers = headers.into_iter().chain([("host", host)]);
    let url = format!("http://{host}{}", request.uri());
    let body = SignableBody::Bytes(request.body());
    let signable = SignableRequest::new(request.method().as_str(), url, headers, body).unwrap();
    let (instructions, _) = sign(signable, &params.into()).unwrap().into_parts();
    instructions.apply_to_request_http1x(&mut request);
    request
}
