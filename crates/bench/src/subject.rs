//! A measured function, and the start of its process.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use crate::mock::Mocks;

/// A function of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// A bare `lambda_runtime` function: the floor.
    Hello,
    /// Cellstack's router.
    Router,
    /// The same router with boto3, under `awslambdaric`.
    Python,
    /// The same router with the AWS SDK for JavaScript v3.
    Node,
}

impl Subject {
    pub(crate) const ALL: [Self; 4] = [Self::Hello, Self::Router, Self::Python, Self::Node];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Router => "router",
            Self::Python => "python",
            Self::Node => "node",
        }
    }

    /// Returns the text that each of its responses holds.
    pub(crate) const fn marker(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Router | Self::Python | Self::Node => "accepted_at",
        }
    }

    /// Returns whether it calls DynamoDB.
    pub(crate) const fn writes(self) -> bool {
        !matches!(self, Self::Hello)
    }
}

/// The way in which a process reaches DynamoDB, and the time of its first call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mode {
    /// Through TLS rather than without it.
    pub(crate) tls: bool,
    /// With its first call during init.
    pub(crate) warm_up: bool,
}

impl Mode {
    /// Without TLS and without a call during init: the same for all subjects.
    pub(crate) const BARE: Self = Self { tls: false, warm_up: false };
}

/// The directories of the subjects' programs.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// The directory of `router` and `bench-hello`.
    pub(crate) binaries: PathBuf,
    /// The directory the peers are installed in.
    pub(crate) peers: PathBuf,
}

impl Programs {
    /// Returns the program of a subject and its arguments.
    pub(crate) fn line(&self, subject: Subject) -> (PathBuf, Vec<String>) {
        match subject {
            Subject::Hello => (self.binaries.join("bench-hello"), Vec::new()),
            Subject::Router => (self.binaries.join("router"), Vec::new()),
            Subject::Python => (
                self.peers.join("python/bin/python"),
                ["-m", "awslambdaric", "router.handler"].map(str::to_owned).to_vec(),
            ),
            Subject::Node => (PathBuf::from("node"), vec!["runtime.mjs".to_owned()]),
        }
    }

    /// Returns the directory a subject runs in.
    fn directory(&self, subject: Subject) -> PathBuf {
        match subject {
            Subject::Hello | Subject::Router => self.binaries.clone(),
            Subject::Python => self.peers.join("python"),
            Subject::Node => self.peers.join("node"),
        }
    }

    /// Returns the command that starts a subject as Lambda does, with nothing of this process's environment but the
    /// path. `under` is a program that runs it, with its arguments.
    pub(crate) fn command(&self, subject: Subject, mode: Mode, mocks: &Mocks, under: &[String]) -> Command {
        let (program, arguments) = self.line(subject);
        let mut words =
            under.iter().cloned().map(PathBuf::from).chain([program]).chain(arguments.into_iter().map(PathBuf::from));
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).env_clear().current_dir(self.directory(subject));
        for name in ["PATH", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .envs(LAMBDA)
            .envs(ROUTER)
            .env("AWS_LAMBDA_RUNTIME_API", mocks.runtime_address.to_string())
            .env("LAMBDA_TASK_ROOT", self.directory(subject))
            .env("CELLSTACK_WARM_UP", if mode.warm_up { "on" } else { "off" });
        if mode.tls {
            command
                .env("AWS_ENDPOINT_URL", format!("https://localhost:{}", mocks.tls_address.port()))
                .env("AWS_CA_BUNDLE", &mocks.roots)
                .env("NODE_EXTRA_CA_CERTS", &mocks.roots);
        } else {
            command.env("AWS_ENDPOINT_URL", format!("http://{}", mocks.plain_address));
        }
        // Logs are written, and discarded.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        command
    }
}

/// The variables that Lambda sets for every function
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>).
const LAMBDA: [(&str, &str); 14] = [
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_DEFAULT_REGION", "us-east-1"),
    ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
    ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
    ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("AWS_SESSION_TOKEN", SESSION_TOKEN),
    ("LANG", "en_US.UTF-8"),
    ("TZ", ":UTC"),
];

/// A token as long as Lambda's: signing and sending it is part of every call.
const SESSION_TOKEN: &str = "IQoJb3JpZ2luX2VjEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE\
    EXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE\
    EXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE\
    EXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE\
    EXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE";

/// The variables that the router's module of Terraform sets. The peers read the same.
const ROUTER: [(&str, &str); 3] = [
    ("CELLSTACK_TENANT_MAP_TABLE", "cellstack-tenant-map"),
    ("CELLSTACK_REGISTRY_TABLE", "cellstack-registry"),
    ("CELLSTACK_TENANT_SOURCE", "header"),
];
