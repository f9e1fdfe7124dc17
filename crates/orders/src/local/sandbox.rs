//! A payment gateway in memory that is unreliable on purpose.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cellstack_consumer::{EventId, TenantId};

use crate::{Gateway, GatewayError, Payment};

/// The time that a call takes.
const LATENCY: Duration = Duration::from_millis(5);
/// The response to the first call is lost for one key in so many.
const UNLUCKY: u32 = 3;

/// A gateway that remembers every authorisation. Some responses are lost after the payment was authorised, which is the
/// worst time. Clones are the same gateway.
#[derive(Debug, Clone, Default)]
pub struct Sandbox {
    authorised: Arc<Mutex<BTreeMap<String, Payment>>>,
}

impl Sandbox {
    /// Returns the payments that are authorised for an order: one at most, unless its processor has a bug.
    #[must_use]
    pub fn authorised(&self, tenant: &TenantId, order: EventId) -> Vec<Payment> {
        let authorised = self.authorised.lock().unwrap_or_else(PoisonError::into_inner);
        authorised.values().filter(|payment| payment.tenant == *tenant && payment.order == order).cloned().collect()
    }
}

impl Gateway for Sandbox {
    async fn authorise(&self, key: &str, payment: &Payment) -> Result<String, GatewayError> {
        let is_new = {
            let mut authorised = self.authorised.lock().unwrap_or_else(PoisonError::into_inner);
            authorised.insert(key.to_owned(), payment.clone()).is_none()
        };
        tokio::time::sleep(LATENCY).await;
        if is_new && key.bytes().map(u32::from).sum::<u32>().is_multiple_of(UNLUCKY) {
            return Err(GatewayError::Unavailable("its response was lost".to_owned()));
        }
        Ok(format!("sandbox-{key}"))
    }
}
