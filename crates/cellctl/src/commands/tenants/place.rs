//! `cellctl tenants place`

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use cellstack_core::{CellId, TenantId};
use cellstack_placement::StandbyRequest;
use cellstack_store::tenant_map::DEFAULT_WEIGHT;
use clap::Args;

use crate::audit::{self, Facts};
use crate::completion::Completion;
use crate::console::progress::Progress;
use crate::console::{Console, Output, table};
use crate::deployment::Deployment;
use crate::files::lines::Format;
use crate::operator::Routine;
use crate::placing::{self, Outcome, Run, Wanted};

/// Place tenants, each in the cell that has most room, with the standby that the fewest tenants share with it
///
/// Each placement is one transaction: it holds if the tenant has no cell, and the cell is active and has room. So any
/// number of operators may place at once. A tenant that has a cell stays there.
///
/// --from reads tenants from CSV with a header (tenant, cell, standby, weight, pinned; all but tenant optional) or from JSON
/// lines with these fields; a standby of none means no standby. With --output json each outcome is a line.
///
/// Exit code 3 if a tenant was refused, is in another cell than --cell, or a line could not be read.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl tenants place umbrella --dry-run
  cellctl tenants place umbrella hooli
  cellctl tenants place stark --cell beta --standby gamma --pin --reason 'contract: own cell'
  cellctl tenants place --from tenants.csv")]
pub(super) struct Place {
    /// The tenants
    #[arg(value_name = "TENANT", required_unless_present = "from", conflicts_with = "from")]
    tenants: Vec<TenantId>,
    /// Read tenants from a file; - for standard input
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The form of the file; found out unless given
    #[arg(long, value_name = "FORMAT", value_enum, requires = "from")]
    format: Option<Format>,
    /// In this cell and no other
    #[arg(long, value_name = "ID", conflicts_with = "from")]
    cell: Option<CellId>,
    /// With this standby
    #[arg(long, value_name = "ID", conflicts_with_all = ["from", "no_standby"])]
    standby: Option<CellId>,
    /// Without a standby: while its cell is marked down, the tenant gets 503
    #[arg(long, conflicts_with = "from")]
    no_standby: bool,
    /// Pin each to its cell: plans leave it there
    #[arg(long, conflicts_with = "from")]
    pin: bool,
    /// The part of a cell's capacity that each tenant takes
    #[arg(long, value_name = "N", default_value_t = DEFAULT_WEIGHT, value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "from")]
    weight: u64,
    #[command(flatten)]
    by: Routine,
    /// Say where each tenant would go and place none
    #[arg(long)]
    dry_run: bool,
}

impl Place {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let (wanted, bad) = self.wanted()?;
        for line in &bad {
            console.say(format_args!("left out: {line}"));
        }
        let Run { outcomes, failure } = if self.dry_run {
            Run { outcomes: placing::rehearse(deployment, &wanted).await?, failure: None }
        } else {
            self.place(deployment, &wanted, console).await?
        };
        print(&outcomes, output, console)?;
        let stopped = if failure.is_some() { "failed" } else { "stopped" };
        self.conclude(&outcomes, wanted.len(), stopped, console);
        if let Some(failure) = failure {
            return Err(failure);
        }
        let all_done = outcomes.len() == wanted.len() && outcomes.iter().all(Outcome::is_done);
        Ok(Completion::of(bad.is_empty() && all_done))
    }

    fn wanted(&self) -> Result<(Vec<Wanted>, Vec<String>)> {
        if let Some(path) = &self.from {
            let read = placing::read(&text(path)?, self.format)?;
            if read.0.is_empty() && read.1.is_empty() {
                bail!("{} names no tenant; expected a line per tenant", path.display());
            }
            return Ok(read);
        }
        let standby = match &self.standby {
            Some(cell) => StandbyRequest::Cell(cell.clone()),
            None if self.no_standby => StandbyRequest::None,
            None => StandbyRequest::Any,
        };
        let wanted = |tenant: &TenantId| {
            let (tenant, cell, standby) = (tenant.clone(), self.cell.clone(), standby.clone());
            Wanted { tenant, cell, standby, weight: self.weight, pinned: self.pin }
        };
        Ok((self.tenants.iter().map(wanted).collect(), Vec::new()))
    }

    async fn place(&self, deployment: &Deployment, wanted: &[Wanted], console: &mut Console) -> Result<Run> {
        let by = self.by.sign(console)?;
        let progress = Progress::of("tenants", wanted.len() as u64, console);
        let entry = audit::begin(deployment, &by, "tenants place", self.scope(), Facts::default()).await?;
        let mut run = placing::place_all(deployment, &by.operator, wanted, |count| progress.add(count)).await;
        progress.finish();
        let troubles: Vec<String> = run.failure.iter().map(|error| format!("{error:#}")).collect();
        let count = |which: fn(&Outcome) -> bool| run.outcomes.iter().filter(|outcome| which(outcome)).count() as u64;
        let done = Facts::default()
            .count("placed", count(|outcome| matches!(outcome, Outcome::Placed { .. })))
            .count("kept", count(|outcome| matches!(outcome, Outcome::Already { .. } | Outcome::Elsewhere { .. })))
            .count("refused", count(|outcome| matches!(outcome, Outcome::Refused { .. })));
        let recorded = entry.end(Facts::default(), done, &troubles).await;
        run.failure = run.failure.or(recorded.err().map(Into::into));
        Ok(run)
    }

    /// Returns the form for the audit trail.
    fn scope(&self) -> String {
        if let Some(path) = &self.from {
            return format!("--from {}", path.display());
        }
        let tenants: Vec<&str> = self.tenants.iter().map(TenantId::as_str).collect();
        let cell = self.cell.as_ref().map(|cell| format!(" --cell {cell}")).unwrap_or_default();
        format!("{}{cell}", tenants.join(" "))
    }

    fn conclude(&self, outcomes: &[Outcome], wanted: usize, stopped: &str, console: &mut Console) {
        let count = |which: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| which(outcome)).count();
        let placed = count(|outcome| matches!(outcome, Outcome::Placed { .. }));
        let already = count(|outcome| matches!(outcome, Outcome::Already { .. } | Outcome::Elsewhere { .. }));
        let refused = count(|outcome| matches!(outcome, Outcome::Refused { .. }));
        let would = if self.dry_run { "would be " } else { "" };
        let mut said = format!("{placed} {would}placed, {already} had a cell, {refused} refused");
        if outcomes.len() < wanted {
            said.push_str(&format!(", {} not tried: {stopped}", wanted - outcomes.len()));
        }
        let shared = count(|outcome| matches!(outcome, Outcome::Placed { sharing: 1.., .. }));
        if shared > 0 {
            said.push_str(&format!("; {shared} share both cells with another tenant: every pair of cells is in use"));
        }
        console.say(said);
    }
}

fn text(path: &Path) -> Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("read standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

fn print(outcomes: &[Outcome], output: Output, console: &mut Console) -> Result<()> {
    if output == Output::Json {
        for outcome in outcomes {
            console.print(serde_json::to_string(outcome)?)?;
        }
        return Ok(());
    }
    let mut table = table(&["tenant", "outcome", "cell", "standby", "detail"]);
    for outcome in outcomes {
        table.add_row(outcome.row());
    }
    console.print(table)
}
