//! The program `cellctl`: environment -> clients -> command -> exit code.

use std::process::ExitCode;

use anyhow::{Result, anyhow};
use cellstack_cellctl::{Cli, Completion, Console, Deployment};
use clap::Parser as _;

/// The copy of a tenant is bound by this program's CPU, of which glibc's allocator took a quarter.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(completion) => completion.into(),
        Err(error) => {
            Console::standard().fail(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<Completion> {
    let cli = Cli::parse();
    let mut console = Console::standard();
    if let Some(completion) = cli.run_offline(&mut console) {
        return completion;
    }
    let unusable = |diagnosis| anyhow!("no stack can be reached from this environment\n{diagnosis}");
    let (deployment, destination) = Deployment::from_env(cli.prefix()).await.map_err(unusable)?;
    let stop = deployment.stop().clone();
    // The first Ctrl-C ends a run between two letters; the second one is the terminal's own.
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.cancel();
            let _ = tokio::signal::ctrl_c().await;
            std::process::exit(130);
        }
    });
    cli.run(&deployment, &mut console).await.map_err(|error| match destination.explain(&error) {
        Some(diagnosis) => anyhow!("{error:#}\n{diagnosis}"),
        None => error,
    })
}
