//! Placement on first sight: the table of requests, and the placer on its stream, as `terraform/modules/placer` creates them.

use std::sync::Arc;

use anyhow::Result;
use cellstack_core::cell_table::TENANT_ID;
use cellstack_core::limits::pipeline;
use cellstack_emulator::{MappingHandle, StreamMapping};
use cellstack_placer::{Placer, Settings};

use crate::VirtualClock;
use crate::cloud::Cloud;
use crate::function::PlacerFunction;
use crate::names::{placement_requests, placer, registry, tenant_map};

/// The mapping's filter, as Terraform writes it: pending requests alone.
const FILTER: &str = r#"{"dynamodb":{"NewImage":{"state":{"S":["pending"]}}}}"#;

/// Creates the table of requests, unless it is there.
pub(crate) async fn create(cloud: &Cloud) -> Result<()> {
    cloud.create_table(&placement_requests(), TENANT_ID, None, true).await
}

/// Starts the placer.
pub(crate) fn map(cloud: &Cloud, clock: &Arc<VirtualClock>) -> Result<MappingHandle> {
    let settings = Settings {
        tenant_map_table: tenant_map(),
        registry_table: registry(),
        placement_requests_table: placement_requests(),
        stack: None,
    };
    let function = Arc::new(PlacerFunction(Placer::new(cloud.dynamodb(), settings, Arc::clone(clock))));
    let mut mapping = StreamMapping::new(&placement_requests(), &placer());
    mapping.filters = vec![FILTER.to_owned()];
    mapping.batch_size = pipeline::PLACER_BATCH;
    mapping.max_record_age = Some(pipeline::PLACER_RECORD_AGE);
    mapping.report_batch_item_failures = true;
    mapping.function_timeout = pipeline::PLACER_TIMEOUT;
    Ok(cloud.aws.map_stream(mapping, function)?)
}
