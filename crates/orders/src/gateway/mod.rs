//! Payments: another system, which is called and may not respond.

mod http;

use std::future::Future;

use cellstack_consumer::{EventId, TenantId};
use rust_decimal::Decimal;

pub use http::HttpGateway;

/// A payment to authorise: an amount is reserved for an order. It lapses by itself unless the shop collects it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The tenant.
    pub tenant: TenantId,
    /// The order's event.
    pub order: EventId,
    /// The amount.
    pub amount: Decimal,
}

/// A payment gateway.
pub trait Gateway: Clone + Send + Sync + 'static {
    /// Authorises a payment. Calls with the same key are the same authorisation. Returns its name.
    ///
    /// # Errors
    /// When it is declined, or when nobody knows: the same call may be made again then.
    fn authorise(&self, key: &str, payment: &Payment) -> impl Future<Output = Result<String, GatewayError>> + Send;
}

/// The reason why a payment is not known to be authorised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// The gateway refuses it for good.
    #[error("the payment was declined: {0}")]
    Declined(String),
    /// The gateway did not respond, or can't say now.
    #[error("the payment gateway is unavailable: {0}")]
    Unavailable(String),
}
