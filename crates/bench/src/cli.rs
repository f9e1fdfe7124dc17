//! The command line of the benchmark.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Parser;

use crate::figures::{Probes, figures};
use crate::machine::Machine;
use crate::mock::Mocks;
use crate::probe;
use crate::report::{self, Report};
use crate::rounds::{self, Extent};
use crate::subject::{Programs, Subject};

/// Measures the router.
#[derive(Debug, Parser)]
pub(crate) struct Cli {
    /// Rounds; figures are medians over them.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Starts of each kind per round and subject.
    #[arg(long, default_value_t = 5)]
    starts: usize,
    /// Invokes per round and subject.
    #[arg(long, default_value_t = 2_000)]
    invokes: usize,
    /// Invokes before them that do not count.
    #[arg(long, default_value_t = 300)]
    discard: usize,
    /// Leave out the peers in Python and Node.
    #[arg(long)]
    without_peers: bool,
    /// The directory of the programs `router` and `bench-hello`; by default, that of this program.
    #[arg(long)]
    binaries: Option<PathBuf>,
    /// The repository.
    #[arg(long, default_value = ".")]
    repository: PathBuf,
    /// The directory of the installed peers and of the run's files.
    #[arg(long, default_value = ".local/bench")]
    work: PathBuf,
    /// The file to write the figures to, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// The file to write the picture to, as SVG.
    #[arg(long)]
    svg: Option<PathBuf>,
}

impl Cli {
    pub(crate) async fn run(&self) -> Result<()> {
        let binaries = match self.binaries.clone() {
            Some(binaries) => binaries,
            None => std::env::current_exe()?.parent().context("this program is in no directory")?.to_owned(),
        };
        let programs = Programs { binaries: binaries.canonicalize()?, peers: self.work.canonicalize()? };
        let subjects = if self.without_peers { &Subject::ALL[..2] } else { &Subject::ALL[..] };
        let extent = Extent { rounds: self.rounds, starts: self.starts, invokes: self.invokes, discard: self.discard };
        let mocks = Mocks::start(&programs.peers)?;
        let field = rounds::run(extent, subjects, &programs, &mocks).await?;
        let probes = self.probe(&programs, &mocks).await;
        let figures = figures(&field, &probes);
        let machine = Machine::look(&programs.peers).await;
        writeln!(std::io::stdout(), "{}", report::table(&figures))?;
        if let Some(path) = &self.json {
            let mut text = serde_json::to_string_pretty(&Report::new(&machine, extent, &field, &figures, &probes))?;
            text.push('\n');
            std::fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
        }
        if let Some(path) = &self.svg {
            let picture = report::draw(&field, &machine);
            std::fs::write(path, picture).with_context(|| format!("write {}", path.display()))?;
        }
        Ok(())
    }

    async fn probe(&self, programs: &Programs, mocks: &Mocks) -> Probes {
        let _ = writeln!(std::io::stderr(), "system calls and instructions");
        let work = &programs.peers;
        Probes {
            syscalls: probe::syscalls(Subject::Router, programs, mocks, work).await,
            instructions: probe::instructions(Subject::Router, programs, mocks, work).await,
            hello_instructions: probe::instructions(Subject::Hello, programs, mocks, work).await,
            zips: probe::zips(&self.repository),
        }
    }
}
