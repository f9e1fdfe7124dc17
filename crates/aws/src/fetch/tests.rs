//! Requests to servers that answer by a script.

use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const TIMEOUT: Duration = Duration::from_millis(500);

/// Starts a server that sends one response and ends. Returns its URL, and the place where its request will be
/// stored.
async fn server(response: &'static str) -> (String, &'static Mutex<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys?a=b", listener.local_addr().unwrap());
    let seen: &'static Mutex<String> = Box::leak(Box::default());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.unwrap();
        *seen.lock().unwrap() = String::from_utf8_lossy(&buffer[..read]).into_owned();
        stream.write_all(response.as_bytes()).await.unwrap();
        if !response.ends_with('!') {
            std::future::pending::<()>().await;
        }
    });
    (url, seen)
}

async fn fetch(response: &'static str) -> Result<Vec<u8>, FetchError> {
    let (url, _) = server(response).await;
    get(&crate::http_client(), &url, 10, TIMEOUT).await
}

#[tokio::test]
async fn a_body_comes_whole_and_the_request_is_a_get() {
    let (url, seen) = server("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n012345678!").await;
    assert_eq!(get(&crate::http_client(), &url, 10, TIMEOUT).await.unwrap(), b"012345678!");
    let seen = seen.lock().unwrap().clone();
    assert!(seen.starts_with("GET /keys?a=b HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains("host: 127.0.0.1:"), "{seen}");
}

async fn part(response: &'static str) -> Result<Fetched, FetchError> {
    let (url, _) = server(response).await;
    let mut request = HttpRequest::new(SdkBody::empty());
    request.set_uri(url).unwrap();
    exchange(&crate::http_client(), request, PARTIAL_CONTENT, 10, TIMEOUT).await
}

#[tokio::test]
async fn a_part_comes_with_its_range_and_tag_and_nothing_else_is_taken_for_one() {
    let head = "HTTP/1.1 206 Partial\r\ncontent-range: bytes 0-2/9\r\netag: \"a\"\r\ncontent-length: 3\r\n\r\n12!";
    let fetched = part(head).await.unwrap();
    assert_eq!((fetched.etag.as_deref(), fetched.content_range.as_deref()), (Some("\"a\""), Some("bytes 0-2/9")));
    assert_eq!(fetched.body, b"12!");
    let bare = part("HTTP/1.1 206 Partial\r\ncontent-length: 1\r\n\r\n!").await.unwrap();
    assert_eq!((bare.etag, bare.content_range), (None, None));
    let long = part("HTTP/1.1 206 Partial\r\ncontent-length: 11\r\n\r\n0123456789!").await;
    assert_eq!(long, Err(FetchError::TooLarge(10)));
    let whole = part("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n12!").await.unwrap_err();
    assert_eq!((whole.status(), whole.is_retryable()), (Some(200), false));
    let partial = fetch("HTTP/1.1 206 Partial\r\ncontent-length: 1\r\n\r\n!").await.unwrap_err();
    assert_eq!(partial.status(), Some(206), "a whole body was expected");
}

#[tokio::test]
async fn one_byte_too_many_is_refused_with_or_without_a_length() {
    let error = fetch("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n0123456789!").await.unwrap_err();
    assert_eq!((error.clone(), error.is_retryable()), (FetchError::TooLarge(10), false));
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\n012345\r\n6\r\n012345\r\n0\r\n\r\n!";
    assert_eq!(fetch(chunked).await.unwrap_err(), FetchError::TooLarge(10));
}

/// A body that is too large is read neither to its end nor up to a client's own limit.
#[tokio::test]
async fn no_more_is_read_than_may_be() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8000000\r\n\r\n").await;
        let mut sent = 0;
        while sent < 8_000_000 && stream.write_all(&[b'x'; 10_000]).await.is_ok() {
            sent += 10_000;
            tokio::task::yield_now().await;
        }
        sent
    });
    let error = get(&crate::http_client(), &url, 1_000, Duration::from_secs(10)).await.unwrap_err();
    assert_eq!(error, FetchError::TooLarge(1_000));
    // The rest of the bytes that left the server is in the two sockets.
    let sent = server.await.unwrap();
    assert!(sent < 8_000_000, "all of it was read");
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_a_refusal_is_told() {
    let moved = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 1\r\n\r\n!";
    let error = fetch(moved).await.unwrap_err();
    assert_eq!((error.status(), error.is_retryable()), (Some(302), false));
    let busy = fetch("HTTP/1.1 503 Busy\r\ncontent-length: 10\r\n\r\nslow\ndown!").await.unwrap_err();
    assert_eq!(busy.to_string(), "the server responded with 503: slow down!");
    assert!(busy.is_retryable());
}

#[tokio::test]
async fn a_response_that_hangs_times_out_before_or_within_its_body() {
    for response in ["HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n012"] {
        let error = fetch(response).await.unwrap_err();
        assert_eq!((error.clone(), error.is_retryable()), (FetchError::Timeout(TIMEOUT), true), "{response}");
    }
}

#[tokio::test]
async fn a_port_nobody_listens_on_and_a_url_that_is_none() {
    let client = crate::http_client();
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = get(&client, &format!("http://{port}/"), 10, TIMEOUT).await.unwrap_err();
    assert!(matches!(error, FetchError::Unreachable(_)), "{error:?}");
    let error = get(&client, "http://a b/", 10, TIMEOUT).await.unwrap_err();
    assert!(matches!(error, FetchError::Request(_)), "{error:?}");
}
