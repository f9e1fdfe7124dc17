//! A bucket with one object, in virtual time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::config::{Credentials, Region, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use cellstack_core::hex::sha256;
use lambda_http::http::StatusCode;

/// The way in which the bucket responds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    Serves,
    Hangs,
    Refuses(u16),
}

/// A bucket. Clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct Bucket(Arc<Mutex<BucketState>>);

#[derive(Debug)]
struct BucketState {
    object: Vec<u8>,
    behaviour: Behaviour,
    takes: Duration,
    ranges: Vec<String>,
}

impl Bucket {
    pub(super) fn holding(object: Vec<u8>) -> Self {
        let (behaviour, takes, ranges) = (Behaviour::Serves, Duration::from_millis(20), Vec::new());
        Self(Arc::new(Mutex::new(BucketState { object, behaviour, takes, ranges })))
    }

    pub(super) fn config(&self) -> SdkConfig {
        SdkConfig::builder()
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "test")))
            .http_client(self.clone())
            .build()
    }

    pub(super) fn put(&self, object: Vec<u8>) {
        self.0.lock().unwrap().object = object;
    }

    pub(super) fn set(&self, behaviour: Behaviour) {
        self.0.lock().unwrap().behaviour = behaviour;
    }

    /// Sets the time that a response takes.
    pub(super) fn takes(&self, time: Duration) {
        self.0.lock().unwrap().takes = time;
    }

    /// Returns the ranges that were asked for since the last `take`.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().ranges)
    }

    fn respond(&self, request: &HttpRequest) -> HttpResponse {
        let state = self.0.lock().unwrap();
        let empty = |status: u16| HttpResponse::new(StatusCode::from_u16(status).unwrap().into(), SdkBody::empty());
        if let Behaviour::Refuses(status) = state.behaviour {
            return empty(status);
        }
        let etag = sha256(&state.object);
        if request.headers().get("if-match").is_some_and(|expected| expected != etag) {
            return empty(412);
        }
        let range = request.headers().get("range").unwrap().strip_prefix("bytes=").unwrap();
        let (first, last) = range.split_once('-').unwrap();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        let last = last.min(state.object.len() - 1);
        let body = SdkBody::from(state.object[first..=last].to_vec());
        let mut response = HttpResponse::new(StatusCode::PARTIAL_CONTENT.into(), body);
        response.headers_mut().insert("etag", etag);
        response.headers_mut().insert("content-range", format!("bytes {first}-{last}/{}", state.object.len()));
        response
    }
}

impl HttpClient for Bucket {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Bucket {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (behaviour, takes) = {
            let mut state = self.0.lock().unwrap();
            state.ranges.push(request.headers().get("range").unwrap_or_default().to_owned());
            (state.behaviour, state.takes)
        };
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            if behaviour == Behaviour::Hangs {
                return std::future::pending().await;
            }
            tokio::time::sleep(takes).await;
            Ok(this.respond(&request))
        })
    }
}
