//! The audit trail of a deployment: written before and after a run, and read.

mod runs;

use cellstack_aws::AwsFailure;
use cellstack_store::audit::Trail;

use crate::deployment::Deployment;

pub(crate) use cellstack_store::audit::{Counts, Entry, Facts, Signature};
pub(crate) use runs::{Run, RunOutcome, runs};

/// Records that a run begins.
///
/// # Errors
/// Fails if the run can't be recorded. It must not happen then.
pub(crate) async fn begin<'a>(
    deployment: &Deployment,
    by: &'a Signature,
    what: &'static str,
    scope: String,
    before: impl Into<Facts>,
) -> Result<Entry<'a>, AwsFailure> {
    let (client, registry) = (deployment.dynamodb.clone(), deployment.registry());
    let (clock, entropy) = (deployment.clock.clone(), deployment.entropy.clone());
    Trail { client, registry, clock, entropy }.begin(by, what, scope, before).await
}
