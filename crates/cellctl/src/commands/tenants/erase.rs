//! `cellctl tenants erase`

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use cellstack_core::event::rfc3339;
use cellstack_core::{Clock as _, TenantId};
use cellstack_store::RateLimit;
use cellstack_store::erase::Erasure;
use cellstack_store::partition::Kind;
use cellstack_store::tenant_map::TenantEntry;
use clap::Args;

use crate::audit::{self, Facts, RunOutcome, Signature, runs};
use crate::cells;
use crate::completion::Completion;
use crate::console::{self, Console, Output, table};
use crate::deployment::Deployment;
use crate::erasing::{Certificate, Run, removed};
use crate::files::partial_file::{IfThere, PartialFile, could_not_write};
use crate::operator::Operator;
use crate::write_units::WriteUnits;

/// Erase a removed tenant's items and letters from every cell, for good
///
/// The tenant must have no cell for 310 s (`cellctl tenants unplace`). Its items are deleted in each cell of the registry,
/// copies that moves have left included, and its letters in each dead-letter queue. Its entry in the tenant map and its fences
/// stay: they hold the epoch below which no router may write. The audit trail stays, too. The certificate says what was erased
/// where, what stays and why; `cellctl tenants export` keeps the data before.
///
/// A run that was killed is run again. Exit code 3 if a cell or queue could not be reached, or may get letters of events that
/// were not processed or whose messages are queued: run it again then.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl tenants erase acme --reason 'contract ended' --dry-run
  cellctl tenants erase acme --reason 'contract ended' --certificate acme-erased.json")]
pub(super) struct Erase {
    /// The tenant
    #[arg(value_name = "TENANT")]
    tenant: TenantId,
    #[command(flatten)]
    by: Operator,
    /// Write the certificate to this file, as JSON; --output json prints it
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    certificate: Option<PathBuf>,
    #[command(flatten)]
    write_units: WriteUnits,
    /// Say what would be erased and erase nothing; letters are hidden for the seconds this takes
    #[arg(long)]
    dry_run: bool,
}

const COMMAND: &str = "tenants erase";

impl Erase {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let by = self.by.sign(console)?;
        let tables = deployment.tables();
        let (client, now_ms) = (&deployment.dynamodb, deployment.clock.wall_ms());
        let entry = removed(&self.tenant, deployment.tenant_map().entry(&self.tenant).await?, now_ms)?;
        let epoch = entry.route.epoch;
        let erasure = Erasure { client, tenant: &self.tenant, epoch, map_table: &tables.tenant_map };
        let mut file = None;
        if let Some(path) = &self.certificate {
            file = Some((PartialFile::create(path, IfThere::Refuse)?, path));
        }
        let mut certificate = Certificate::new(&self.tenant, epoch, &by.operator, &by.reason, rfc3339(now_ms));
        certificate.dry_run = self.dry_run;
        certificate.earlier_runs = self.earlier_runs(deployment, &entry).await?;
        let run = Run::find(deployment, erasure, cells::list(deployment).await?, self.dry_run).await;
        let rate_limit = self.write_units.limit(1);
        let erased = self.erase(deployment, &by, run, &rate_limit, &mut certificate).await;
        certificate.ended_at = rfc3339(deployment.clock.wall_ms());
        print(&certificate, output, console)?;
        if let Some((mut file, path)) = file {
            let text = serde_json::to_string_pretty(&certificate)?;
            writeln!(file, "{text}").with_context(|| could_not_write(path))?;
            file.keep()?;
            console.say(format_args!("the certificate is in {}", path.display()));
        }
        erased?;
        Ok(self.conclude(&certificate, deployment, console))
    }

    async fn earlier_runs(&self, deployment: &Deployment, entry: &TenantEntry) -> Result<Vec<audit::Run>> {
        let is_same = |run: &audit::Run| run.what == COMMAND && run.scope == self.tenant.as_str();
        let mut earlier = runs(deployment, usize::MAX, entry.updated_at, is_same).await?;
        earlier.reverse();
        Ok(earlier)
    }

    /// Erases, between two entries of the audit trail. A dry run leaves none.
    async fn erase(
        &self,
        deployment: &Deployment,
        by: &Signature,
        mut run: Run<'_>,
        rate_limit: &RateLimit,
        certificate: &mut Certificate,
    ) -> Result<()> {
        let record = if self.dry_run {
            None
        } else {
            Some(audit::begin(deployment, by, COMMAND, self.tenant.to_string(), run.facts()).await?)
        };
        let erased = run.erase(rate_limit, &mut certificate.cells).await;
        (certificate.unreached, certificate.queued) = (run.unreached, run.queued);
        if let Some(record) = record {
            let unreached = certificate.unreached.iter().map(|part| format!("{}: {}", part.name, part.why));
            let troubles: Vec<String> =
                erased.as_ref().err().map(ToString::to_string).into_iter().chain(unreached).collect();
            let done =
                Facts::default().count("items", certificate.items()).count("dead_letters", certificate.dead_letters());
            record.end(Facts::default(), done, &troubles).await?;
        }
        Ok(erased?)
    }

    fn conclude(&self, certificate: &Certificate, deployment: &Deployment, console: &mut Console) -> Completion {
        let (tenant, items, dead_letters) = (&self.tenant, certificate.items(), certificate.dead_letters());
        let dead_letters = console::dead_letters(usize::try_from(dead_letters).unwrap_or(usize::MAX));
        let is = if self.dry_run { "would be" } else { "are" };
        console.say(format_args!(
            "{items} items and {dead_letters} of {tenant} {is} erased; its entry in the tenant map, its fences and the audit trail stay"
        ));
        for part in &certificate.unreached {
            console.say(format_args!("not all was reached: {} in cell {}: {}", part.name, part.cell, part.why));
        }
        let not_done = certificate.not_done();
        if not_done > 0 {
            console.say(format_args!(
                "{not_done} events of {tenant} were not processed: messages of them may become letters; run it again when \
                 `cellctl status` shows no messages"
            ));
        }
        for cell in &certificate.queued {
            console.say(format_args!(
                "messages are in the queue of cell {cell}; they may become letters of {tenant}: run it again when \
                 `cellctl status` shows no messages"
            ));
        }
        let stopped = deployment.stop().is_cancelled();
        if stopped {
            console.say("stopped before all was erased; run it again");
        }
        let unfinished = certificate.earlier_runs.iter().filter(|run| run.outcome == RunOutcome::Unfinished).count();
        if unfinished > 0 {
            console.say(format_args!("{unfinished} earlier runs did not end; the certificate has what they found"));
        }
        let is_whole = certificate.unreached.is_empty() && certificate.queued.is_empty() && not_done == 0;
        Completion::of(is_whole && !stopped)
    }
}

fn print(certificate: &Certificate, output: Output, console: &mut Console) -> Result<()> {
    if output == Output::Json {
        return console.json(certificate);
    }
    let mut table = table(&["cell", "events", "totals", "other items", "letters", "fence (stays)"]);
    for cell in &certificate.cells {
        let count = |kinds: &[Kind]| kinds.iter().filter_map(|kind| cell.items.get(kind)).sum::<u64>().to_string();
        table.add_row([
            cell.cell.to_string(),
            count(&[Kind::Event]),
            count(&[Kind::Total]),
            count(&[Kind::Other, Kind::Journal]),
            cell.dead_letters.values().sum::<u64>().to_string(),
            cell.fence.to_string(),
        ]);
    }
    console.print(table)
}
