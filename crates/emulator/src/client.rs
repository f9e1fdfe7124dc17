//! The SDK's HTTP client, without HTTP.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::BodyExt;

use crate::Aws;
use crate::network::Leg;
use crate::response::ConnectionReset;

pub(crate) fn sdk_config(aws: &Aws) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "emulator");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(aws.context().region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(InProcess { aws: aws.clone(), read_timeout: None })
        .sleep_impl(TokioSleep::new())
        .time_source(aws.context().clock)
        // Bodies are complete before they are read: nothing can stall.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}

/// A connector that hands requests to the stack.
#[derive(Debug, Clone)]
struct InProcess {
    aws: Aws,
    read_timeout: Option<Duration>,
}

impl HttpClient for InProcess {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Self { aws: self.aws.clone(), read_timeout: settings.read_timeout() })
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            let exchange = this.exchange(request);
            match this.read_timeout {
                None => exchange.await,
                Some(limit) => tokio::time::timeout(limit, exchange)
                    .await
                    .unwrap_or_else(|elapsed| Err(ConnectorError::timeout(elapsed.into()))),
            }
        })
    }
}

impl InProcess {
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request.try_into_http1x().map_err(|e| ConnectorError::user(e.into()))?;
        let (parts, body) = request.into_parts();
        let body = match body.bytes() {
            Some(bytes) => Bytes::copy_from_slice(bytes),
            None => body.collect().await.map_err(ConnectorError::user)?.to_bytes(),
        };
        let request = http::Request::from_parts(parts, body);
        let response = match self.aws.network() {
            None => self.aws.handle(request).await,
            Some(network) => {
                let (service, operation) = crate::request::name(&request);
                tokio::time::sleep(network.latency(Leg::Request, service, &operation)).await;
                let response = self.aws.handle(request).await;
                tokio::time::sleep(network.latency(Leg::Response, service, &operation)).await;
                response
            }
        };
        if response.extensions().get::<ConnectionReset>().is_some() {
            return Err(ConnectorError::io("injected: the connection was reset".into()));
        }
        HttpResponse::try_from(response.map(SdkBody::from)).map_err(|e| ConnectorError::user(e.into()))
    }
}
