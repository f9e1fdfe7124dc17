//! A served stack for a benchmark.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::Credentials;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Returns whether `cargo bench` runs it. `cargo test` only checks that it works.
pub(crate) fn is_bench() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// Returns `full` events for `cargo bench`, and a hundredth of them for `cargo test`.
pub(crate) fn extent(full: usize) -> usize {
    if is_bench() { full } else { full / 100 }
}

/// A stack that is served by a process of its own.
pub(crate) struct Served {
    child: Child,
    endpoint: SocketAddr,
}

impl Served {
    /// Starts the stack, with `tenant-1` and so on placed in its cells. Returns the address of its function URL, too.
    pub(crate) fn start(tenants: usize, options: &[&str]) -> Result<(Self, SocketAddr)> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cellstack-local"))
            .args(["serve", "-q", "--port", "0", "--endpoint-port", "0", "--tenants", &tenants.to_string()])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut ready = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut ready)?;
        let mut addresses =
            ready.split("http://").skip(1).map(|rest| rest.split([',', ' ']).next().unwrap_or_default().parse());
        let (url, endpoint) = (addresses.next(), addresses.next());
        let (url, endpoint) = (url.context(ready.clone())??, endpoint.context(ready.clone())??);
        Ok((Self { child, endpoint }, url))
    }

    /// Returns the configuration of its services' clients.
    pub(crate) fn config(&self) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
            .http_client(cellstack_aws::http_client())
            .endpoint_url(format!("http://{}", self.endpoint))
            .build()
    }

    /// Returns a client of its DynamoDB.
    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config())
    }

    /// Returns the most memory that it has had, where the system says so.
    pub(crate) fn peak_memory_mib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(peak.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1024)
    }
}

impl Drop for Served {
    /// Ends it, also when the benchmark fails. Nothing is kept, so there is nothing to end cleanly.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
