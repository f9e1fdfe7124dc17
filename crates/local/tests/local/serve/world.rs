//! A served stack in a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A time limit far beyond what anything here takes: a test that waits for ever shows nothing.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Served {
    pub(crate) process: Child,
    pub(crate) url: SocketAddr,
    pub(crate) endpoint: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
}

/// Runs `cellstack-local` to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cellstack-local"));
    command.env_remove("AWS_ENDPOINT_URL").args(arguments).output().unwrap()
}

impl Served {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_cellstack-local"));
        Self::spawn(serve.args(["serve", "--port", "0", "--endpoint-port", "0"]).args(arguments))
    }

    /// Starts a command that serves.
    pub(crate) fn spawn(serve: &mut Command) -> Self {
        let mut process = serve.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (stderr, into) = (process.stderr.take().unwrap(), Arc::clone(&lines));
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                into.lock().unwrap().push(line);
            }
        });
        let mut ready = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
        let addresses: Vec<_> = ready.split("http://").skip(1).map(|rest| rest.split([',', ' ']).next()).collect();
        let [url, endpoint] = addresses[..] else { panic!("{ready} {:?}", lines.lock().unwrap()) };
        let parse = |address: Option<&str>| address.unwrap().parse().unwrap();
        Self { url: parse(url), endpoint: parse(endpoint), process, lines }
    }

    pub(crate) fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap().success());
    }

    pub(crate) fn ended(&mut self) -> ExitStatus {
        soon("its end", || self.process.try_wait().unwrap())
    }

    /// Runs `cellstack-local fault` against it, and returns its output.
    pub(crate) fn fault(&self, arguments: &[&str]) -> Result<String, String> {
        self.command("fault", arguments)
    }

    /// Runs `cellstack-local cell` against it, and returns its output.
    pub(crate) fn cell(&self, arguments: &[&str]) -> Result<String, String> {
        self.command("cell", arguments)
    }

    fn command(&self, noun: &str, arguments: &[&str]) -> Result<String, String> {
        let endpoint = format!("http://{}", self.endpoint);
        let output = run(&[&[noun], arguments, &["--endpoint", &endpoint]].concat());
        let text = |bytes| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    /// Posts an event of a tenant, and returns the status and the body.
    pub(crate) fn post(&self, tenant: &str, event: &str) -> (u16, String) {
        let length = event.len();
        let headers =
            format!("x-tenant-id: {tenant}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n");
        request(self.url, "POST /v1/events", &headers, event)
    }

    pub(crate) fn get(&self, tenant: &str, path: &str) -> (u16, String) {
        request(self.url, &format!("GET {path}"), &format!("x-tenant-id: {tenant}\r\n"), "")
    }

    /// Waits for a line with all these parts in it, in this order.
    pub(crate) fn line(&self, parts: &[&str]) -> String {
        let has_all = |line: &&String| {
            let mut rest = line.as_str();
            parts.iter().all(|part| rest.split_once(part).map(|(_, after)| rest = after).is_some())
        };
        let found = || self.lines.lock().unwrap().iter().find(has_all).cloned();
        soon(&format!("a line with {parts:?}"), found)
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

impl Drop for Served {
    #[expect(clippy::print_stderr, reason = "a failed test shows its process's output")]
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("it wrote:\n{}", self.lines().join("\n"));
        }
    }
}

/// Waits until there is something.
#[expect(clippy::disallowed_methods, reason = "a process is waited for")]
pub(crate) fn soon<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        if let Some(found) = found() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("not within {PATIENCE:?}: {what}")
}

/// Sends one request, and returns the status and the body.
pub(crate) fn request(address: SocketAddr, line: &str, headers: &str, body: &str) -> (u16, String) {
    let response =
        raw(address, &format!("{line} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\r\n{body}"));
    let status = response.split(' ').nth(1).unwrap().parse().unwrap();
    (status, response.split_once("\r\n\r\n").unwrap().1.to_owned())
}

/// Sends bytes, and returns all that comes back.
pub(crate) fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}
