//! A payment gateway over HTTP.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use serde_json::json;

use super::{Gateway, GatewayError, Payment};

/// The environment variable with the gateway's URL.
const URL: &str = "ORDERS_GATEWAY_URL";
/// Longest that a call takes. The consumer gives an event ten seconds.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Posts payments to a URL, each with its key in the header `idempotency-key`.
#[derive(Debug, Clone)]
pub struct HttpGateway {
    client: Client,
    url: Url,
}

impl HttpGateway {
    /// Reads `ORDERS_GATEWAY_URL`.
    ///
    /// # Errors
    /// When it is missing or not a URL.
    pub fn from_env() -> anyhow::Result<Self> {
        let url =
            std::env::var(URL).with_context(|| format!("{URL} is missing: set it to the payment gateway's URL"))?;
        Self::new(url.parse().with_context(|| format!("{URL}: expected a URL, found '{url}'"))?)
    }

    /// A gateway at this URL.
    ///
    /// # Errors
    /// When the system's certificates can't be read.
    pub fn new(url: Url) -> anyhow::Result<Self> {
        Ok(Self { client: Client::builder().timeout(TIMEOUT).build()?, url })
    }
}

impl Gateway for HttpGateway {
    async fn authorise(&self, key: &str, payment: &Payment) -> Result<String, GatewayError> {
        #[derive(Deserialize)]
        struct Authorised {
            id: String,
        }
        let unavailable = |error: reqwest::Error| GatewayError::Unavailable(error.without_url().to_string());
        let body = json!({
            "tenant": payment.tenant.as_str(),
            "order": payment.order.to_string(),
            "amount": payment.amount.to_string(),
        });
        let request = self.client.post(self.url.clone()).header("idempotency-key", key).json(&body);
        let response = request.send().await.map_err(unavailable)?;
        match response.status() {
            status if status.is_success() => Ok(response.json::<Authorised>().await.map_err(unavailable)?.id),
            StatusCode::PAYMENT_REQUIRED => Err(GatewayError::Declined(response.text().await.map_err(unavailable)?)),
            status => Err(GatewayError::Unavailable(format!("it responded {status}"))),
        }
    }
}
