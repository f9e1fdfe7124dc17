//! The signer of tokens, the server of its keys, and the time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cellstack_core::{Clock, TenantId};
use lambda_http::http::{HeaderMap, StatusCode};
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair as RsaKeyPair, KeyPairComponents, PublicKeyComponents};
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::auth::jwt::{JwtSettings, Verifier};
use crate::http::problem::Problem;

pub(super) const NOW: u64 = 1_700_000_000;

pub(super) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn unb64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A key pair and the algorithm it signs with.
pub(super) struct Signer {
    pub(super) algorithm: &'static str,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// The example key of RFC 7515, appendix A.2: ring makes no RSA keys, and this private key is public already.
const RSA: [(&str, &str); 8] = [
    (
        "n",
        concat!(
            "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMs",
            "D1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdV",
            "MTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
        ),
    ),
    ("e", "AQAB"),
    (
        "d",
        concat!(
            "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0",
            "BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYT",
            "CBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ"
        ),
    ),
    (
        "p",
        concat!(
            "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPG",
            "BY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc"
        ),
    ),
    (
        "q",
        concat!(
            "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA",
            "-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc"
        ),
    ),
    (
        "dp",
        concat!(
            "BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb",
            "34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0"
        ),
    ),
    (
        "dq",
        concat!(
            "h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-ky",
            "NlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU"
        ),
    ),
    (
        "qi",
        concat!(
            "IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLU",
            "W0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U"
        ),
    ),
];

/// Returns a part of the RSA key, as its JWK has it.
pub(super) fn rsa(name: &str) -> &'static str {
    RSA.iter().find(|(part, _)| *part == name).unwrap().1
}

impl Signer {
    pub(super) fn new(algorithm: &'static str) -> Self {
        let random = SystemRandom::new();
        let ec = |scheme| {
            let document = EcdsaKeyPair::generate_pkcs8(scheme, &random).unwrap();
            Pair::Ec(EcdsaKeyPair::from_pkcs8(scheme, document.as_ref(), &random).unwrap())
        };
        let pair = match algorithm {
            "ES256" => ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            "EdDSA" => {
                let document = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
                Pair::Ed(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
            }
            _ => {
                let part = |name| unb64(rsa(name));
                let public_key = PublicKeyComponents { n: part("n"), e: part("e") };
                let components = KeyPairComponents {
                    public_key,
                    d: part("d"),
                    p: part("p"),
                    q: part("q"),
                    dP: part("dp"),
                    dQ: part("dq"),
                    qInv: part("qi"),
                };
                Pair::Rsa(Box::new(RsaKeyPair::from_components(&components).unwrap()))
            }
        };
        Self { algorithm, pair }
    }

    /// Returns the public key.
    pub(super) fn jwk(&self, kid: &str) -> Value {
        match &self.pair {
            Pair::Rsa(_) => json!({"kty": "RSA", "kid": kid, "use": "sig", "n": rsa("n"), "e": rsa("e")}),
            Pair::Ed(pair) => json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": b64(pair.public_key())}),
            Pair::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(if self.algorithm == "ES256" { 32 } else { 48 });
                let crv = if self.algorithm == "ES256" { "P-256" } else { "P-384" };
                json!({"kty": "EC", "crv": crv, "kid": kid, "alg": self.algorithm, "x": b64(x), "y": b64(y)})
            }
        }
    }

    /// Signs a token of any header and claims.
    pub(super) fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Ed(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
            Pair::Ec(pair) => pair.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let scheme: &dyn signature::RsaEncoding = match self.algorithm {
                    "RS256" => &signature::RSA_PKCS1_SHA256,
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    _ => &signature::RSA_PSS_SHA512,
                };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(scheme, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
        };
        format!("{message}.{}", b64(signature))
    }

    /// Returns a good token of acme's.
    pub(super) fn token(&self, kid: &str) -> String {
        self.sign(&json!({"alg": self.algorithm, "kid": kid}), &claims())
    }

    /// Returns a token that is good but for one claim; `null` removes the claim.
    pub(super) fn token_with(&self, claim: &str, value: Value) -> String {
        let mut claims = claims();
        claims[claim] = value;
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        self.sign(&json!({"alg": self.algorithm, "kid": "k1"}), &claims)
    }
}

fn claims() -> Value {
    json!({"iss": "https://id.example", "aud": "cellstack", "exp": NOW + 300, "nbf": NOW, "tenant_id": "acme"})
}

pub(super) fn set(keys: &[Value]) -> Value {
    json!({ "keys": keys })
}

/// Returns settings for an algorithm and a key source. `more` overrides them.
pub(super) fn settings(algorithm: &str, keys: &str, more: &[(&str, &str)]) -> JwtSettings {
    let mut vars = vec![("ISSUER", "https://id.example"), ("AUDIENCE", "other, cellstack"), ("ALGORITHM", algorithm)];
    vars.push(("KEYS", keys));
    vars.extend(more);
    let look_up = |name: &str| {
        let name = name.strip_prefix("CELLSTACK_JWT_")?;
        vars.iter().rev().find(|(var, _)| *var == name).map(|(_, value)| (*value).to_owned())
    };
    JwtSettings::read(look_up).unwrap()
}

pub(super) fn bearer(token: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    headers
}

/// A verifier and everything around it.
pub(super) struct TokenWorld {
    pub(super) clock: SetClock,
    pub(super) web: Web,
    pub(super) verifier: Verifier<SetClock>,
}

impl TokenWorld {
    pub(super) fn new(settings: JwtSettings) -> Self {
        let (clock, web) = (SetClock::default(), Web::default());
        clock.set_s(NOW);
        let verifier = Verifier::new(settings, web.client(), clock.clone());
        Self { clock, web, verifier }
    }

    /// Makes a verifier that knows this signer's key from its settings.
    pub(super) fn inline(signer: &Signer) -> Self {
        Self::new(settings(signer.algorithm, &set(&[signer.jwk("k1")]).to_string(), &[]))
    }

    pub(super) async fn tenant(&self, token: &str) -> Result<String, Problem> {
        self.verifier.tenant(&bearer(token)).await.map(|tenant: TenantId| tenant.to_string())
    }
}

/// A clock that a test sets: milliseconds of wall time, and of the monotonic clock.
#[derive(Clone, Default)]
pub(super) struct SetClock(Arc<(AtomicU64, AtomicU64)>);

impl SetClock {
    pub(super) fn set_s(&self, s: u64) {
        self.0.0.store(s * 1_000, Ordering::Relaxed);
    }

    pub(super) fn advance(&self, time: Duration) {
        self.freeze(time);
        self.0.1.fetch_add(ms(time), Ordering::Relaxed);
    }

    /// Lets wall time pass while the monotonic clock stands still, as in a frozen environment.
    pub(super) fn freeze(&self, time: Duration) {
        self.0.0.fetch_add(ms(time), Ordering::Relaxed);
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap()
}

impl Clock for SetClock {
    fn wall_ms(&self) -> u64 {
        self.0.0.load(Ordering::Relaxed)
    }
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.1.load(Ordering::Relaxed))
    }
}

/// The response of the issuer's server.
#[derive(Debug, Clone, Default)]
pub(super) enum WebResponse {
    #[default]
    Reset,
    Hang,
    Status(u16),
    Body(String),
    /// A response after this time.
    Slow(Duration, String),
}

/// The issuer's server, without a network.
#[derive(Debug, Clone, Default)]
pub(super) struct Web(Arc<Mutex<(WebResponse, Vec<String>)>>);

impl Web {
    pub(super) fn responds(&self, response: WebResponse) {
        self.0.lock().unwrap().0 = response;
    }

    pub(super) fn serves(&self, keys: &[Value]) {
        self.responds(WebResponse::Body(set(keys).to_string()));
    }

    /// Returns the number of requests that the server has received.
    pub(super) fn reads(&self) -> usize {
        self.0.lock().unwrap().1.len()
    }

    pub(super) fn last_url(&self) -> Option<String> {
        self.0.lock().unwrap().1.last().cloned()
    }

    fn client(&self) -> SharedHttpClient {
        let web = self.clone();
        http_client_fn(move |_, _| SharedHttpConnector::new(web.clone()))
    }
}

impl HttpConnector for Web {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let response = {
            let mut state = self.0.lock().unwrap();
            state.1.push(request.uri().to_owned());
            state.0.clone()
        };
        HttpConnectorFuture::new(async move {
            let respond = |status: u16, body: String| {
                let status = StatusCode::from_u16(status).unwrap();
                Ok(HttpResponse::new(status.into(), SdkBody::from(body)))
            };
            match response {
                WebResponse::Reset => Err(ConnectorError::io("reset".into())),
                WebResponse::Hang => std::future::pending().await,
                WebResponse::Status(status) => respond(status, "no".to_owned()),
                WebResponse::Body(body) => respond(200, body),
                WebResponse::Slow(time, body) => {
                    tokio::time::sleep(time).await;
                    respond(200, body)
                }
            }
        })
    }
}
