//! `cellctl tenants export`

use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::Result;
use cellstack_core::TenantId;
use clap::Args;

use crate::audit::{self, Facts};
use crate::completion::Completion;
use crate::console::{Console, Output};
use crate::deployment::Deployment;
use crate::exporting::{End, Header, Source, Verified};
use crate::files::partial_file::{IfThere, PartialFile};
use crate::operator::Routine;

/// Write all items that cells keep of a tenant as JSON lines
///
/// The first line says which tenant, cell, epoch and time; a line per item follows; the last line has the counts by kind and a
/// SHA-256 over all lines before it. `cellctl tenants verify-export` checks them. Events have the names of the API, and every
/// other item has its attributes in DynamoDB's JSON. Events that the tenant's standby holds are part of it; fences are not.
///
/// Each item is as it was when it was read: the export of a tenant that writes meanwhile is not the state of one instant. The
/// file is there once it is whole. A tenant that was removed is exported from the cell that it had. The audit trail has who
/// exported whom, and when.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl tenants export acme
  cellctl tenants export acme --to acme.jsonl
  cellctl tenants export acme --to acme.jsonl --force --output json")]
pub(super) struct Export {
    /// The tenant
    #[arg(value_name = "TENANT")]
    tenant: TenantId,
    /// Write to this file; - for standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    to: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    by: Routine,
}

impl Export {
    pub(super) async fn run(
        self,
        deployment: &Deployment,
        output: Output,
        console: &mut Console,
    ) -> Result<Completion> {
        let by = self.by.sign(console)?;
        let source = Source::find(deployment, &self.tenant).await?;
        let file = self.file()?;
        let header = source.header(&by.operator);
        let from = Facts::default().text("cell", header.cell.as_str()).count("epoch", header.epoch.0);
        let record = audit::begin(deployment, &by, "tenants export", self.tenant.to_string(), from).await?;
        let is_file = file.is_some();
        let exported = self.write(&source, &header, file, console).await;
        let troubles: Vec<String> = exported.as_ref().err().map(|error| format!("{error:#}")).into_iter().collect();
        let counts = exported.as_ref().map(|end| end.counts.clone()).unwrap_or_default();
        record.end(Facts::default(), counts, &troubles).await?;
        let end = exported?;
        self.say(&end, console);
        if is_file && output == Output::Json {
            console.json(&Verified { header, end })?;
        }
        Ok(Completion::Done)
    }

    /// Begins the file; `None` for standard output.
    fn file(&self) -> Result<Option<PartialFile>> {
        if self.to == Path::new("-") {
            return Ok(None);
        }
        let if_there = if self.force { IfThere::Replace } else { IfThere::Refuse };
        PartialFile::create(&self.to, if_there).map(Some)
    }

    async fn write(
        &self,
        source: &Source<'_>,
        header: &Header,
        file: Option<PartialFile>,
        console: &mut Console,
    ) -> Result<End> {
        let Some(mut file) = file else {
            return source.write(header, BufWriter::new(console.data()), Path::new("standard output")).await;
        };
        let end = source.write(header, &mut file, &self.to).await?;
        file.keep()?;
        console.say(format_args!("check it with: cellctl tenants verify-export {}", self.to.display()));
        Ok(end)
    }

    fn say(&self, end: &End, console: &mut Console) {
        let counts: Vec<String> = end.counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        console.say(format_args!("{} is exported: {}", self.tenant, counts.join(", ")));
    }
}
