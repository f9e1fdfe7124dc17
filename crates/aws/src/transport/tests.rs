use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::{Connector, Pool, Shared, Tls};

const RESPONSE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

fn connector() -> Connector {
    let shared = Arc::new(Shared { tls: Tls::native(), pool: Pool::default() });
    Connector { shared, connect_timeout: Some(Duration::from_secs(5)), read_timeout: Some(Duration::from_secs(5)) }
}

/// Serves each connection with `serve`, and counts them.
async fn server<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (url, accepted) =
        (format!("http://{}/path?q=1", listener.local_addr().unwrap()), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&accepted);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            counter.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(serve(stream));
        }
    });
    (url, accepted)
}

/// Reads one request without a body; `None` at the end of the connection.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let (mut text, mut part) = (String::new(), [0; 1024]);
    while !text.contains("\r\n\r\n") {
        // A connection of this client ends with a reset.
        let read = stream.read(&mut part).await.unwrap_or(0);
        if read == 0 {
            return None;
        }
        text.push_str(std::str::from_utf8(&part[..read]).unwrap());
    }
    Some(text)
}

async fn get(connector: &Connector, url: &str) -> Result<(u16, String), ConnectorError> {
    let response = connector.call(HttpRequest::get(url).unwrap()).await?;
    let body = String::from_utf8(response.body().bytes().unwrap().to_vec()).unwrap();
    Ok((response.status().as_u16(), body))
}

#[tokio::test]
async fn a_connection_is_used_again_and_a_request_names_its_host() {
    let (url, accepted) = server(|mut stream| async move {
        while let Some(request) = request(&mut stream).await {
            assert!(request.starts_with("GET /path?q=1 HTTP/1.1\r\n"), "{request}");
            assert!(request.contains("\r\nhost: 127.0.0.1:"), "{request}");
            stream.write_all(RESPONSE.as_bytes()).await.unwrap();
        }
    })
    .await;
    let connector = connector();
    for _ in 0..3 {
        assert_eq!(get(&connector, &url).await.unwrap(), (200, "hi".to_owned()));
    }
    assert_eq!(accepted.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn calls_at_the_same_time_have_connections_of_their_own() {
    let (url, accepted) = server(|mut stream| async move {
        while request(&mut stream).await.is_some() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            stream.write_all(RESPONSE.as_bytes()).await.unwrap();
        }
    })
    .await;
    let connector = connector();
    let (one, other) = tokio::join!(get(&connector, &url), get(&connector, &url));
    assert_eq!((one.unwrap().0, other.unwrap().0), (200, 200));
    assert_eq!(accepted.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_connection_that_died_at_rest_is_replaced_without_an_error() {
    let (url, accepted) = server(|mut stream| async move {
        request(&mut stream).await;
        stream.write_all(RESPONSE.as_bytes()).await.unwrap();
    })
    .await;
    let connector = connector();
    for _ in 0..3 {
        assert_eq!(get(&connector, &url).await.unwrap().0, 200);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(accepted.load(Ordering::Relaxed), 3);
}

/// A network may forget a connection without a word. The wall clock continues during a freeze.
#[tokio::test]
async fn a_connection_that_rested_for_too_long_is_not_used_again() {
    let (url, accepted) = server(|mut stream| async move {
        while request(&mut stream).await.is_some() {
            stream.write_all(RESPONSE.as_bytes()).await.unwrap();
        }
    })
    .await;
    let connector = connector();
    for (rest, connections) in [(0, 1), (40, 1), (60, 2)] {
        connector.shared.pool.age(Duration::from_secs(rest));
        assert_eq!(get(&connector, &url).await.unwrap().0, 200);
        assert_eq!(accepted.load(Ordering::Relaxed), connections, "after {rest} s");
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_without_a_response_is_an_io_error_and_not_tried_again_here() {
    let (url, accepted) = server(|mut stream| async move {
        request(&mut stream).await;
    })
    .await;
    let error = get(&connector(), &url).await.unwrap_err();
    assert!(error.is_io(), "{error:?}");
    assert_eq!(accepted.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_connection_that_returned_a_server_error_is_not_used_again() {
    let (url, accepted) = server(|mut stream| async move {
        while request(&mut stream).await.is_some() {
            stream.write_all(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let connector = connector();
    for _ in 0..2 {
        assert_eq!(get(&connector, &url).await.unwrap().0, 503);
    }
    assert_eq!(accepted.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_response_in_chunks_and_a_large_one_are_read_whole() {
    let (url, _) = server(|mut stream| async move {
        while request(&mut stream).await.is_some() {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
            for _ in 0..64 {
                stream.write_all(b"1000\r\n").await.unwrap();
                stream.write_all(&[b'x'; 4096]).await.unwrap();
                stream.write_all(b"\r\n").await.unwrap();
                tokio::task::yield_now().await;
            }
            stream.write_all(b"0\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let connector = connector();
    for _ in 0..2 {
        assert_eq!(get(&connector, &url).await.unwrap().1.len(), 64 * 4096);
    }
}

#[tokio::test]
async fn a_response_without_an_end_is_an_io_error_and_its_connection_is_not_used_again() {
    let (url, accepted) = server(|mut stream| async move {
        request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
        while stream.write_all(&chunk).await.is_ok() {}
    })
    .await;
    let connector = connector();
    for connections in 1..=2 {
        let error = get(&connector, &url).await.unwrap_err();
        assert!(error.is_io(), "{error:?}");
        assert_eq!(accepted.load(Ordering::Relaxed), connections);
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_a_timeout_and_one_that_is_not_there_an_io_error() {
    let (url, _) = server(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let hasty = Connector { read_timeout: Some(Duration::from_millis(30)), ..connector() };
    assert!(get(&hasty, &url).await.unwrap_err().is_timeout());

    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert!(get(&connector(), &format!("http://{gone}/")).await.unwrap_err().is_io());
    assert!(get(&connector(), "ftp://127.0.0.1/").await.unwrap_err().is_user());
}

/// Row 39: an environment may be frozen right after its function cancelled a write. Bytes in the socket at that time
/// must not reach the service after the thaw.
#[tokio::test]
async fn a_request_that_was_cancelled_leaves_nothing_in_its_socket() {
    // The server takes little before it reads: most of the request is in the client's socket.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    const BODY: usize = 200_000;
    let mut request = HttpRequest::new(SdkBody::from(vec![b'x'; BODY]));
    request.set_method("POST").unwrap();
    request.set_uri(url).unwrap();
    request.headers_mut().insert("content-length", BODY.to_string());

    let hasty = Connector { read_timeout: Some(Duration::from_millis(100)), ..connector() };
    let (sent, accepted) = tokio::join!(hasty.call(request), listener.accept());
    assert!(sent.unwrap_err().is_timeout());
    let (mut stream, _) = accepted.unwrap();
    let (mut arrived, mut part) = (0, vec![0; 65_536]);
    let end = loop {
        match stream.read(&mut part).await {
            Ok(0) => break None,
            Ok(read) => arrived += read,
            Err(error) => break Some(error.kind()),
        }
    };
    assert_eq!(end, Some(std::io::ErrorKind::ConnectionReset), "after {arrived} bytes");
    assert!(arrived < BODY, "the request arrived whole");
}
