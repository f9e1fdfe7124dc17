//! System calls per warm invoke, as strace counts them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::{FEW, MANY, Probed, is_there, terminate};
use crate::mock::Mocks;
use crate::subject::{Mode, Programs, Subject};
use crate::trial::Trial;

/// Calls per invoke, by name.
pub(crate) type Syscalls = BTreeMap<String, f64>;

/// Counts the system calls per invoke.
pub(crate) async fn syscalls(subject: Subject, programs: &Programs, mocks: &Mocks, work: &Path) -> Probed<Syscalls> {
    if !is_there("strace").await {
        return Err("strace is not installed".to_owned());
    }
    measure(subject, programs, mocks, work).await.map_err(|error| format!("strace: {error:#}"))
}

async fn measure(subject: Subject, programs: &Programs, mocks: &Mocks, work: &Path) -> Result<Syscalls> {
    let few = count(FEW, subject, programs, mocks, work).await?;
    let many = count(MANY, subject, programs, mocks, work).await?;
    let each = |(name, count): (String, f64)| {
        let before = few.get(&name).copied().unwrap_or_default();
        (name, (count - before) / (MANY - FEW) as f64)
    };
    // Calls in less than one of a hundred invokes come from the start or from chance.
    Ok(many.into_iter().map(each).filter(|(_, calls)| *calls >= 0.01).collect())
}

async fn count(
    invokes: usize,
    subject: Subject,
    programs: &Programs,
    mocks: &Mocks,
    work: &Path,
) -> Result<BTreeMap<String, f64>> {
    let summary = work.join("strace");
    let under = ["strace", "-f", "-c", "-o"].map(str::to_owned).into_iter().chain([summary.display().to_string()]);
    let mut trial = Trial::spawn(programs, subject, Mode::BARE, mocks, &under.collect::<Vec<_>>())?;
    trial.start_traced().await?;
    trial.invoke(invokes).await?;
    let tracer = trial.id().context("strace ended")?;
    let children = std::fs::read_to_string(format!("/proc/{tracer}/task/{tracer}/children"))?;
    let traced = children.split_whitespace().next().and_then(|id| id.parse().ok()).context("strace has no child")?;
    terminate(traced, &mut trial).await?;
    Ok(read(&std::fs::read_to_string(&summary)?))
}

/// Reads a summary: share, seconds, microseconds per call, calls, errors if any, name.
fn read(summary: &str) -> BTreeMap<String, f64> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let calls = words.nth(3)?.parse().ok()?;
        let name = words.last()?;
        (name != "total").then(|| (name.to_owned(), calls))
    };
    summary.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_read_without_its_total() {
        let summary = "% time     seconds  usecs/call     calls    errors syscall\n\
                       ------ ----------- ----------- --------- --------- ----------------\n \
                       60.00    0.000300           1       300        12 recvfrom\n \
                       40.00    0.000200           2       100           sendto\n\
                       ------ ----------- ----------- --------- --------- ----------------\n\
                       100.00    0.000500           1       400        12 total\n";
        let read = read(summary);
        assert_eq!(read, BTreeMap::from([("recvfrom".to_owned(), 300.0), ("sendto".to_owned(), 100.0)]));
    }
}
