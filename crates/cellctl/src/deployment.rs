//! One control plane and its cells, as an operator reaches them.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use cellstack_aws::AwsFailure;
use cellstack_core::{Clock, Entropy, SystemClock, names};
use cellstack_store::TenantMap;
use cellstack_store::placement::{Placement, RegisteredFleet};
use tokio_util::sync::CancellationToken;

#[cfg(feature = "operator")]
use crate::diagnosis::{Destination, Diagnosis};

/// The clients, clocks and names of a deployment. Clones are the same deployment.
#[derive(Clone)]
pub struct Deployment {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// The configuration for reads and writes of objects, and for reads of metrics. `dynamodb` and `sqs` have the same one.
    pub(crate) config: SdkConfig,
    prefix: String,
    stop: CancellationToken,
}

/// The names of the control plane's tables.
pub(crate) struct Tables {
    pub(crate) tenant_map: String,
    pub(crate) registry: String,
}

/// An operator has time, and may be far from the region. The router's time-outs would be too short.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);

impl Deployment {
    /// Makes the deployment whose resources' names begin with `prefix`.
    #[must_use]
    pub fn new(
        prefix: &str,
        dynamodb: aws_sdk_dynamodb::Client,
        sqs: aws_sdk_sqs::Client,
        clock: Arc<impl Clock + Entropy>,
    ) -> Self {
        let config = SdkConfig::builder().build();
        let entropy = Arc::clone(&clock);
        Self { dynamodb, sqs, clock, entropy, config, prefix: prefix.to_owned(), stop: CancellationToken::new() }
    }

    /// Adds a configuration that reaches objects, too.
    #[must_use]
    pub fn with_config(self, config: SdkConfig) -> Self {
        Self { config, ..self }
    }

    /// Makes the deployment that region, endpoint and credentials of the environment lead to, with its destination.
    ///
    /// # Errors
    /// Fails if they lead nowhere.
    #[cfg(feature = "operator")]
    pub async fn from_env(prefix: &str) -> Result<(Self, Destination), Diagnosis> {
        let config = cellstack_aws::config().await;
        let destination = Destination::of(&config, prefix).await?;
        Ok((Self::from_config(prefix, &config), destination))
    }

    /// Makes the deployment that a configuration leads to. Its calls have an operator's time.
    #[must_use]
    pub fn from_config(prefix: &str, config: &SdkConfig) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .connect_timeout(ATTEMPT_TIMEOUT)
            .build();
        let config = config.to_builder().timeout_config(timeouts).build();
        let (dynamodb, sqs) = (aws_sdk_dynamodb::Client::new(&config), aws_sdk_sqs::Client::new(&config));
        Self::new(prefix, dynamodb, sqs, Arc::new(SystemClock::new())).with_config(config)
    }

    /// Gives it a stop of its own: the one before ends nothing in it any more.
    #[must_use]
    pub fn with_stop(self, stop: CancellationToken) -> Self {
        Self { stop, ..self }
    }

    /// Returns the token whose cancellation ends a run before its next letter.
    #[must_use]
    pub const fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Returns what the names of its resources begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn registry(&self) -> String {
        names::registry(&self.prefix)
    }

    pub(crate) fn tenant_map(&self) -> TenantMap {
        TenantMap::new(self.dynamodb.clone(), self.tenant_map_table())
    }

    /// Returns the placement of tenants in this deployment by an operator.
    pub(crate) fn placement<'a>(&'a self, tables: &'a Tables, operator: &'a str) -> Placement<'a> {
        Placement { client: &self.dynamodb, map_table: &tables.tenant_map, registry: &tables.registry, operator }
    }

    /// Reads the cells and their counts.
    pub(crate) async fn fleet(&self) -> Result<RegisteredFleet, AwsFailure> {
        RegisteredFleet::read(&self.dynamodb, &self.registry()).await
    }

    /// Returns the names of the control plane's tables.
    pub(crate) fn tables(&self) -> Tables {
        Tables { tenant_map: self.tenant_map_table(), registry: self.registry() }
    }

    pub(crate) fn tenant_map_table(&self) -> String {
        names::tenant_map(&self.prefix)
    }
}
