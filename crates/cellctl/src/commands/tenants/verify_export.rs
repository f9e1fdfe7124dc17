//! `cellctl tenants verify-export`

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::completion::Completion;
use crate::console::{Console, Output, table};
use crate::exporting::{Verified, verify};

/// Check that the export of a tenant is whole and unchanged
///
/// Counts its items and compares their SHA-256 with that of the last line. It reads the file only, and needs no credentials. The
/// hash guards against accidents only: a forger can write another hash into the file.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cellctl tenants verify-export acme.jsonl
  cellctl tenants export acme | cellctl tenants verify-export - --output json")]
pub(super) struct VerifyExport {
    /// The file; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl VerifyExport {
    pub(super) fn run(&self, output: Output, console: &mut Console) -> Result<Completion> {
        let name = self.file.display().to_string();
        let from: Box<dyn Read> = if self.file == Path::new("-") {
            Box::new(std::io::stdin())
        } else {
            Box::new(File::open(&self.file).with_context(|| format!("could not read {name}"))?)
        };
        let Verified { header, end } = verify(BufReader::new(from), &name)?;
        match output {
            Output::Json => console.json(&Verified { header, end })?,
            Output::Table => {
                let mut table = table(&["tenant", "cell", "epoch", "exported at", "by", "kind", "items"]);
                for (kind, count) in &end.counts {
                    table.add_row([
                        header.tenant.as_str(),
                        header.cell.as_str(),
                        &header.epoch.0.to_string(),
                        &header.at,
                        &header.operator,
                        kind,
                        &count.to_string(),
                    ]);
                }
                console.print(table)?;
            }
        }
        console.say(format_args!("{name} is whole and unchanged"));
        Ok(Completion::Done)
    }
}
