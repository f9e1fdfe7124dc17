//! `cellstack-local`: the whole stack on a laptop.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Three services and three functions in one process allocate a lot: about a tenth more events/s than with glibc's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The whole Cellstack in one process, on 127.0.0.1 only, with nothing kept when it ends unless serve is told to.
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
    Place(commands::place::Place),
    Simulate(commands::simulate::Simulate),
    Fuzz(commands::fuzz::FuzzCommand),
    Fault(commands::fault::FaultCommand),
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = Cli::parse().command;
    // Errors are what a simulation and a fuzzer's cases are made of.
    let level = match &command {
        Command::Simulate(_) | Command::Fuzz(_) => "off",
        Command::Serve(serve) => serve.log_level(),
        Command::Demo(_) | Command::Place(_) | Command::Fault(_) => "error",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| level.into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let ended = match command {
        Command::Serve(serve) => serve.run().await,
        Command::Demo(demo) => demo.run().await,
        Command::Place(place) => place.run().await,
        Command::Fault(fault) => fault.run().await,
        // They have threads and runtimes of their own.
        Command::Simulate(simulate) => tokio::task::block_in_place(|| simulate.run()),
        Command::Fuzz(fuzz) => tokio::task::block_in_place(|| fuzz.run()),
    };
    match ended {
        Ok(code) => code,
        Err(error) => {
            commands::complain(&error);
            ExitCode::FAILURE
        }
    }
}
