//! The end of a served stack: a signal ends it, even while callers hold connections open.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::world::{Served, raw};

impl Served {
    /// Opens connections to both ports: with requests whose last byte never comes, and without a byte at all.
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
        // These responses come after the connections above were accepted.
        for address in [self.url, self.endpoint] {
            assert!(get(address, "/health").starts_with("HTTP/1.1 200"));
        }
        open
    }
}

fn get(address: SocketAddr, path: &str) -> String {
    raw(address, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))
}

#[test]
fn half_sent_requests_do_not_keep_it_alive() {
    for signal in ["-INT", "-TERM"] {
        let mut served = Served::start(&["--cells", "alpha"]);
        let open = served.hang_on();
        served.signal(signal);
        assert!(served.ended().success(), "{signal}");
        drop(open);
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let mut served = Served::start(&["--cells", "alpha"]);
        let open = served.hang_on();
        served.signal(signal);
        // Two signals of a kind that arrive together are one.
        while TcpStream::connect(served.url).is_ok() {
            std::thread::sleep(Duration::from_millis(10));
        }
        served.signal(signal);
        assert_eq!(served.ended().code(), Some(code), "{signal}");
        drop(open);
    }
}

#[test]
fn both_ports_say_that_they_are_up() {
    let served = Served::start(&["--cells", "alpha"]);
    for address in [served.url, served.endpoint] {
        let up = get(address, "/health");
        assert!(up.starts_with("HTTP/1.1 200") && up.contains(r#""status":"ok""#), "{up}");
        let head = raw(address, "HEAD /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    }
}
