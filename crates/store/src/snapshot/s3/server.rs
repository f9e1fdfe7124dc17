//! A server with one object, which it returns in parts as S3 does
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>).

use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;
use aws_types::region::Region;
use cellstack_core::hex::sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(super) fn credentials() -> Credentials {
    Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None, None, "test")
}

pub(super) fn config(endpoint: Option<&str>, region: &str) -> SdkConfig {
    let mut builder = SdkConfig::builder()
        .http_client(cellstack_aws::http_client())
        .region(Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials()));
    builder.set_endpoint_url(endpoint.map(ToOwned::to_owned));
    builder.build()
}

/// The server's object and the requests it received.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    pub(super) object: Option<Vec<u8>>,
    /// The object that replaces it once it was read so often.
    pub(super) next: Option<(usize, Vec<u8>)>,
    /// The response to every request, in place of its own: status line and headers.
    pub(super) response: Option<String>,
    /// The heads of the requests, each with the hash of its body.
    pub(super) requests: Vec<String>,
}

/// Starts a server. Returns its bucket and a configuration that leads to it.
pub(super) async fn server(bucket: Bucket) -> (Arc<Mutex<Bucket>>, SdkConfig) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = config(Some(&format!("http://{}", listener.local_addr().unwrap())), "eu-west-1");
    let bucket = Arc::new(Mutex::new(bucket));
    let served = Arc::clone(&bucket);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (head, body) = receive(&mut stream).await;
            let (status, headers, content) = served.lock().unwrap().respond(&head, body);
            let length = content.len();
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}connection: close\r\n\r\n");
            // A client that has read enough closes the connection.
            let _ = stream.write_all(&[head.as_bytes(), &content].concat()).await;
        }
    });
    (bucket, config)
}

async fn receive(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 65_536]);
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        bytes.extend_from_slice(&buffer[..read]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = value(&head, "content-length").map_or(0, |length| length.parse().unwrap());
        if bytes.len() - end - 4 >= length {
            return (head, bytes.split_off(end + 4));
        }
    }
}

/// Returns the value of a request's header.
pub(super) fn value<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
}

impl Bucket {
    fn respond(&mut self, head: &str, body: Vec<u8>) -> (String, String, Vec<u8>) {
        self.requests.push(format!("{head}\r\nbody-sha256: {}", sha256(&body)));
        if let Some(response) = &self.response {
            let (status, headers) = response.split_once("\r\n").unwrap_or((response, ""));
            return (status.to_owned(), headers.to_owned(), self.object.clone().unwrap_or_default());
        }
        let plain = |status: &str, content: &str| (status.to_owned(), String::new(), content.as_bytes().to_vec());
        if head.starts_with("PUT") {
            self.object = Some(body);
            return plain("200 OK", "");
        }
        if self.next.as_ref().is_some_and(|(reads, _)| self.requests.len() > *reads) {
            self.object = self.next.take().map(|(_, object)| object);
        }
        let Some(object) = &self.object else {
            return plain("404 Not Found", "<Error><Code>NoSuchKey</Code></Error>");
        };
        let etag = format!("\"{}\"", &sha256(object)[..32]);
        if value(head, "if-match").is_some_and(|expected| expected != etag) {
            return plain("412 Precondition Failed", "");
        }
        let range = value(head, "range").unwrap().strip_prefix("bytes=").unwrap();
        let (first, last) = range.split_once('-').unwrap();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        if first >= object.len() {
            return plain("416 Range Not Satisfiable", "");
        }
        let last = last.min(object.len() - 1);
        let headers = format!("etag: {etag}\r\ncontent-range: bytes {first}-{last}/{}\r\n", object.len());
        ("206 Partial Content".to_owned(), headers, object[first..=last].to_vec())
    }
}
