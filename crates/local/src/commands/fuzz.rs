//! `cellstack-local fuzz`

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Instant;

use crate::fuzz::{Finding, Form, Fuzz, Report, Tally};
use anyhow::Result;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::print;

/// Hand the router requests that are right, nearly right and nowhere near
///
/// Plain events and CloudEvents in both forms, with members, attributes, headers, bytes and the invocation event around
/// them changed. It must respond to each, without a panic and without a 5xx, and refuse with a problem document;
/// it must accept those with nothing wrong, and every event that it accepts must be one that can be published. Exit 1
/// on a finding, which is shown with its case number and the smallest payload that has it.
#[derive(Args)]
#[command(after_help = "Examples:
  cellstack-local fuzz --bodies 2000
  cellstack-local fuzz --seed 7 --from 2000 --bodies 1000")]
pub(crate) struct FuzzCommand {
    /// Requests
    #[arg(long, default_value_t = 100_000)]
    bodies: u64,
    /// The seed that all of them follow from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of the first request, rounded down to a whole block of 1,000
    #[arg(long, value_name = "CASE", default_value_t = 0)]
    from: u64,
    /// Threads, 256 at most
    #[arg(long, default_value_t = 2, value_parser = threads)]
    threads: usize,
}

/// Reads the number of threads. Each thread has a stack and a router of its own.
fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads @ 1..=256) => Ok(threads),
        _ => Err("expected 1 to 256".to_owned()),
    }
}

impl FuzzCommand {
    #[expect(clippy::disallowed_methods, reason = "real time is measured for a person")]
    pub(crate) fn run(self) -> Result<ExitCode> {
        // A panic is a finding, and reported as one.
        std::panic::set_hook(Box::new(|_| {}));
        let bar = bar(self.bodies);
        let started = Instant::now();
        let fuzz = Fuzz { bodies: self.bodies, from: self.from, seed: self.seed, threads: self.threads };
        let Report { tally, finding } = fuzz.run(&|cases| bar.inc(cases))?;
        bar.finish_and_clear();
        let seconds = started.elapsed().as_secs_f64();
        show_tally(&tally);
        let cases: u64 = tally.values().sum();
        print(format_args!(
            "{cases} requests of seed {} in {seconds:.0} s, {:.0}/s",
            self.seed,
            cases as f64 / seconds
        ));
        match finding {
            None => Ok(ExitCode::SUCCESS),
            Some(finding) => {
                show_finding(&finding, self.seed);
                Ok(ExitCode::FAILURE)
            }
        }
    }
}

/// Prints a line for each outcome, with a column for each form of request.
fn show_tally(tally: &Tally) {
    let forms: BTreeSet<Form> = tally.keys().map(|(_, _, form)| *form).collect();
    let mut lines: BTreeMap<(u16, &str), BTreeMap<Form, u64>> = BTreeMap::new();
    for ((status, problem, form), times) in tally {
        lines.entry((*status, problem.as_str())).or_default().insert(*form, *times);
    }
    let heads: String = forms.iter().map(|form| format!("{:>11}", form.as_str())).collect();
    print(format_args!("{:>6}  {:<24}{heads}", "status", "problem"));
    for ((status, problem), counts) in lines {
        let cells: String =
            forms.iter().map(|form| format!("{:>11}", counts.get(form).copied().unwrap_or_default())).collect();
        let (status, problem) =
            if status == 0 { ("-".to_owned(), "no invocation event") } else { (status.to_string(), problem) };
        print(format_args!("{status:>6}  {problem:<24}{cells}"));
    }
}

fn show_finding(finding: &Finding, seed: u64) {
    let Finding { case, what, payload, alone } = finding;
    print(format_args!("\nseed {seed}, case {case}: {what}"));
    print(if *alone { "payload, to a cold router:" } else { "payload, after the cases of its block before it:" });
    match std::str::from_utf8(payload) {
        Ok(text) if !text.contains(char::is_control) => print(text),
        _ => print(format_args!("b\"{}\"", payload.escape_ascii())),
    }
    print(format_args!("again: cellstack-local fuzz --seed {seed} --from {case} --bodies 1000"));
}

/// Returns a bar that moves on a terminal and is hidden elsewhere.
fn bar(bodies: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} requests, {eta} left");
    ProgressBar::new(bodies).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
