//! The greeting of `serve`: the tenants and their cells, and lines to copy.

use std::fmt::Write as _;

use cellstack_core::{CellId, TenantId};
use cellstack_embedded::names::REGION;
use cellstack_embedded::serve::Served;

use super::source::Source;
use crate::commands::size;

pub(super) fn text(
    served: &Served,
    max_data: u64,
    placements: &[(TenantId, CellId)],
    numbered: u32,
    source: Source,
    example: &str,
) -> String {
    let (url, endpoint) = (served.url, served.endpoint);
    let mut tenants = String::new();
    for (tenant, cell) in placements {
        // A String takes everything.
        let _ = writeln!(tenants, "  {:<8}  in cell {cell}", tenant.as_str());
    }
    match numbered {
        0 => {}
        1 => tenants.push_str("  tenant-1  in the first cell\n"),
        _ => {
            let _ = writeln!(tenants, "  tenant-1 to tenant-{numbered}, spread over the cells");
        }
    }
    let (tenant, cell) =
        placements.first().map_or(("acme", "alpha"), |(tenant, cell)| (tenant.as_str(), cell.as_str()));
    let request = source.curl(tenant, example);
    let kept = match served.stack.data() {
        None => "everything is in memory, and gone when it ends. Ctrl-C ends it.".to_owned(),
        Some(data) => {
            format!("everything is kept in {}. Ctrl-C ends it, and --data continues it.", data.path().display())
        }
    };
    let most = size::show(max_data);
    format!(
        "\
Cellstack in one process: {kept}
It holds {most} at most (--max-data); then the events that were processed longest ago expire.

Tenants
{tenants}
Post an event
  curl -i http://{url}/v1/events {request}

Take its cell down for half a minute, in another terminal
  cellstack-local fault add down --cell {cell} --for 30s

Environment for the AWS CLI, SDKs and cellctl
  export AWS_ENDPOINT_URL=http://{endpoint} AWS_REGION={REGION} AWS_DEFAULT_REGION={REGION}
  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test

Each event's way follows. -q shows none of it, -v more; RUST_LOG=debug shows what the functions log.
"
    )
}
