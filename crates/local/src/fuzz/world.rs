//! A router over a DynamoDB of its own, and its responses.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use cellstack_core::limits::WAIT_MAX;
use cellstack_core::limits::pipeline::ROUTER_TIMEOUT;
use cellstack_emulator::Aws;
use cellstack_router::{Invocation, Reply, Router, Settings, TenantSource};
use futures::FutureExt;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::case::Case;
use super::cloud::Cloud;
use super::oracle::{Outcome, oracle};
use cellstack_embedded::VirtualClock;
use cellstack_embedded::names::{registry, tenant_map};

/// A router over a DynamoDB of its own.
pub(super) struct World {
    router: Router<Arc<VirtualClock>>,
    cloud: Cloud,
}

impl World {
    /// Returns a cold router, with nothing written yet.
    pub(super) fn new(runtime: &Runtime, config: &SdkConfig, seed: u64, source: TenantSource) -> Self {
        // The router's clocks are the runtime's.
        let _entered = runtime.enter();
        let cloud = Cloud::default();
        let config = config.to_builder().http_client(cloud.clone()).build();
        let settings = Settings::new(tenant_map(), registry(), source);
        Self { router: Router::new(&config, settings, Arc::new(VirtualClock::new(seed))), cloud }
    }

    /// Hands the router a case. Returns `None` where the payload is not an invocation event: the function reports that
    /// to the runtime, and no caller can make such a payload.
    pub(super) fn try_case(&self, runtime: &Runtime, case: &Case) -> Result<Option<Outcome>, String> {
        let (response, took) = runtime.block_on(async {
            let begun = Instant::now();
            (AssertUnwindSafe(self.invoke(&case.payload)).catch_unwind().await, begun.elapsed())
        });
        let response = response.map_err(|panic| {
            let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            format!("panic: {}", said.unwrap_or_default())
        })?;
        if took > Duration::from_secs(WAIT_MAX.into()) {
            return Err(format!("responded late: after {took:?}"));
        }
        let outcome = response.map(|reply| oracle(case, &reply)).transpose();
        match self.cloud.complaints().into_iter().next() {
            Some(complaint) => Err(format!("accepted in vain: {complaint}")),
            None => outcome,
        }
    }

    /// Invokes the router as the runtime does.
    async fn invoke(&self, payload: &[u8]) -> Option<Vec<u8>> {
        let invocation: Invocation = serde_json::from_slice(payload).ok()?;
        let reply: Reply = self.router.invoke(invocation, "fuzz", ROUTER_TIMEOUT).await;
        serde_json::to_vec(&reply).ok()
    }
}

/// Returns the configuration that all clients of such a DynamoDB share.
pub(super) fn config() -> SdkConfig {
    Aws::builder().build().sdk_config()
}
