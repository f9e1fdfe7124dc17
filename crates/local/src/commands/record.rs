//! The outcome of a simulated seed, as a line of JSON.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use cellstack_simulator::Outcome;
use serde::{Deserialize, Serialize};

/// A line of such a file. `hash` changes with the code as well as with what it does: it shows whether two runs of one
/// build were the same, not whether two builds are.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) seed: u64,
    hash: String,
    accepted: usize,
    processed: usize,
    dead: usize,
    violations: Vec<String>,
}

impl Record {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        Self {
            seed: outcome.seed,
            hash: format!("{:016x}", outcome.hash),
            accepted: outcome.accepted,
            processed: outcome.processed,
            dead: outcome.dead,
            violations: outcome.violations.iter().map(ToString::to_string).collect(),
        }
    }

    pub(crate) fn write_all(records: &[Self], path: &Path) -> Result<()> {
        let mut text = String::new();
        for record in records {
            text.push_str(&serde_json::to_string(record)?);
            text.push('\n');
        }
        std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
    }

    pub(crate) fn read_all(path: &Path) -> Result<Vec<Self>> {
        let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        text.lines()
            .map(|line| serde_json::from_str(line).with_context(|| format!("{}: {line}", path.display())))
            .collect()
    }

    /// Returns the seeds that are in both, with different hashes.
    pub(crate) fn changed(these: &[Self], those: &[Self]) -> Vec<u64> {
        let known: BTreeMap<u64, &str> = those.iter().map(|record| (record.seed, record.hash.as_str())).collect();
        let differs = |record: &&Self| known.get(&record.seed).is_some_and(|hash| *hash != record.hash);
        these.iter().filter(differs).map(|record| record.seed).collect()
    }
}
