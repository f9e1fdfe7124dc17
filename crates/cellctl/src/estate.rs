//! One control plane and its cells, as an operator reaches them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use cellstack_aws as aws;
use cellstack_core::{Ambient, SystemAmbient};
use cellstack_store::TenantMap;

use crate::diagnosis::{Destination, Diagnosis};

/// Clients, clocks and names. Clones are the same estate.
#[derive(Clone)]
pub struct Estate {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) ambient: Arc<dyn Ambient>,
    /// What reaches objects; `dynamodb` and `sqs` are of the same configuration.
    pub(crate) config: SdkConfig,
    prefix: String,
    stop: Stop,
}

/// The wish that a run ends before its next letter. Clones are the same wish.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Wishes it.
    pub fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_wished(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// An operator has time, and may sit far from the region: the router's time-outs are not for them.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);

impl Estate {
    /// The estate whose resources' names begin with `prefix`.
    #[must_use]
    pub fn new(
        prefix: &str,
        dynamodb: aws_sdk_dynamodb::Client,
        sqs: aws_sdk_sqs::Client,
        ambient: Arc<dyn Ambient>,
    ) -> Self {
        let config = SdkConfig::builder().build();
        Self { dynamodb, sqs, ambient, config, prefix: prefix.to_owned(), stop: Stop::default() }
    }

    /// The same, reaching objects too.
    #[must_use]
    pub fn with_config(self, config: SdkConfig) -> Self {
        Self { config, ..self }
    }

    /// The estate that region, endpoint and credentials of the environment lead to, and where that is.
    ///
    /// # Errors
    /// When they lead nowhere.
    pub async fn from_env(prefix: &str) -> Result<(Self, Destination), Diagnosis> {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .connect_timeout(ATTEMPT_TIMEOUT)
            .build();
        let config = aws::config().await.to_builder().timeout_config(timeouts).build();
        let destination = Destination::of(&config, prefix).await?;
        let (dynamodb, sqs) = (aws_sdk_dynamodb::Client::new(&config), aws_sdk_sqs::Client::new(&config));
        let estate = Self::new(prefix, dynamodb, sqs, Arc::new(SystemAmbient::new())).with_config(config);
        Ok((estate, destination))
    }

    /// Ends a run early.
    #[must_use]
    pub const fn stop(&self) -> &Stop {
        &self.stop
    }

    pub(crate) fn registry(&self) -> String {
        format!("{}-registry", self.prefix)
    }

    pub(crate) fn tenant_map(&self) -> TenantMap {
        TenantMap::new(self.dynamodb.clone(), self.tenant_map_table())
    }

    pub(crate) fn tenant_map_table(&self) -> String {
        format!("{}-tenant-map", self.prefix)
    }
}
