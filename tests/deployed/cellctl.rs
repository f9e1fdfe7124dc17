//! `cellctl` against the deployed stack.

use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};

use cellstack_cellctl::{Cli, Completion, Console, Deployment};
use cellstack_core::SystemClock;
use clap::Parser as _;

use crate::stack::Deployed;

/// The standard output of a command.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Cursor<Vec<u8>>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs a command. Returns its completion and its output.
pub(crate) async fn cellctl(deployed: &Deployed, arguments: &[&str]) -> (Completion, String) {
    let config = deployed.config(None);
    let deployment = Deployment::new(
        "cellstack",
        aws_sdk_dynamodb::Client::new(&config),
        aws_sdk_sqs::Client::new(&config),
        Arc::new(SystemClock::new()),
    )
    .with_config(config);
    let output = Output::default();
    let mut console = Console::new(output.clone(), std::io::sink());
    let cli = Cli::try_parse_from([&["cellctl"], arguments].concat()).unwrap();
    let completion = cli.run(&deployment, &mut console).await.unwrap();
    let text = String::from_utf8(output.0.lock().unwrap().get_ref().clone()).unwrap();
    (completion, text)
}
