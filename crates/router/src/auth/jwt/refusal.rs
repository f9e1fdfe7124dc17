//! The reasons for which a token proves nothing: the expected form, and the next step for the caller.

use cellstack_core::limits::{JWT_KEYS_COOLDOWN, JWT_LEEWAY, JWT_MAX_TOKEN};
use lambda_http::http::HeaderName;
use lambda_http::http::header::AUTHORIZATION;

use super::algorithm::Algorithm;
use crate::http::problem::{Kind, Problem};

/// A reason for which a token proves nothing. No text holds a part of the token: it may be a good one in the wrong
/// place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("Send a token in the header {0}{form}.", form = if .0 == AUTHORIZATION { ", as Bearer and the token" } else { "" })]
    Missing(HeaderName),
    #[error("The header {0} is there more than once. Send one token.")]
    Several(HeaderName),
    #[error("The token is longer than {JWT_MAX_TOKEN} bytes. Get one with fewer claims.")]
    TooLong,
    #[error("The token is not a JWT: three parts of base64url without padding, with a dot between them.")]
    Garbled,
    #[error("The token's header can't be read: it must be a JSON object. Get a token that is signed with {0}.")]
    Header(Algorithm),
    #[error("The token's alg is not the one that is taken here. Get a token that is signed with {0}.")]
    Algorithm(Algorithm),
    #[error("The token's header has crit: it demands an extension that is not known here. Get one without.")]
    Critical,
    #[error("The token's header has no kid, and the issuer has several keys. Get a token that names its key.")]
    KeyNotNamed,
    #[error(
        "The token's kid names none of the issuer's keys. If the issuer has just changed its keys, send the request again \
         after {} s; else get a new token.", JWT_KEYS_COOLDOWN.as_secs()
    )]
    KeyUnknown,
    #[error("The token's signature is not by the key it names. Get a new token from the issuer.")]
    Signature,
    #[error("The token's claims can't be read: they must be a JSON object. Get a new token from the issuer.")]
    Claims,
    #[error("The token has no usable claim {0}, which is needed here. Get one that has it.")]
    Lacks(String),
    #[error("The token's iss is not '{0}'. Get a token from that issuer.")]
    Issuer(String),
    #[error("The token's aud is none of: {0}. Get a token that is meant for one of these.")]
    Audience(String),
    #[error("The token has expired: its exp is more than {} s ago. Get a new one.", JWT_LEEWAY.as_secs())]
    Expired,
    #[error("The token is not valid yet: its nbf is more than {} s ahead. Check the issuer's clock.", JWT_LEEWAY.as_secs())]
    NotYetValid,
    #[error("The token's claim {claim} is not a tenant id: it must be {expected}.")]
    Tenant { claim: String, expected: &'static str },
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(Kind::Unauthenticated, refusal.to_string())
    }
}
