//! The administrative path of a served stack, from another process.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use bytes::Bytes;
use cellstack_embedded::admin::{HEADER, Problem};
use cellstack_embedded::client;
use clap::Args;
use http::{Method, Request, Uri};
use serde::de::DeserializeOwned;

/// The time a served stack may take to respond: it is on this machine, and these requests take little time.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Args)]
pub(super) struct Endpoint {
    /// AWS endpoint of the served stack, on this machine
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL", default_value = "http://127.0.0.1:4566")]
    endpoint: Url,
}

/// A URL: `http://` with a host and a port.
#[derive(Debug, Clone)]
struct Url {
    text: String,
    host: String,
    port: u16,
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || "expected http:// with a host of this machine and a port, as in http://127.0.0.1:4566".to_owned();
        let uri: Uri = text.parse().map_err(|_| expected())?;
        let is_root = uri.path() == "/" && uri.query().is_none();
        let host = uri.host().filter(|_| uri.scheme_str() == Some("http") && is_root).ok_or_else(expected)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { text: text.trim_end_matches('/').to_owned(), host, port: uri.port_u16().unwrap_or(80) })
    }
}

impl Endpoint {
    /// Sends a request to an administrative path, and reads the response.
    pub(super) async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Vec<u8>) -> Result<T> {
        let url = &self.endpoint.text;
        let request = Request::builder().method(&method).uri(path).body(Bytes::from(body))?;
        let address = self.address().await?;
        let sent = tokio::time::timeout(PATIENCE, client::send(address, request)).await;
        let response =
            sent.map_err(|_| anyhow!("{url} did not respond within {} s", PATIENCE.as_secs()))?.with_context(|| {
                format!("no stack is served at {url}; start one with cellstack-local serve, or name it with --endpoint")
            })?;
        if !response.headers().contains_key(HEADER) {
            bail!(
                "{url} is not the AWS endpoint of a stack that cellstack-local serves (it responded to {} {path} with {}); \
                 start one, or name it with --endpoint",
                method,
                response.status()
            );
        }
        if !response.status().is_success() {
            let problem: Problem = serde_json::from_slice(response.body()).context("a response that can't be read")?;
            bail!("{}", problem.message);
        }
        serde_json::from_slice(response.body())
            .context("the served stack responded in a form of another version; use the cellstack-local that serves it")
    }

    /// Returns a loopback address: only stacks on this machine have the path.
    async fn address(&self) -> Result<SocketAddr> {
        let Url { text, host, port } = &self.endpoint;
        let found = tokio::net::lookup_host((host.as_str(), *port)).await;
        let found: Vec<_> = found.with_context(|| format!("{host} has no address"))?.collect();
        let local = found.iter().find(|address| address.ip().is_loopback()).copied();
        local.with_context(|| format!("{text} is not on this machine; expected a stack on 127.0.0.1"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_http_with_a_host_and_nothing_else() {
        let url: Url = "http://localhost:4600/".parse().unwrap();
        assert_eq!((url.text.as_str(), url.host.as_str(), url.port), ("http://localhost:4600", "localhost", 4600));
        assert_eq!("http://[::1]:1".parse::<Url>().unwrap().host, "::1");
        for text in ["https://127.0.0.1:4566", "127.0.0.1:4566", "http://127.0.0.1:4566/path", "http://", ""] {
            assert!(text.parse::<Url>().unwrap_err().contains("http://127.0.0.1:4566"), "{text}");
        }
    }
}
