//! A run of `cellctl` in process, with its output.

use std::io::Write;
use std::sync::{Arc, Mutex};

use cellstack_cellctl::{Cli, Completion, Console, Deployment};
use clap::Parser as _;
use serde_json::Value;

/// The output and the end of a command.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) completion: Result<Completion, String>,
    pub(crate) data: String,
    pub(crate) talk: String,
}

impl Ran {
    /// Runs `cellctl` with a command line as a shell would split it (no quotes).
    pub(crate) async fn of(line: &str, deployment: &Deployment) -> Self {
        let cli = Cli::try_parse_from(std::iter::once("cellctl").chain(line.split_whitespace())).unwrap();
        let (data, talk) = (Buffer::default(), Buffer::default());
        let completion = cli.run(deployment, &mut Console::new(data.clone(), talk.clone())).await;
        Self { completion: completion.map_err(|error| format!("{error:#}")), data: data.text(), talk: talk.text() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {}", self.data))
    }

    /// Returns the rows of the table that was printed, the header first, without the lines around them.
    pub(crate) fn rows(&self) -> Vec<String> {
        let cells = |line: &str| line.trim_matches('│').split('┆').map(str::trim).collect::<Vec<_>>().join(" | ");
        self.data.lines().filter(|line| line.starts_with('│')).map(cells).collect()
    }

    #[track_caller]
    pub(crate) fn ended(self, completion: Completion) -> Self {
        assert_eq!(self.completion, Ok(completion), "{}{}", self.data, self.talk);
        self
    }
}

/// A writer whose contents can be read.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}
