use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use cellstack_core::SystemClock;
use lambda_http::http::StatusCode;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::auth::TenantSource;
use crate::auth::jwt::JwtSettings;

/// The behaviour of DynamoDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aws {
    /// No call gets a response.
    Silent,
    /// Each table returns a failure.
    Broken,
    /// There is one tenant, in one cell that accepts everything.
    Works,
}

#[derive(Debug, Clone)]
struct Scripted {
    aws: Aws,
    /// The operations that were called.
    calls: Arc<Mutex<Vec<String>>>,
}

impl HttpClient for Scripted {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Scripted {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let response = match operation.as_str() {
            "GetItem" => {
                r#"{"Item":{"tenant_id":{"S":"acme"},"cell_id":{"S":"alpha"},"epoch":{"N":"1"},"state":{"S":"active"}}}"#
            }
            "Query" => r#"{"Items":[{"pk":{"S":"cell#alpha"},"sk":{"S":"config"},"table":{"S":"alpha"}}],"Count":1}"#,
            _ => "{}",
        };
        self.calls.lock().unwrap().push(operation);
        let (status, response) = match self.aws {
            Aws::Silent => return HttpConnectorFuture::new(std::future::pending()),
            Aws::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "{}"),
            Aws::Works => (StatusCode::OK, response),
        };
        let mut response = HttpResponse::new(status.into(), SdkBody::from(response));
        response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
        HttpConnectorFuture::ready(Ok(response))
    }
}

struct RouterWorld {
    router: Router<SystemClock>,
    calls: Arc<Mutex<Vec<String>>>,
}

const TIME: Duration = Duration::from_secs(10);

impl RouterWorld {
    fn new(aws: Aws, source: TenantSource) -> Self {
        let client = Scripted { aws, calls: Arc::default() };
        let calls = Arc::clone(&client.calls);
        let credentials = Credentials::new("a", "b", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(client)
            .build();
        let settings = Settings::new("map".to_owned(), "registry".to_owned(), source);
        Self { router: Router::new(&config, settings, SystemClock::new()), calls }
    }

    async fn ask(&self, method: &str, path: &str, headers: Value, body: &str, base64: bool) -> Response<Body> {
        let event = json!({
            "rawPath": path, "headers": headers, "body": body, "isBase64Encoded": base64,
            "requestContext": { "http": { "method": method } },
        });
        self.router.invoke(serde_json::from_value(event).unwrap(), "r-1", TIME).await.0
    }

    /// Sends a request of acme's.
    async fn acme(&self, method: &str, path: &str, body: &str) -> Response<Body> {
        self.ask(method, path, json!({ "x-tenant-id": "acme", "content-type": "application/json" }), body, false).await
    }
}

fn text(response: &Response<Body>) -> &str {
    std::str::from_utf8(response.body().as_ref()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_response_comes_before_the_time_is_over_whatever_hangs() {
    let RouterWorld { router, .. } = RouterWorld::new(Aws::Silent, TenantSource::Header);
    let event = r#"{"rawPath":"/v1/route","requestContext":{"http":{"method":"GET"}},"headers":{"x-tenant-id":"a"}}"#;
    let before = Instant::now();
    let time = RESPONSE_RESERVE + Duration::from_millis(300);
    let Reply(response) = router.invoke(serde_json::from_str(event).unwrap(), "r-1", time).await;
    assert_eq!(before.elapsed(), Duration::from_millis(300), "before the lookup's own time-out");
    assert_eq!((response.status().as_u16(), &response.headers()["x-request-id"]), (503, &"r-1".parse().unwrap()));
    assert!(response.headers().contains_key("retry-after"));
}

/// C10: a body is not read before its token is checked.
#[tokio::test]
async fn a_bad_token_is_told_before_a_bad_body() {
    const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"k","alg":"ES256","use":"sig",
        "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
    let setting = |name: &str| match name {
        "CELLSTACK_JWT_ISSUER" => Some("https://issuer.example".to_owned()),
        "CELLSTACK_JWT_AUDIENCE" => Some("cellstack".to_owned()),
        "CELLSTACK_JWT_ALGORITHM" => Some("ES256".to_owned()),
        "CELLSTACK_JWT_KEYS" => Some(KEYS.to_owned()),
        _ => None,
    };
    let world = RouterWorld::new(Aws::Works, TenantSource::Jwt(Box::new(JwtSettings::read(setting).unwrap())));
    let large = "A".repeat(1_000_000);
    let bodies = [("", false), ("{not json", false), ("%%%", true), (&large, true), (&large, false), ("/w==", true)];
    for token in [None, Some("Bearer a.b.c"), Some("Basic x")] {
        for (body, base64) in bodies {
            let headers = token.map_or_else(|| json!({}), |token| json!({ "authorization": token }));
            let response = world.ask("POST", "/v1/events", headers, body, base64).await;
            let shown = &body[..body.len().min(20)];
            assert_eq!(response.status(), 401, "{token:?} {shown}: {}", text(&response));
        }
    }
    assert!(world.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_told_where_it_is_read() {
    let world = RouterWorld::new(Aws::Works, TenantSource::Header);
    let headers = json!({ "x-tenant-id": "acme" });
    let large = "A".repeat(1_000_000);
    for (body, base64, status) in [("%%%", true, 400), (&large, true, 413), (&large, false, 413), ("/w==", true, 400)] {
        let response = world.ask("POST", "/v1/events", headers.clone(), body, base64).await;
        assert_eq!(response.status(), status, "{}", text(&response));
        // A request that reads needs no body.
        let response = world.ask("GET", "/v1/route", headers.clone(), body, base64).await;
        assert_eq!(response.status(), 200, "{}", text(&response));
    }
}

#[tokio::test]
async fn a_response_of_json_is_a_line() {
    let world = RouterWorld::new(Aws::Works, TenantSource::Header);
    for (method, path, body, status) in [
        ("GET", "/health", "", 200),
        ("GET", "/v1/route", "", 200),
        ("POST", "/v1/events", r#"{"type":"t"}"#, 202),
        ("POST", "/v1/events", "{", 400),
        ("GET", "/nothing", "", 404),
    ] {
        let response = world.acme(method, path, body).await;
        assert_eq!(response.status(), status);
        let body = text(&response);
        assert!(body.ends_with("}\n") && body.matches('\n').count() == 1, "{body:?}");
    }
}

#[tokio::test]
async fn head_is_get_without_a_body_and_what_a_path_takes_is_told() {
    let world = RouterWorld::new(Aws::Works, TenantSource::Header);
    for path in ["/health", "/v1/route", "/nothing", "/v1/events/x"] {
        let (get, head) = (world.acme("GET", path, "").await, world.acme("HEAD", path, "").await);
        assert_eq!(get.status(), head.status(), "{path}");
        // The route was read once, and is cached since.
        for name in get.headers().keys().filter(|name| *name != "x-route-source") {
            assert_eq!(get.headers().get(name), head.headers().get(name), "{path} {name}");
        }
        assert_eq!(get.headers().len(), head.headers().len(), "{path}");
        assert!(text(&head).is_empty() && !text(&get).is_empty(), "{path}");
    }
    for (method, path, allow) in [
        ("PUT", "/v1/events", "GET, HEAD, POST"),
        ("OPTIONS", "/v1/events", "GET, HEAD, POST"),
        ("POST", "/health", "GET, HEAD"),
        ("DELETE", "/v1/totals", "GET, HEAD"),
        ("PATCH", "/v1/route", "GET, HEAD"),
        ("POST", "/v1/events/01930000-0000-7000-8000-000000000001", "GET, HEAD"),
    ] {
        let response = world.acme(method, path, "").await;
        assert_eq!((response.status().as_u16(), response.headers()["allow"].to_str().unwrap()), (405, allow));
    }
}

/// C10: a failed read of the map or the registry is counted, so that an alarm can ring. A read that the breaker spares
/// is not.
#[tokio::test(start_paused = true)]
async fn a_map_that_fails_is_counted_once_a_read() {
    let world = RouterWorld::new(Aws::Broken, TenantSource::Header);
    for _ in 0..5 {
        assert_eq!(world.acme("GET", "/v1/route", "").await.status(), 503);
    }
    assert_eq!(world.router.metrics.seen(), [Metric::MapFailed]);
}
