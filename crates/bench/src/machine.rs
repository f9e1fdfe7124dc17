//! The machine and the versions of the run.

use std::path::Path;

use serde::Serialize;
use tokio::process::Command;

/// The machine and the peers' versions, as far as they can be found.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    cpu: Option<String>,
    cores: usize,
    kernel: Option<String>,
    rustc: Option<String>,
    python: Option<String>,
    node: Option<String>,
}

impl Machine {
    /// Inspects the machine. `peers` is the directory in which they are installed.
    pub(crate) async fn look(peers: &Path) -> Self {
        let python = peers.join("python/bin/python");
        Self {
            cpu: cpu(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            kernel: said("uname", &["-sr"]).await,
            rustc: said("rustc", &["--version"]).await,
            python: said(&python.display().to_string(), &["--version"]).await,
            node: said("node", &["--version"]).await,
        }
    }

    /// Returns a line for the picture.
    pub(crate) fn line(&self) -> String {
        let cpu = self.cpu.as_deref().unwrap_or("unknown processor");
        let cores = if self.cores == 1 { "1 core".to_owned() } else { format!("{} cores", self.cores) };
        format!("{cpu}, {cores}")
    }
}

fn cpu() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("model name"))?;
    Some(line.trim_start_matches(['\t', ' ', ':']).trim().to_owned())
}

async fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().await.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
