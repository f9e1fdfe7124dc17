//! Plans: made from what the tables say, shown, kept in a file, and held against the tables again.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use cellstack_core::event::rfc3339;
use cellstack_core::{CellId, Clock as _, RouteState};
use cellstack_placement::plan::{Load, Measured, Plan, Tenant, VERSION};
use cellstack_store::placement::RegisteredFleet;
use cellstack_store::tenant_map::TenantEntry;
use serde::{Deserialize, Serialize};

use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::files::partial_file::{IfThere, PartialFile};
use crate::files::picture;

/// A plan with its origin, as a file keeps it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Saved {
    /// The registry that it was made from.
    registry: String,
    pub(crate) made_at: String,
    pub(crate) made_by: String,
    pub(crate) plan: Plan,
}

/// The world that a plan is made from.
pub(crate) struct Surveyed {
    pub(crate) world: RegisteredFleet,
    pub(crate) tenants: Vec<Tenant>,
}

impl Surveyed {
    /// Reads the whole map, and then the cells.
    ///
    /// # Errors
    /// Fails if an entry can't be read: a plan must not overlook a tenant.
    pub(crate) async fn read(deployment: &Deployment) -> Result<Self> {
        let (mut tenants, mut unreadable) = (Vec::new(), Vec::new());
        deployment
            .tenant_map()
            .scan(|entry| match entry {
                Ok(entry) if entry.is_placed() => tenants.push(tenant(entry)),
                Ok(_) => {}
                Err(reason) => unreadable.push(reason),
            })
            .await?;
        if let Some(reason) = unreadable.first() {
            bail!("{} entries of the tenant map can't be read, such as {reason}; mend them first", unreadable.len());
        }
        tenants.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(Self { world: deployment.fleet().await?, tenants })
    }
}

fn tenant(entry: TenantEntry) -> Tenant {
    let TenantEntry { route, weight, pinned, .. } = entry;
    Tenant {
        id: route.tenant_id,
        weight,
        home: route.cell_id,
        standby: route.standby_cell_id,
        pinned,
        epoch: route.epoch,
        settled: route.state == RouteState::Active,
    }
}

impl Saved {
    /// Makes the form of a plan that a file keeps.
    pub(crate) fn new(deployment: &Deployment, operator: &str, plan: Plan) -> Self {
        let made_at = rfc3339(deployment.clock.wall_ms());
        Self { registry: deployment.registry(), made_at, made_by: operator.to_owned(), plan }
    }

    /// Writes the file. One that is there is not replaced: it may be a plan that somebody is looking at.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        use std::io::Write as _;
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path).with_context(|| {
            format!("could not write the plan to {}; expected a path where nothing is yet", path.display())
        })?;
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        file.write_all(text.as_bytes()).with_context(|| format!("could not write {}", path.display()))
    }

    /// Reads a file.
    pub(crate) fn read(path: &Path, deployment: &Deployment) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
        let saved: Self = serde_json::from_str(&text).with_context(|| {
            format!(
                "{} is not a plan of version {VERSION}, as cellctl cells drain and rebalance write it",
                path.display()
            )
        })?;
        if saved.registry != deployment.registry() {
            let (found, expected) = (&saved.registry, deployment.registry());
            bail!("the plan is for the registry {found}, expected {expected}; name its stack with --prefix");
        }
        Ok(saved)
    }
}

/// Checks that a plan and its picture can be written, before anything is changed for them.
pub(crate) fn check_paths(plan: Option<&Path>, svg: Option<&Path>) -> Result<()> {
    for (path, if_there) in [(plan, IfThere::Refuse), (svg, IfThere::Replace)] {
        path.map(|path| PartialFile::create(path, if_there)).transpose()?;
    }
    Ok(())
}

/// Shows a plan as it was asked for, and draws it into a file if there is one.
pub(crate) fn show(plan: &Plan, output: Output, svg: Option<&Path>, console: &mut Console) -> Result<()> {
    print(plan, output, console)?;
    match svg {
        Some(path) => picture::write(path, &cellstack_placement::picture::plan(plan), console),
        None => Ok(()),
    }
}

/// Prints a plan: the moves in sum, and each cell before and after.
fn print(plan: &Plan, output: Output, console: &mut Console) -> Result<()> {
    if output == Output::Json {
        return console.json(plan);
    }
    let mut ways: BTreeMap<(&CellId, &CellId), [u64; 3]> = BTreeMap::new();
    for planned in &plan.moves {
        let sums = ways.entry((&planned.from, &planned.to)).or_default();
        for (sum, more) in sums.iter_mut().zip([1, planned.weight, planned.load.unwrap_or_default()]) {
            *sum += more;
        }
    }
    let busiest = plan.cells.iter().filter_map(|load| load.measured).map(|it| it.before.max(it.after)).max();
    let columns = ["from", "to", "tenants", "weight", "load"];
    let shown = if busiest.is_some() { columns.len() } else { columns.len() - 1 };
    let mut moves = table(&columns[..shown]);
    for ((from, to), sums) in ways {
        let numbers = sums.map(|sum| sum.to_string());
        moves.add_row([from.as_str(), to.as_str()].into_iter().chain(numbers.iter().map(String::as_str)).take(shown));
    }
    console.print(moves)?;
    console.print(cells(plan, busiest))?;
    let standbys = plan.standbys.len();
    let (moves, left) = (plan.moves.len(), plan.left.len());
    console.say(format_args!(
        "tenants: {moves} to move, {standbys} to get another standby, {left} that stay though they should move"
    ));
    if plan.cut > 0 {
        console.say(format_args!("{} moves more are cut off by --max-share: plan again when these are done", plan.cut));
    }
    for left in plan.left.iter().take(LEFT_SHOWN) {
        console.say(format_args!("stays: {}: {}", left.tenant, left.reason));
    }
    if left > LEFT_SHOWN {
        console.say(format_args!("and {} more; --output json has all", left - LEFT_SHOWN));
    }
    Ok(())
}

/// Makes the table of cells. A measured load has no bound: its bars are relative to the busiest cell's.
fn cells(plan: &Plan, busiest: Option<u64>) -> comfy_table::Table {
    let mut cells = match busiest {
        None => table(&["cell", "tenants", "load before", "load after", ""]),
        Some(_) => table(&["cell", "tenants", "weight", "load before", "load after", ""]),
    };
    for Load { cell, capacity, before, after, tenants_before, tenants_after, measured, .. } in &plan.cells {
        let tenants = format!("{tenants_before} -> {tenants_after}");
        match (measured, busiest) {
            (Some(Measured { before: was, after: is }), Some(busiest)) => {
                let weight = format!("{before} -> {after} of {capacity}");
                let bars = format!("{} -> {}", bar(*was, busiest), bar(*is, busiest));
                cells.add_row([cell.as_str(), &tenants, &weight, &was.to_string(), &is.to_string(), &bars]);
            }
            _ => {
                let bars = format!("{} -> {}", bar(*before, *capacity), bar(*after, *capacity));
                let [before, after] = [before, after].map(|now| format!("{now} of {capacity}"));
                cells.add_row([cell.as_str(), &tenants, &before, &after, &bars]);
            }
        }
    }
    cells
}

/// Tenants that are shown with the reason why they stay.
const LEFT_SHOWN: usize = 20;

/// Width of a bar, in characters.
const BAR: u64 = 10;

fn bar(load: u64, capacity: u64) -> String {
    let filled = (load * BAR).checked_div(capacity).unwrap_or_default().min(BAR);
    let filled = if load > 0 { filled.max(1) } else { 0 };
    (0..BAR).map(|at| if at < filled { '█' } else { '·' }).collect()
}
