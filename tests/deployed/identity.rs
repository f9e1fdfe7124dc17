//! Admission: IAM asks for a signature of a principal with permission, the router for a token that names the tenant.
//!
//! The emulator checks signatures and policies as IAM does, with two gaps: it admits a principal that has only
//! `lambda:InvokeFunctionUrl`, where AWS wants `lambda:InvokeFunction` too, and does not check signatures of the
//! account's root.

use aws_sdk_dynamodb::config::Credentials;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::caller::{Signer, encode, now};
use crate::isolation::assume;
use crate::stack::{Deployed, Proof};

const EVENT: &str = r#"{"type":"e2e.identity","data":{"amount":1}}"#;

async fn post(deployed: &Deployed, proof: &Proof) -> (u16, String) {
    deployed.send(proof, "POST", "/v1/events", EVENT).await
}

/// Returns the `type` of the problem that the router responds with; IAM's responses have none.
fn problem(text: &str) -> Option<String> {
    let document: Value = serde_json::from_str(text).ok()?;
    document["type"].as_str()?.strip_prefix("urn:cellstack:problem:").map(str::to_owned)
}

#[tokio::test]
async fn a_signature_and_a_token_are_let_in_and_nothing_less() {
    let deployed = Deployed::read();
    let good = deployed.proof("acme");
    let (status, text) = post(&deployed, &good).await;
    assert_eq!(status, 202, "{text}");

    // An unsigned request does not reach the router, with any token.
    let unsigned = Proof { signer: None, ..good.clone() };
    let (status, text) = post(&deployed, &unsigned).await;
    assert_eq!((status, problem(&text)), (403, None), "{text}");
    let (status, text) = deployed.send(&unsigned, "GET", "/v1/route", "").await;
    assert_eq!((status, problem(&text)), (403, None), "{text}");

    // A signature says who calls, not for whom.
    let tokenless = Proof { token: None, ..good };
    let (status, text) = post(&deployed, &tokenless).await;
    assert_eq!((status, problem(&text).as_deref()), (401, Some("unauthenticated")), "{text}");
    let claiming = Proof { claims: Some("acme".to_owned()), ..tokenless };
    let (status, text) = post(&deployed, &claiming).await;
    assert_eq!((status, problem(&text).as_deref()), (401, Some("unauthenticated")), "{text}");
}

#[tokio::test]
async fn a_signature_of_somebody_else_is_refused() {
    let deployed = Deployed::read();
    let good = deployed.proof("acme");
    let caller = good.signer.clone().unwrap();
    let consumer = assume(&deployed, &deployed.cells["alpha"].consumer_role_arn).await;
    for (who, signer) in [
        ("the caller with a wrong secret", Credentials::new(caller.access_key_id(), "wrong", None, None, "test")),
        ("a key that nobody has", Credentials::new("AKIANOBODYNOBODYNOBO", "secret", None, None, "test")),
        ("a principal of the account without permission", consumer),
    ] {
        let (status, text) = post(&deployed, &Proof { signer: Some(signer), ..good.clone() }).await;
        assert_eq!((status, problem(&text)), (403, None), "{who}: {text}");
    }
}

#[tokio::test]
async fn a_token_that_does_not_count_is_refused() {
    let deployed = Deployed::read();
    let (issuer, header, claims) = (deployed.issuer(), deployed.jwt.header(), deployed.jwt.claims("acme"));
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        issuer.token(&header, &claims)
    };
    let good = issuer.token(&header, &claims);
    let [head, _, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("{good}") };
    let none = encode(&json!({ "alg": "none", "typ": "JWT" }));
    let other = json!({ "alg": "ES384", "typ": "JWT", "kid": header["kid"] });

    for (what, token) in [
        ("another key under the issuer's key id", Signer::stranger().token(&header, &claims)),
        ("another tenant under the same signature", {
            format!("{head}.{}.{signature}", encode(&deployed.jwt.claims("globex")))
        }),
        ("a signature of zeros", format!("{head}.{}.{}", encode(&claims), URL_SAFE_NO_PAD.encode([0; 64]))),
        ("no signature", format!("{none}.{}.", encode(&claims))),
        ("the issuer's signature under alg none", format!("{none}.{}.{signature}", encode(&claims))),
        ("another algorithm", issuer.token(&other, &claims)),
        ("an HMAC with what is public as its secret", deployed.jwt.hmac_token(&claims)),
        ("an hour too late", with("exp", json!(now() - 3600))),
        ("no end", with("exp", Value::Null)),
        ("an hour too early", with("nbf", json!(now() + 3600))),
        ("another audience", with("aud", json!("billing"))),
        ("another issuer", with("iss", json!("https://identity.example/"))),
        ("no tenant", with("tenant_id", Value::Null)),
        ("no token at all", "acme".to_owned()),
    ] {
        let (status, text) = post(&deployed, &Proof { token: Some(token), ..deployed.proof("acme") }).await;
        assert_eq!((status, problem(&text).as_deref()), (401, Some("unauthenticated")), "{what}: {text}");
    }
}

#[tokio::test]
async fn a_tenant_sees_nothing_of_another() {
    let deployed = Deployed::read();
    let (_, accepted) = deployed.post("acme", EVENT).await;
    let path = format!("/v1/events/{}", accepted["id"].as_str().unwrap());
    assert_eq!(deployed.get("acme", &path).await.0, 200);
    // Another tenant's event looks like one that never was, also to a tenant of the same table.
    let neighbour = "acme-neighbour";
    deployed.place(neighbour, "alpha").await;
    for other in ["globex", neighbour] {
        let (status, text) = deployed.send(&deployed.proof(other), "GET", &path, "").await;
        assert_eq!((status, problem(&text).as_deref()), (404, Some("unknown-event")), "{other}: {text}");
    }
}

#[tokio::test]
async fn a_request_that_names_another_tenant_than_its_token_is_refused() {
    let deployed = Deployed::read();
    let acme = deployed.proof("acme");
    let as_named = Proof { claims: Some("acme".to_owned()), ..acme.clone() };
    assert_eq!(post(&deployed, &as_named).await.0, 202);

    let contrary = Proof { claims: Some("globex".to_owned()), ..acme.clone() };
    let (status, text) = post(&deployed, &contrary).await;
    assert_eq!((status, problem(&text).as_deref()), (403, Some("tenant-mismatch")), "{text}");
    let (status, text) = deployed.send(&contrary, "GET", "/v1/totals", "").await;
    assert_eq!((status, problem(&text).as_deref()), (403, Some("tenant-mismatch")), "{text}");
    let body = r#"{"type":"e2e.identity","tenantid":"globex"}"#;
    let (status, text) = deployed.send(&acme, "POST", "/v1/events", body).await;
    assert_eq!((status, problem(&text).as_deref()), (403, Some("tenant-mismatch")), "{text}");
}
