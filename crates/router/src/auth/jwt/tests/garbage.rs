//! Tokens of random text.

use proptest::prelude::*;

use super::issuer::{Signer, TokenWorld, bearer};
use crate::http::problem::Kind;

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    #[test]
    fn no_text_proves_anything_or_panics(text in "[ -~]{0,300}", dots in "[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}") {
        let world = TokenWorld::inline(&Signer::new("EdDSA"));
        for text in [text, dots] {
            let problem = run(world.verifier.tenant(&bearer(&text))).unwrap_err();
            prop_assert_eq!(problem.kind, Kind::Unauthenticated);
        }
    }

    /// Sends parts that decode to JSON, which gets further than noise.
    #[test]
    fn nor_does_any_json(header in json(), claims in json()) {
        let signer = Signer::new("EdDSA");
        let world = TokenWorld::inline(&signer);
        let problem = run(world.tenant(&signer.sign(&header, &claims))).unwrap_err();
        prop_assert_eq!(problem.kind, Kind::Unauthenticated);
    }

    /// Changes one character: a token is good as it is, and in no other spelling. The refusal does not repeat it.
    #[test]
    fn one_character_changed_and_a_token_proves_nothing(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.=-]") {
        let signer = Signer::new("EdDSA");
        let world = TokenWorld::inline(&signer);
        let token = signer.token("k1");
        let at = at.index(token.len());
        let mut changed = token.clone();
        changed.replace_range(at..=at, &to);
        prop_assume!(changed != token);
        let problem = run(world.tenant(&changed)).unwrap_err();
        let text = String::from_utf8(problem.into_response("id").body().to_vec()).unwrap();
        prop_assert!(changed.split('.').all(|part| part.len() < 8 || !text.contains(part)), "{}", text);
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "[ -~]{0,12}".prop_map(Into::into),
        Just("EdDSA".into()),
        Just("k1".into()),
    ];
    let name = prop_oneof![Just("alg"), Just("kid"), Just("crit"), Just("jwk"), Just("exp"), Just("aud"), Just("x")];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec((name.clone().prop_map(ToOwned::to_owned), inner), 0..6)
                .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
        ]
    })
}
