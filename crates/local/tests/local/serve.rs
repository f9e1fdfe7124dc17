//! `cellstack-local serve` ends when it is told to, whatever its callers do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Long past what an end takes: a test that waits for ever says nothing.
const PATIENCE: Duration = Duration::from_secs(60);

struct Served {
    process: Child,
    url: SocketAddr,
    endpoint: SocketAddr,
}

impl Served {
    fn start() -> Self {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_cellstack-local"));
        serve.args(["serve", "--port", "0", "--endpoint-port", "0", "--cells", "alpha"]);
        let mut process = serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
        let addresses: Vec<_> = ready.split("http://").skip(1).map(|rest| rest.split([',', ' ']).next()).collect();
        let [url, endpoint] = addresses[..] else { panic!("{ready}") };
        let parse = |address: Option<&str>| address.unwrap().parse().unwrap();
        Self { url: parse(url), endpoint: parse(endpoint), process }
    }

    /// Connections to both ports, with requests of which the last byte never comes, and one to nothing at all.
    fn hang_on(&self) -> Vec<TcpStream> {
        let requests = [
            (self.url, "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 15\r\n\r\n{"),
            (self.url, "POST /v1/events HTTP/1.1\r\nhost: x\r\nx-tenant"),
            (self.url, ""),
            (self.endpoint, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 15\r\n\r\n{"),
            (self.endpoint, "POST / HTTP/1.1\r\nhost: x\r\n"),
            (self.endpoint, ""),
        ];
        let open = |(address, bytes): (SocketAddr, &str)| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(bytes.as_bytes()).unwrap();
            stream
        };
        let open: Vec<_> = requests.map(open).into();
        // Answered after those above were accepted.
        for address in [self.url, self.endpoint] {
            assert!(get(address, "/health").starts_with("HTTP/1.1 200"));
        }
        open
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap().success());
    }

    fn ended(&mut self) -> ExitStatus {
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it goes on");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn half_sent_requests_do_not_keep_it_alive() {
    for signal in ["-INT", "-TERM"] {
        let mut served = Served::start();
        let open = served.hang_on();
        served.signal(signal);
        assert!(served.ended().success(), "{signal}");
        drop(open);
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let mut served = Served::start();
        let open = served.hang_on();
        served.signal(signal);
        // Two of a kind that come together are one.
        while TcpStream::connect(served.url).is_ok() {
            std::thread::sleep(Duration::from_millis(10));
        }
        served.signal(signal);
        assert_eq!(served.ended().code(), Some(code), "{signal}");
        drop(open);
    }
}
