//! Instructions per warm invoke, as callgrind counts them: a figure that no neighbour on the machine can move.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::{FEW, MANY, Probed, is_there, terminate};
use crate::mock::Mocks;
use crate::subject::{Mode, Programs, Subject};
use crate::trial::Trial;

/// Counts the instructions per invoke.
pub(crate) async fn instructions(subject: Subject, programs: &Programs, mocks: &Mocks, work: &Path) -> Probed<f64> {
    if !is_there("valgrind").await {
        return Err("valgrind is not installed".to_owned());
    }
    measure(subject, programs, mocks, work).await.map_err(|error| format!("valgrind: {error:#}"))
}

async fn measure(subject: Subject, programs: &Programs, mocks: &Mocks, work: &Path) -> Result<f64> {
    let few = count(FEW, subject, programs, mocks, work).await?;
    let many = count(MANY, subject, programs, mocks, work).await?;
    Ok((many - few) / (MANY - FEW) as f64)
}

async fn count(invokes: usize, subject: Subject, programs: &Programs, mocks: &Mocks, work: &Path) -> Result<f64> {
    // The profile is kept: `callgrind_annotate --inclusive=yes` attributes the instructions, in a build with
    // `strip = "none"`.
    let profile = work.join(format!("callgrind.{}", subject.name()));
    let out = format!("--callgrind-out-file={}", profile.display());
    let under = ["valgrind".to_owned(), "--tool=callgrind".to_owned(), out];
    let mut trial = Trial::spawn(programs, subject, Mode::BARE, mocks, &under)?;
    trial.start_traced().await?;
    trial.invoke(invokes).await?;
    let process = trial.id().context("valgrind ended")?;
    terminate(process, &mut trial).await?;
    total(&std::fs::read_to_string(&profile)?).context("the profile has no total")
}

fn total(profile: &str) -> Option<f64> {
    let words = |name| profile.lines().rev().find_map(|line| line.strip_prefix(name));
    words("totals:").or_else(|| words("summary:"))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_the_last_word_of_a_profile() {
        assert_eq!(total("events: Ir\nsummary: 12\n\nfn=main\n0 12\n\ntotals: 12345\n"), Some(12345.0));
        assert_eq!(total("events: Ir\nsummary: 12\n"), Some(12.0));
        assert_eq!(total("events: Ir\n"), None);
    }
}
