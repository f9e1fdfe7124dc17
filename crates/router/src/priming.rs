//! The priming of the router: one made-up event goes all the way through a router of its own before the first real one
//! comes. The code is then in memory, and everything that is made once has been made. It sends no call: DynamoDB's
//! responses are built in.
//!
//! Lambda gives a function a full processor while it starts, and a share of one afterwards. The work of the first
//! request is done sooner, and cheaper, during the start.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use cellstack_core::limits::pipeline::ROUTER_TIMEOUT;
use cellstack_core::{Clock, Entropy};
use lambda_http::http::StatusCode;
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;

use crate::auth::TenantSource;
use crate::handler::Router;
use crate::http::function_url::{Invocation, Reply};
use crate::settings::Settings;

const EVENT: &str = r#"{"version":"2.0","rawPath":"/v1/events","rawQueryString":"","headers":{
    "content-type":"application/json","host":"localhost","x-tenant-id":"priming"},
    "requestContext":{"http":{"method":"POST"},"requestId":"priming"},
    "body":"{\"type\":\"priming\",\"data\":{\"amount\":1}}","isBase64Encoded":false}"#;

const ROUTE: &str =
    r#"{"Item":{"tenant_id":{"S":"priming"},"cell_id":{"S":"none"},"epoch":{"N":"1"},"state":{"S":"active"}}}"#;
const CELL: &str = r#"{"Items":[{"pk":{"S":"cell#none"},"sk":{"S":"config"},"table":{"S":"none"}}],"Count":1}"#;

/// Sends the made-up event. Returns the response on failure, since a failed priming prepares nothing.
pub(crate) async fn prime<A: Clock + Entropy + Clone>(config: &SdkConfig, clock: A) -> Result<(), String> {
    let config = config.to_builder().http_client(Stage).build();
    let settings = Settings::new("none".to_owned(), "none".to_owned(), TenantSource::Header);
    let router = Router::new(&config, settings, clock);
    let event: Invocation = serde_json::from_str(EVENT).map_err(|error| error.to_string())?;
    let primed = router.invoke(event, "priming", ROUTER_TIMEOUT).with_subscriber(NoSubscriber::new());
    let reply: Reply = Box::pin(primed).await;
    let text = serde_json::to_string(&reply).map_err(|error| error.to_string())?;
    if reply.0.status() == StatusCode::ACCEPTED { Ok(()) } else { Err(text) }
}

/// A DynamoDB with built-in responses.
#[derive(Debug, Clone)]
struct Stage;

impl HttpClient for Stage {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Self)
    }
}

impl HttpConnector for Stage {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let operation = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next());
        let response = match operation {
            Some("GetItem") => ROUTE,
            Some("Query") => CELL,
            _ => "{}",
        };
        let mut response = HttpResponse::new(StatusCode::OK.into(), SdkBody::from(response));
        response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
        HttpConnectorFuture::ready(Ok(response))
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
    use cellstack_core::SystemClock;

    use super::*;

    #[tokio::test]
    async fn it_plays_to_its_end() {
        let credentials = Credentials::new("a", "b", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials));
        assert_eq!(prime(&config.build(), SystemClock::new()).await, Ok(()));
    }
}
