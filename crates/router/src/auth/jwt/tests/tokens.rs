//! Tokens that are accepted, and tokens that are refused.

use cellstack_core::limits::{JWT_LEEWAY, JWT_MAX_TOKEN};
use jsonwebtoken::{Algorithm as Name, DecodingKey, crypto};
use lambda_http::http::HeaderMap;
use lambda_http::http::header::AUTHORIZATION;
use ring::hmac;
use serde_json::{Value, json};

use super::issuer::{NOW, Signer, TokenWorld, b64, bearer, rsa, set, settings};
use crate::auth::jwt::algorithm::Algorithm;
use crate::auth::jwt::provider;
use crate::auth::jwt::refusal::Refusal;
use crate::http::problem::{Kind, Problem};

#[track_caller]
fn refused(response: Result<String, Problem>, refusal: Refusal) {
    assert_eq!(response, Err(Problem::from(refusal)));
}

#[tokio::test]
async fn a_token_of_each_algorithm_proves_its_tenant() {
    for algorithm in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"] {
        let signer = Signer::new(algorithm);
        let world = TokenWorld::inline(&signer);
        assert_eq!(world.tenant(&signer.token("k1")).await.as_deref(), Ok("acme"), "{algorithm}");
        assert_eq!(world.web.reads(), 0);
    }
}

/// RFC 7515, appendix A.2: a signature that another implementation made.
#[test]
fn the_example_of_the_rfc_verifies_and_no_other_algorithm_takes_it() {
    provider::install();
    let message = concat!(
        "eyJhbGciOiJSUzI1NiJ9.",
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
    );
    let signature = concat!(
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CU",
        "Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_d",
        "O--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0ig",
        "cN_IoypGlUPQGe77Rw",
    );
    let key = DecodingKey::from_rsa_components(rsa("n"), rsa("e")).unwrap();
    let verify = |message: &str, algorithm| crypto::verify(signature, message.as_bytes(), &key, algorithm);
    assert!(verify(message, Name::RS256).unwrap());
    assert!(!verify(&message.replace("eyJpc3", "eyJpc4"), Name::RS256).unwrap());
    assert!(!verify(message, Name::RS384).unwrap());
    assert!(!verify(message, Name::PS256).unwrap());
    assert!(verify(message, Name::ES256).is_err());
    assert!(verify(message, Name::HS256).is_err());
}

#[tokio::test]
async fn a_token_says_nothing_about_the_algorithm_it_is_checked_by() {
    let signer = Signer::new("RS256");
    let world = TokenWorld::inline(&signer);
    let good = signer.token("k1");
    let claims = good.split('.').nth(1).unwrap();
    let with_header = |header: Value, signature: &str| format!("{}.{claims}.{signature}", b64(header.to_string()));

    // Signed with the public key, which everybody knows, as if it were a shared secret: in each form in which it is
    // published.
    let jwk = signer.jwk("k1").to_string();
    for secret in [jwk.as_bytes(), rsa("n").as_bytes(), &[0; 32]] {
        let message = with_header(json!({"alg": "HS256", "kid": "k1"}), "");
        let message = message.trim_end_matches('.');
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
        let forged = format!("{message}.{}", b64(tag));
        refused(world.tenant(&forged).await, Refusal::Algorithm(Algorithm::RS256));
        // The cryptography refuses it, too, even without the check of the header.
        let verified = crypto::verify(&b64(tag), message.as_bytes(), &DecodingKey::from_secret(secret), Name::HS256);
        assert!(verified.is_err());
    }
    for bad in [json!([]), json!({"alg": "RS256", "kid": 7}), json!("RS256")] {
        refused(world.tenant(&with_header(bad, "")).await, Refusal::Header(Algorithm::RS256));
    }
    refused(world.tenant(&with_header(json!({"kid": "k1"}), "")).await, Refusal::Algorithm(Algorithm::RS256));
    for none in ["none", "None", "nOnE", ""] {
        refused(world.tenant(&with_header(json!({"alg": none}), "")).await, Refusal::Algorithm(Algorithm::RS256));
    }
    // A good signature by another algorithm of the same family.
    let other = Signer::new("RS512");
    refused(world.tenant(&other.token("k1")).await, Refusal::Algorithm(Algorithm::RS256));
    // A key that the token brings along.
    let mallory = Signer::new("ES256");
    let header = json!({"alg": "ES256", "jwk": mallory.jwk("k1"), "jku": "https://evil.example/keys"});
    let token = mallory.sign(&header, &json!({"iss": "https://id.example", "aud": "cellstack", "exp": NOW + 300}));
    let world = TokenWorld::inline(&Signer::new("ES256"));
    refused(world.tenant(&token).await, Refusal::Signature);
}

#[tokio::test]
async fn a_forged_signature_proves_nothing() {
    let signer = Signer::new("ES256");
    let world = TokenWorld::inline(&signer);
    refused(world.tenant(&Signer::new("ES256").token("k1")).await, Refusal::Signature);

    let (acme, globex) = (signer.token("k1"), signer.token_with("tenant_id", json!("globex")));
    let (acme, globex): (Vec<&str>, Vec<&str>) = (acme.split('.').collect(), globex.split('.').collect());
    refused(world.tenant(&[acme[0], globex[1], acme[2]].join(".")).await, Refusal::Signature);
    refused(world.tenant(&[acme[0], acme[1], ""].join(".")).await, Refusal::Signature);
    refused(world.tenant(&[acme[0], acme[1]].join(".")).await, Refusal::Garbled);
    // Claims of a token that another issuer signed are not checked.
    let expired = Signer::new("ES256").token_with("exp", json!(1));
    refused(world.tenant(&expired).await, Refusal::Signature);
}

#[tokio::test]
async fn issuer_and_audience_must_be_the_configured_ones() {
    let signer = Signer::new("ES256");
    let world = TokenWorld::inline(&signer);
    let with = async |claim: &str, value: Value| world.tenant(&signer.token_with(claim, value)).await;
    let issuer = || Refusal::Issuer("https://id.example".into());
    let audience = || Refusal::Audience("other, cellstack".into());

    refused(with("iss", json!("https://id.example/")).await, issuer());
    refused(with("iss", json!("https://evil.example")).await, issuer());
    refused(with("iss", Value::Null).await, Refusal::Lacks("iss".into()));
    refused(with("iss", json!(7)).await, Refusal::Lacks("iss".into()));
    assert_eq!(with("aud", json!("other")).await.as_deref(), Ok("acme"));
    assert_eq!(with("aud", json!(["some", "cellstack"])).await.as_deref(), Ok("acme"));
    refused(with("aud", json!("cellstac")).await, audience());
    refused(with("aud", json!(["some", "thing"])).await, audience());
    refused(with("aud", json!([])).await, audience());
    refused(with("aud", Value::Null).await, Refusal::Lacks("aud".into()));
}

#[tokio::test]
async fn time_is_the_routers_own_with_a_leeway_on_both_ends() {
    let signer = Signer::new("ES256");
    let world = TokenWorld::inline(&signer);
    let leeway = JWT_LEEWAY.as_secs();
    let token = signer.token("k1");
    for (at, refusal) in [
        (NOW - leeway - 1, Some(Refusal::NotYetValid)),
        (NOW - leeway, None),
        (NOW + 300 + leeway - 1, None),
        (NOW + 300 + leeway, Some(Refusal::Expired)),
        (0, Some(Refusal::NotYetValid)),
    ] {
        world.clock.set_s(at);
        let response = world.tenant(&token).await;
        match refusal {
            Some(refusal) => refused(response, refusal),
            None => assert_eq!(response.as_deref(), Ok("acme"), "{at}"),
        }
    }
    world.clock.set_s(NOW);
    let with = async |claim: &str, value: Value| world.tenant(&signer.token_with(claim, value)).await;
    assert_eq!(with("exp", json!(NOW as f64 + 0.5)).await.as_deref(), Ok("acme"));
    assert_eq!(with("iat", json!(NOW + 86_400)).await.as_deref(), Ok("acme"));
    assert_eq!(with("nbf", Value::Null).await.as_deref(), Ok("acme"));
    refused(with("exp", Value::Null).await, Refusal::Lacks("exp".into()));
    refused(with("exp", json!("1900000000")).await, Refusal::Lacks("exp".into()));
    refused(with("exp", json!(-1)).await, Refusal::Expired);
    refused(with("nbf", json!("soon")).await, Refusal::Lacks("nbf".into()));
}

#[tokio::test]
async fn the_tenant_is_a_claim_of_its_own() {
    let signer = Signer::new("EdDSA");
    let world = TokenWorld::inline(&signer);
    let with = async |value: Value| world.tenant(&signer.token_with("tenant_id", value)).await;
    let lacks = || Refusal::Lacks("tenant_id".into());
    refused(with(Value::Null).await, lacks());
    refused(with(json!(17)).await, lacks());
    refused(with(json!(["acme"])).await, lacks());
    for bad in ["", "a b", "a#b", &"x".repeat(129)] {
        let problem = with(json!(bad)).await.unwrap_err();
        let expected = "1 to 128 characters of A-Z a-z 0-9 . _ : @ -";
        assert_eq!(problem, Refusal::Tenant { claim: "tenant_id".into(), expected }.into(), "{bad}");
    }

    let keys = set(&[signer.jwk("k1")]).to_string();
    let world = TokenWorld::new(settings("EdDSA", &keys, &[("TENANT_CLAIM", "https://example/tenant")]));
    let token = signer.token_with("https://example/tenant", json!("globex"));
    assert_eq!(world.tenant(&token).await.as_deref(), Ok("globex"));
    refused(world.tenant(&signer.token("k1")).await, Refusal::Lacks("https://example/tenant".into()));
}

#[tokio::test]
async fn a_key_is_chosen_by_its_name_and_only_among_those_that_fit() {
    let (first, second) = (Signer::new("ES256"), Signer::new("ES256"));
    let mut encrypts = first.jwk("enc");
    encrypts["use"] = json!("enc");
    let mut other_alg = first.jwk("alg");
    other_alg["alg"] = json!("ES384");
    let mut wraps = first.jwk("ops");
    wraps["key_ops"] = json!(["wrapKey"]);
    let mut other_curve = Signer::new("ES384").jwk("p384");
    other_curve.as_object_mut().unwrap().remove("alg");
    let strange = json!({"kty": "XYZ", "kid": 7});
    let keys = [
        strange,
        other_curve,
        encrypts,
        other_alg,
        wraps,
        Signer::new("RS256").jwk("rsa"),
        first.jwk("k1"),
        second.jwk("k2"),
    ];
    let world = TokenWorld::new(settings("ES256", &set(&keys).to_string(), &[]));
    assert_eq!(world.tenant(&first.token("k1")).await.as_deref(), Ok("acme"));
    assert_eq!(world.tenant(&second.token("k2")).await.as_deref(), Ok("acme"));
    refused(world.tenant(&first.token("k2")).await, Refusal::Signature);
    for kid in ["enc", "alg", "ops", "rsa", "p384", "k3", ""] {
        refused(world.tenant(&first.token(kid)).await, Refusal::KeyUnknown);
    }
    let nameless = |signer: &Signer| {
        let token = signer.token("k1");
        let rest = token.split_once('.').unwrap().1.to_owned();
        let header = json!({"alg": "ES256"});
        let claims = rest.split('.').next().unwrap();
        let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).unwrap();
        signer.sign(&header, &serde_json::from_slice(&claims).unwrap())
    };
    refused(world.tenant(&nameless(&first)).await, Refusal::KeyNotNamed);
    let world = TokenWorld::inline(&first);
    assert_eq!(world.tenant(&nameless(&first)).await.as_deref(), Ok("acme"));
}

#[tokio::test]
async fn an_extension_that_is_demanded_is_refused() {
    let signer = Signer::new("ES256");
    let world = TokenWorld::inline(&signer);
    let claims = json!({"iss": "https://id.example", "aud": "cellstack", "exp": NOW + 300, "tenant_id": "acme"});
    let header = json!({"alg": "ES256", "kid": "k1", "crit": ["exp"], "exp": 1});
    refused(world.tenant(&signer.sign(&header, &claims)).await, Refusal::Critical);
    let header = json!({"alg": "ES256", "kid": "k1", "typ": "at+jwt", "x": {"any": 1}});
    assert_eq!(world.tenant(&signer.sign(&header, &claims)).await.as_deref(), Ok("acme"));
}

#[tokio::test]
async fn the_token_stands_in_one_header() {
    let signer = Signer::new("ES256");
    let token = signer.token("k1");
    let keys = set(&[signer.jwk("k1")]).to_string();
    let tenant = async |world: &TokenWorld, name: &'static str, values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().unwrap());
        }
        world.verifier.tenant(&headers).await.map(|tenant| tenant.to_string())
    };

    let world = TokenWorld::new(settings("ES256", &keys, &[]));
    let with = async |values: &[&str]| tenant(&world, "authorization", values).await;
    assert_eq!(with(&[&format!("bearer  {token}")]).await.as_deref(), Ok("acme"));
    for bad in [&[][..], &[""], &["Basic dTpw"], &["AWS4-HMAC-SHA256 Credential=x"], &[&token], &["Bearer"]] {
        refused(with(bad).await, Refusal::Missing(AUTHORIZATION));
    }
    refused(with(&["Bearer x", "Bearer y"]).await, Refusal::Several(AUTHORIZATION));
    refused(with(&[&format!("Bearer {}", "x".repeat(JWT_MAX_TOKEN + 1))]).await, Refusal::TooLong);
    refused(with(&[&format!("Bearer {}", "x".repeat(JWT_MAX_TOKEN))]).await, Refusal::Garbled);

    let world = TokenWorld::new(settings("ES256", &keys, &[("HEADER", "X-Cellstack-Token")]));
    let with = async |values: &[&str]| tenant(&world, "x-cellstack-token", values).await;
    assert_eq!(with(&[&token]).await.as_deref(), Ok("acme"));
    assert_eq!(with(&[&format!("Bearer {token}")]).await.as_deref(), Ok("acme"));
    let elsewhere = world.verifier.tenant(&bearer(&token)).await.unwrap_err();
    assert_eq!(elsewhere, Refusal::Missing("x-cellstack-token".parse().unwrap()).into());
    assert_eq!(elsewhere.kind, Kind::Unauthenticated);
}
