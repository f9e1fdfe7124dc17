//! The explanation of an error by the destination of the call: what was expected there, what was found, what to do
//! next.
//!
//! Wrong credentials, endpoints, regions and prefixes are the usual errors of a first call, and the SDK's own words
//! name none of them.

use std::error::Error as StdError;
use std::fmt;

use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use aws_types::SdkConfig;
use cellstack_aws::{AwsFailure, FailureKind, chain};
use cellstack_core::names;
use cellstack_store::cells::StateError;
use cellstack_store::erase::EraseError;
use cellstack_store::moves::MoveError;
use cellstack_store::placement::PlacementError;

/// The variables to set for `make serve`.
const LOCAL_KEYS: &str = "export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1";
const LOCAL_ENDPOINT: &str = "export AWS_ENDPOINT_URL=http://127.0.0.1:4566";

/// A fault of the environment, in three lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    expected: String,
    found: String,
    next: String,
}

impl Diagnosis {
    fn new(expected: impl Into<String>, found: impl Into<String>, next: impl Into<String>) -> Self {
        Self { expected: expected.into(), found: found.into(), next: next.into() }
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { expected, found, next } = self;
        write!(f, "  expected: {expected}\n  found:    {found}\n  next:     {next}")
    }
}

/// The destination of an operator's calls, from the environment.
#[derive(Debug, Clone)]
pub struct Destination {
    prefix: String,
    region: String,
    /// The endpoint; `None` for AWS's own.
    endpoint: Option<String>,
}

impl Destination {
    /// Reads the destination from a configuration.
    ///
    /// # Errors
    /// Fails if no call could be made at all: without region or credentials, or to an endpoint that is not a URL.
    pub async fn of(config: &SdkConfig, prefix: &str) -> Result<Self, Diagnosis> {
        check_endpoints(config)?;
        let Some(region) = config.region() else {
            let next = "export AWS_REGION=eu-central-1 (with `make serve`: us-east-1)";
            return Err(Diagnosis::new("a region: AWS_REGION, or that of a profile (AWS_PROFILE)", "none", next));
        };
        check_credentials(config).await?;
        let endpoint = config.endpoint_url().map(ToOwned::to_owned);
        Ok(Self { prefix: prefix.to_owned(), region: region.to_string(), endpoint })
    }

    /// Explains the error of a call to this destination, if its cause may be the destination.
    #[must_use]
    pub fn explain(&self, error: &anyhow::Error) -> Option<Diagnosis> {
        let failure = error.chain().find_map(failed_call)?;
        match failure.code.as_deref() {
            Some("ResourceNotFoundException") => Some(self.no_table(failure)),
            Some("AccessDeniedException" | "AccessDenied") => Some(self.no_rights(failure)),
            Some(code) if is_about_credentials(code) => Some(self.wrong_credentials(failure)),
            None if failure.detail.starts_with("HTTP ") => Some(self.not_aws(failure)),
            None if failure.kind == FailureKind::Unavailable => Some(self.no_response(failure)),
            _ => None,
        }
    }

    fn no_table(&self, failure: &AwsFailure) -> Diagnosis {
        let prefix = &self.prefix;
        let table = if failure.what.contains("tenant map") {
            format!("the table {}", names::tenant_map(prefix))
        } else if failure.what.contains("registry") || failure.what.contains("audit") {
            format!("the table {}", names::registry(prefix))
        } else {
            format!("the tables of {prefix}")
        };
        Diagnosis::new(
            format!("{table} in {self}"),
            "no table of this name",
            format!(
                "name the stack with --prefix or CELLSTACK_PREFIX (now {prefix}), or another region or account; \
                 `aws dynamodb list-tables` lists what is there"
            ),
        )
    }

    fn no_rights(&self, failure: &AwsFailure) -> Diagnosis {
        Diagnosis::new(
            format!("credentials that may {} in {self}", failure.what),
            failure.detail.as_str(),
            "`aws sts get-caller-identity` names who you are; docs/control-plane.md (\"Rights\") names the role, which gets the \
             rights of a new version by `terraform apply`",
        )
    }

    fn wrong_credentials(&self, failure: &AwsFailure) -> Diagnosis {
        Diagnosis::new(
            format!("credentials that {self} takes"),
            failure.detail.as_str(),
            "`aws sts get-caller-identity` names who you are; `aws sso login` renews a session",
        )
    }

    fn not_aws(&self, failure: &AwsFailure) -> Diagnosis {
        let found = if failure.detail.contains("application/problem+json") {
            format!("a router's response ({})", failure.detail)
        } else {
            format!("a response that is not AWS's ({})", failure.detail)
        };
        let next = format!(
            "set AWS_ENDPOINT_URL to an endpoint of AWS's services, not to the function URL, or unset it; with `make serve`: {LOCAL_ENDPOINT}"
        );
        Diagnosis::new(format!("DynamoDB in {self}"), found, next)
    }

    fn no_response(&self, failure: &AwsFailure) -> Diagnosis {
        let next = if self.endpoint.is_some() {
            format!("start what listens there, or correct AWS_ENDPOINT_URL; with `make serve`: {LOCAL_ENDPOINT}")
        } else {
            format!("look at the network, proxy and region; for a local stack: {LOCAL_ENDPOINT}")
        };
        Diagnosis::new(format!("a response from {self}"), failure.detail.as_str(), next)
    }
}

/// The form `us-east-1 at http://127.0.0.1:4566`.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.region)?;
        match &self.endpoint {
            Some(endpoint) => write!(f, " at {endpoint}"),
            None => Ok(()),
        }
    }
}

/// Checks that endpoints are URLs. The SDK reports one that is not as a dump of itself.
fn check_endpoints(config: &SdkConfig) -> Result<(), Diagnosis> {
    let set = |name: &'static str| std::env::var(name).ok().map(|url| (name, url));
    let of_profile = config.endpoint_url().map(|url| ("endpoint_url", url.to_owned()));
    // The configuration omits an endpoint that it can't parse, and a service's client reads it again.
    let names = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_S3"];
    for (name, url) in names.into_iter().filter_map(set).chain(of_profile) {
        if !url.is_empty() && !is_url(&url) {
            let next = format!("correct {name} or unset it; with `make serve`: {LOCAL_ENDPOINT}");
            return Err(Diagnosis::new(format!("{name} as http://HOST:PORT or https://HOST"), url, next));
        }
    }
    Ok(())
}

fn is_url(text: &str) -> bool {
    text.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    })
}

async fn check_credentials(config: &SdkConfig) -> Result<(), Diagnosis> {
    let found = match config.credentials_provider() {
        None => "none".to_owned(),
        Some(provider) => match provider.provide_credentials().await {
            Ok(_) => return Ok(()),
            Err(CredentialsError::CredentialsNotLoaded(_)) => "none".to_owned(),
            // The chain of providers ends with the instance's role, whose absence says little about the others.
            Err(error) => format!("none that works; the last place asked said: {}", chain(&error)),
        },
    };
    let expected = "AWS credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or a role";
    let next = format!("`aws configure` or `aws sso login`; with `make serve`: {LOCAL_KEYS}");
    Err(Diagnosis::new(expected, found, next))
}

/// Returns the failed call that an error is, or stands for: a transparent error hides it from the chain of sources.
fn failed_call<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a AwsFailure> {
    if let Some(failure) = error.downcast_ref::<AwsFailure>() {
        return Some(failure);
    }
    if let Some(PlacementError::Failed(failure)) = error.downcast_ref::<PlacementError>() {
        return Some(failure);
    }
    if let Some(StateError::Failed(failure)) = error.downcast_ref::<StateError>() {
        return Some(failure);
    }
    if let Some(EraseError::Failed(failure)) = error.downcast_ref::<EraseError>() {
        return Some(failure);
    }
    match error.downcast_ref::<MoveError>()? {
        MoveError::Failed(failure) | MoveError::Placement(PlacementError::Failed(failure)) => Some(failure),
        _ => None,
    }
}

fn is_about_credentials(code: &str) -> bool {
    const CODES: [&str; 8] = [
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "ExpiredToken",
        "ExpiredTokenException",
        "MissingAuthenticationTokenException",
    ];
    CODES.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Destination {
        Destination { prefix: "shop".into(), region: "us-east-1".into(), endpoint: Some("http://127.0.0.1:1".into()) }
    }

    fn failure(code: Option<&str>, kind: FailureKind, detail: &str) -> anyhow::Error {
        let (code, detail) = (code.map(ToOwned::to_owned), detail.to_owned());
        anyhow::Error::from(AwsFailure { what: "read the registry", kind, code, detail }).context("while listing")
    }

    #[test]
    fn a_failure_is_explained_by_where_the_call_went() {
        let explained = |code, kind, detail| here().explain(&failure(code, kind, detail)).map(|told| told.to_string());
        let missing = explained(Some("ResourceNotFoundException"), FailureKind::Refused, "x").unwrap();
        assert!(missing.contains("the table shop-registry in us-east-1 at http://127.0.0.1:1"), "{missing}");
        assert!(missing.contains("--prefix or CELLSTACK_PREFIX (now shop)"), "{missing}");
        let router = explained(None, FailureKind::Refused, "HTTP 404, application/problem+json").unwrap();
        assert!(router.contains("a router's response") && router.contains("not to the function URL"), "{router}");
        let other = explained(None, FailureKind::Refused, "HTTP 200, text/html").unwrap();
        assert!(other.contains("a response that is not AWS's (HTTP 200, text/html)"), "{other}");
        let refused = explained(None, FailureKind::Unavailable, "connection refused").unwrap();
        assert!(refused.contains("start what listens there"), "{refused}");
        let stranger = explained(Some("UnrecognizedClientException"), FailureKind::Refused, "who?").unwrap();
        assert!(stranger.contains("aws sts get-caller-identity"), "{stranger}");
        assert_eq!(explained(Some("ThrottlingException"), FailureKind::Busy, "x"), None);
        assert_eq!(here().explain(&anyhow::anyhow!("cell omega is not in the registry")), None);
    }

    #[test]
    fn a_failure_is_found_in_the_errors_that_stand_for_it() {
        let failure = || AwsFailure {
            what: "write the tenant map",
            kind: FailureKind::Refused,
            code: Some("AccessDeniedException".to_owned()),
            detail: "AccessDeniedException: x".to_owned(),
        };
        let errors: [anyhow::Error; 6] = [
            failure().into(),
            PlacementError::Failed(failure()).into(),
            StateError::Failed(failure()).into(),
            EraseError::Failed(failure()).into(),
            MoveError::Failed(failure()).into(),
            MoveError::Placement(PlacementError::Failed(failure())).into(),
        ];
        for error in errors {
            let told = [here().explain(&error), here().explain(&error.context("while moving"))];
            for told in told.map(|told| told.map(|told| told.to_string())) {
                let told = told.unwrap_or_default();
                assert!(told.contains("credentials that may write the tenant map"), "{told}");
            }
        }
        let other = MoveError::from(PlacementError::NotPlaced { tenant: "acme".parse().unwrap() });
        assert_eq!(here().explain(&other.into()), None);
    }

    #[test]
    fn an_endpoint_is_a_url_with_a_host() {
        for good in ["http://127.0.0.1:4566", "https://vpce-1.example.com", "http://[::1]:4566/"] {
            assert!(is_url(good), "{good}");
        }
        for bad in ["foo", "127.0.0.1:4566", "ftp://host", "http://", "http:// host", "/path"] {
            assert!(!is_url(bad), "{bad}");
        }
    }
}
