//! `make bench`: the router, a bare hello, and the same router in Python and in Node, in one interleaved run against
//! one mock of the Lambda Runtime API and one of DynamoDB. See `docs/performance.md`.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]

mod cli;
mod figures;
mod machine;
mod mock;
mod probe;
mod report;
mod rounds;
mod stats;
mod subject;
mod trial;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match cli::Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
