//! The key set between its reads.

use std::time::Duration;

use cellstack_core::limits::{JWT_KEYS_AGE, JWT_KEYS_COLD_COOLDOWN, JWT_KEYS_COOLDOWN, JWT_KEYS_MAX, JWT_KEYS_TIMEOUT};
use serde_json::json;

use super::issuer::{NOW, Signer, TokenWorld, WebResponse, set, settings};
use crate::auth::jwt::refusal::Refusal;
use crate::http::problem::{Kind, Problem};

const URL: &str = "https://id.example/keys.json";

/// Makes a verifier that knows no key yet, and a token that lasts for days.
fn world() -> (TokenWorld, Signer) {
    (TokenWorld::new(settings("ES256", URL, &[])), Signer::new("ES256"))
}

fn lasting(signer: &Signer, kid: &str) -> String {
    let claims = json!({"iss": "https://id.example", "aud": "cellstack", "exp": NOW + 86_400, "tenant_id": "acme"});
    signer.sign(&json!({"alg": "ES256", "kid": kid}), &claims)
}

fn unknown<T>() -> Result<T, Problem> {
    Err(Refusal::KeyUnknown.into())
}

#[tokio::test(start_paused = true)]
async fn a_set_is_read_once_and_again_when_it_is_old() {
    let (world, signer) = world();
    world.web.serves(&[signer.jwk("k1")]);
    let token = lasting(&signer, "k1");
    for _ in 0..50 {
        assert_eq!(world.tenant(&token).await.as_deref(), Ok("acme"));
        world.clock.advance((JWT_KEYS_AGE - Duration::from_millis(1)) / 50);
    }
    assert_eq!((world.web.reads(), world.web.last_url().as_deref()), (1, Some(URL)));
    world.clock.advance(Duration::from_millis(100));
    world.tenant(&token).await.unwrap();
    assert_eq!(world.web.reads(), 2);
    // A frozen environment's monotonic clock stands still.
    world.clock.freeze(JWT_KEYS_AGE);
    world.tenant(&token).await.unwrap();
    assert_eq!(world.web.reads(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_found_and_one_that_was_withdrawn_is_forgotten() {
    let (world, old) = world();
    world.web.serves(&[old.jwk("k1")]);
    world.tenant(&lasting(&old, "k1")).await.unwrap();

    let new = Signer::new("ES256");
    world.web.serves(&[new.jwk("k2")]);
    world.clock.advance(JWT_KEYS_COOLDOWN);
    assert_eq!(world.tenant(&lasting(&new, "k2")).await.as_deref(), Ok("acme"));
    assert_eq!(world.tenant(&lasting(&old, "k1")).await, unknown());
    assert_eq!(world.web.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn made_up_key_names_cost_one_read_in_a_cooldown() {
    let (world, signer) = world();
    world.web.serves(&[signer.jwk("k1")]);
    world.tenant(&lasting(&signer, "k1")).await.unwrap();
    for at in 0..1_000_u32 {
        assert_eq!(world.tenant(&lasting(&signer, &format!("made-up-{at}"))).await, unknown());
        world.clock.advance(JWT_KEYS_COOLDOWN / 100);
    }
    // The first read, and one in each cooldown after it.
    assert_eq!(world.web.reads(), 10);
    assert_eq!(world.tenant(&lasting(&signer, "k1")).await.as_deref(), Ok("acme"));
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_fails_takes_no_key_away() {
    let (world, signer) = world();
    world.web.serves(&[signer.jwk("k1")]);
    let token = lasting(&signer, "k1");
    world.tenant(&token).await.unwrap();
    let too_large = format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(JWT_KEYS_MAX));
    let failures = [
        WebResponse::Reset,
        WebResponse::Hang,
        WebResponse::Status(500),
        WebResponse::Status(302),
        WebResponse::Body("<html>".to_owned()),
        WebResponse::Body(set(&[]).to_string()),
        WebResponse::Body(set(&[Signer::new("RS256").jwk("k1")]).to_string()),
        WebResponse::Body(too_large),
    ];
    for (before, failure) in failures.into_iter().enumerate() {
        world.web.responds(failure.clone());
        world.clock.advance(JWT_KEYS_AGE);
        assert_eq!(world.tenant(&token).await.as_deref(), Ok("acme"), "{failure:?}");
        assert_eq!(world.web.reads(), before + 2, "{failure:?}");
        // Within the cooldown the issuer is not asked again.
        assert_eq!(world.tenant(&token).await.as_deref(), Ok("acme"));
        assert_eq!(world.web.reads(), before + 2);
        // An unknown key may be in the set that can't be read. Its absence does not prove a forgery.
        assert_eq!(world.tenant(&lasting(&signer, "k9")).await.unwrap_err().kind, Kind::Unavailable);
    }
    world.web.serves(&[signer.jwk("k1")]);
    world.clock.advance(JWT_KEYS_COOLDOWN);
    assert_eq!(world.tenant(&lasting(&signer, "k9")).await, unknown());
}

#[tokio::test(start_paused = true)]
async fn without_any_keys_a_request_is_told_so_fast_and_the_next_try_is_not_far() {
    let (world, signer) = world();
    let token = lasting(&signer, "k1");
    world.web.responds(WebResponse::Hang);
    let started = tokio::time::Instant::now();
    let problem = world.tenant(&token).await.unwrap_err();
    assert_eq!((problem.kind, started.elapsed()), (Kind::Unavailable, JWT_KEYS_TIMEOUT));
    assert_eq!(problem.into_response("id").headers()["retry-after"], "1");
    for _ in 0..10 {
        assert_eq!(world.tenant(&token).await.unwrap_err().kind, Kind::Unavailable);
    }
    assert_eq!((world.web.reads(), started.elapsed()), (1, JWT_KEYS_TIMEOUT));

    world.web.serves(&[signer.jwk("k1")]);
    world.clock.advance(JWT_KEYS_COLD_COOLDOWN);
    assert_eq!(world.tenant(&token).await.as_deref(), Ok("acme"));
    // A bad token still needs no keys to be refused.
    assert_eq!(world.tenant("x.y.z").await, Err(Refusal::Garbled.into()));
}

#[tokio::test(start_paused = true)]
async fn one_read_at_a_time_and_nobody_waits_who_need_not() {
    let (world, signer) = world();
    let token = lasting(&signer, "k1");
    let slow = Duration::from_millis(500);
    world.web.responds(WebResponse::Slow(slow, set(&[signer.jwk("k1")]).to_string()));

    // Cold: all wait for one read.
    let started = tokio::time::Instant::now();
    let (a, b, c) = tokio::join!(world.tenant(&token), world.tenant(&token), world.tenant(&token));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!((world.web.reads(), started.elapsed()), (1, slow));

    // Cold, and the read fails: all fail when it does.
    let cold = self::world().0;
    cold.web.responds(WebResponse::Hang);
    let started = tokio::time::Instant::now();
    let time_goes_by = async {
        tokio::time::sleep(JWT_KEYS_TIMEOUT / 2).await;
        cold.clock.advance(JWT_KEYS_TIMEOUT);
    };
    let (a, b, c, ()) = tokio::join!(cold.tenant(&token), cold.tenant(&token), cold.tenant(&token), time_goes_by);
    assert!(a.is_err() && b.is_err() && c.is_err());
    assert_eq!((cold.web.reads(), started.elapsed()), (1, JWT_KEYS_TIMEOUT));

    // Old: one reads, and the others continue with the old set.
    world.clock.advance(JWT_KEYS_AGE);
    let started = tokio::time::Instant::now();
    let others = async {
        tokio::task::yield_now().await;
        for _ in 0..5 {
            assert_eq!(world.tenant(&token).await.as_deref(), Ok("acme"));
        }
        started.elapsed()
    };
    let (reader, others) = tokio::join!(world.tenant(&token), others);
    assert!(reader.is_ok());
    assert_eq!((world.web.reads(), others, started.elapsed()), (2, Duration::ZERO, slow));
}

#[tokio::test(start_paused = true)]
async fn a_read_that_is_dropped_on_its_way_blocks_nobody() {
    let (world, signer) = world();
    let token = lasting(&signer, "k1");
    world.web.responds(WebResponse::Hang);
    let dropped = tokio::time::timeout(Duration::from_millis(10), world.tenant(&token)).await;
    assert!(dropped.is_err());
    assert_eq!(world.tenant(&token).await.unwrap_err().kind, Kind::Unavailable);
    assert_eq!(world.web.reads(), 1);
    world.web.serves(&[signer.jwk("k1")]);
    world.clock.advance(JWT_KEYS_COLD_COOLDOWN);
    assert_eq!(world.tenant(&token).await.as_deref(), Ok("acme"));
}

#[tokio::test(start_paused = true)]
async fn a_warm_verifier_has_read_its_keys_before_the_first_request() {
    let (world, signer) = world();
    world.verifier.warm().await;
    assert_eq!(world.web.reads(), 1);
    world.web.serves(&[signer.jwk("k1")]);
    world.clock.advance(JWT_KEYS_COLD_COOLDOWN);
    world.verifier.warm().await;
    world.verifier.warm().await;
    world.tenant(&lasting(&signer, "k1")).await.unwrap();
    assert_eq!(world.web.reads(), 2);
}
