//! A router over a DynamoDB of its own, and what it answers.

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
use super::judge::{Outcome, judge};
use crate::LocalAmbient;
use crate::names::{registry, tenant_map};

/// See the module.
pub(super) struct World {
    router: Router<Arc<LocalAmbient>>,
    cloud: Cloud,
}

impl World {
    /// A cold router, and nothing written yet.
    pub(super) fn new(runtime: &Runtime, config: &SdkConfig, seed: u64, source: TenantSource) -> Self {
        // The router's clocks are the runtime's.
        let _entered = runtime.enter();
        let cloud = Cloud::default();
        let config = config.to_builder().http_client(cloud.clone()).build();
        let settings = Settings::new(tenant_map(), registry(), source);
        Self { router: Router::new(&config, settings, Arc::new(LocalAmbient::new(seed))), cloud }
    }

    /// Hands the router a case. `None` where the payload is no invocation event: the runtime is told so, and no caller can
    /// make one.
    pub(super) fn try_case(&self, runtime: &Runtime, case: &Case) -> Result<Option<Outcome>, String> {
        let (answer, took) = runtime.block_on(async {
            let begun = Instant::now();
            (AssertUnwindSafe(self.invoke(&case.payload)).catch_unwind().await, begun.elapsed())
        });
        let answer = answer.map_err(|panic| {
            let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            format!("panic: {}", said.unwrap_or_default())
        })?;
        if took > Duration::from_secs(WAIT_MAX.into()) {
            return Err(format!("answered late: after {took:?}"));
        }
        let outcome = answer.map(|reply| judge(case, &reply)).transpose();
        match self.cloud.complaints().into_iter().next() {
            Some(complaint) => Err(format!("accepted in vain: {complaint}")),
            None => outcome,
        }
    }

    /// As the runtime does.
    async fn invoke(&self, payload: &[u8]) -> Option<Vec<u8>> {
        let invocation: Invocation = serde_json::from_slice(payload).ok()?;
        let reply: Reply = self.router.invoke(invocation, "fuzz", ROUTER_TIMEOUT).await;
        serde_json::to_vec(&reply).ok()
    }
}

/// What clients of such a DynamoDB have in common.
pub(super) fn config() -> SdkConfig {
    Aws::builder().build().sdk_config()
}
