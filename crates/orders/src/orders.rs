//! The processor.

// [readme]
use cellstack_consumer::{Effects, Message, ProcessError, Processor};
use serde_json::json;

use crate::{Gateway, GatewayError, Invalid, ORDER_PLACED, Order, Payment, STOCK_RECEIVED, Stock};

/// Reserves the stock of orders, authorises their payments and keeps each tenant's balance.
#[derive(Debug, Clone)]
pub struct Orders<G> {
    gateway: G,
}

impl<G: Gateway> Processor for Orders<G> {
    async fn process(&self, event: &Message) -> Result<Effects, ProcessError> {
        let data = event.data.as_deref().unwrap_or_default();
        match event.event_type.as_str() {
            STOCK_RECEIVED => Ok(received(&Stock::parse(data)?)),
            ORDER_PLACED => self.placed(event, &Order::parse(data)?).await,
            other => {
                Err(ProcessError::Permanent(format!("expected {STOCK_RECEIVED} or {ORDER_PLACED}, found {other}")))
            }
        }
    }
}

impl<G: Gateway> Orders<G> {
    async fn placed(&self, event: &Message, order: &Order) -> Result<Effects, ProcessError> {
        let payment = Payment { tenant: event.tenant.clone(), order: event.id, amount: order.total() };
        // The event may come again after this call. The key says that it is the same authorisation then; two tenants may
        // have an event of the same id.
        let key = format!("{}/{}", event.tenant, event.id);
        let authorisation = self.gateway.authorise(&key, &payment).await?;
        let mut effects = Effects::none();
        for line in &order.items {
            // Refused with all other effects where fewer units are left. The authorisation lapses then.
            effects = effects.take(line.sort_key(), "units", line.units);
        }
        Ok(effects
            .add("account", "orders", 1)
            .add("account", "balance", payment.amount)
            .result(&json!({ "amount": payment.amount.to_string(), "authorisation": authorisation })))
    }
}
// [/readme]

impl<G> Orders<G> {
    /// A processor that has payments authorised by this gateway.
    pub const fn new(gateway: G) -> Self {
        Self { gateway }
    }

    /// Returns its gateway.
    pub const fn gateway(&self) -> &G {
        &self.gateway
    }
}

fn received(stock: &Stock) -> Effects {
    stock.items.iter().fold(Effects::none(), |effects, line| effects.add(line.sort_key(), "units", line.units))
}

impl From<Invalid> for ProcessError {
    /// An order that is wrong stays wrong.
    fn from(invalid: Invalid) -> Self {
        Self::Permanent(invalid.to_string())
    }
}

impl From<GatewayError> for ProcessError {
    fn from(error: GatewayError) -> Self {
        match error {
            GatewayError::Declined(_) => Self::Permanent(error.to_string()),
            GatewayError::Unavailable(_) => Self::Retryable(error.to_string()),
        }
    }
}
