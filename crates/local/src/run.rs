//! The program around an application: its command line, its log, its commands.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use cellstack_simulator::Application;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::commands;

/// The whole Cellstack in one process, on 127.0.0.1 only, in memory unless `serve --data` keeps it.
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(commands::serve::Serve),
    Demo(commands::demo::Demo),
    Simulate(commands::simulate::Simulate),
    Fuzz(commands::fuzz::FuzzCommand),
    Fault(commands::fault::FaultCommand),
    Cell(commands::cell::CellCommand),
}

/// Runs the command line of `cellstack-local` with an application: `serve`, `demo` and `simulate` process events with it.
/// The whole of such a program's `main`.
pub fn run(application: impl Application) -> ExitCode {
    let command = parse(&application);
    start_log(&command);
    let ended = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(command.run(application)),
        Err(error) => Err(error).context("start the runtime"),
    };
    ended.unwrap_or_else(|error| {
        commands::complain(&error);
        ExitCode::FAILURE
    })
}

/// Reads the arguments, with the application's own defaults. Ends the program where they are wrong or ask for help.
fn parse<A: Application>(_: &A) -> Command {
    let own = |demo: clap::Command| demo.mut_arg("events", |events| events.default_value(A::SAMPLES));
    let matches = Cli::command().mut_subcommand("demo", own).try_get_matches();
    let parsed = matches.and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.unwrap_or_else(|error| error.exit()).command
}

fn start_log(command: &Command) {
    // Errors are what a simulation and a fuzzer's cases are made of.
    let level = match command {
        Command::Simulate(_) | Command::Fuzz(_) => "off",
        Command::Serve(serve) => serve.log_level(),
        Command::Demo(_) | Command::Fault(_) | Command::Cell(_) => "error",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| level.into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

impl Command {
    async fn run<A: Application>(self, application: A) -> Result<ExitCode> {
        match self {
            Self::Serve(serve) => serve.run(application).await,
            Self::Demo(demo) => demo.run(application).await,
            Self::Fault(fault) => fault.run().await,
            Self::Cell(cell) => cell.run().await,
            // They have threads and runtimes of their own.
            Self::Simulate(simulate) => tokio::task::block_in_place(|| simulate.run(&application)),
            Self::Fuzz(fuzz) => tokio::task::block_in_place(|| fuzz.run()),
        }
    }
}
