//! A bucket that returns parts, and buckets that return something else.

use cellstack_aws::chain;
use cellstack_core::limits::{SNAPSHOT_FIRST_READ, SNAPSHOT_HEADER_MAX};
use cellstack_core::snapshot::{Draft, InvalidSnapshot};
use cellstack_core::{TenantId, TenantRoute};
use tokio::net::TcpListener;

use super::super::tests::{bytes, encoded, routes, tenant};
use super::super::{OpenSnapshot, SnapshotSource};
use super::server::{Bucket, config, server, value};
use super::*;

const TIMEOUT: Duration = Duration::from_secs(5);

fn source() -> SnapshotSource {
    "s3://maps/cell stack/map".parse().unwrap()
}

fn holding(object: Vec<u8>) -> Bucket {
    Bucket { object: Some(object), ..Bucket::default() }
}

async fn found(opened: &OpenSnapshot, config: &SdkConfig, id: &TenantId) -> Result<Option<TenantRoute>, SnapshotError> {
    let block = opened.index().block_of(id).expect("the index has a block for it");
    Ok(opened.block(config, &block, TIMEOUT).await?.tenant(id).cloned())
}

#[tokio::test]
async fn an_object_is_written_whole_and_read_in_parts_all_of_them_signed() {
    let (bucket, config) = server(Bucket::default()).await;
    let source = source();
    assert!(matches!(source.open(&config, TIMEOUT).await, Err(SnapshotError::Missing)));
    let taken = Arc::new(encoded(5_000));
    source.write(&config, &taken).await.unwrap();
    assert_eq!(bucket.lock().unwrap().object, Some(bytes(5_000)));
    let opened = source.open(&config, TIMEOUT).await.unwrap();
    assert_eq!(opened.index().header(), taken.header());
    let route = found(&opened, &config, &tenant(4_321)).await.unwrap();
    assert_eq!(route, Some(routes(5_000)[4_321].clone()));
    assert_eq!(source.header(&config, TIMEOUT).await.unwrap(), *taken.header());

    let requests = bucket.lock().unwrap().requests.clone();
    for (request, method) in requests.iter().zip(["GET", "PUT", "GET", "GET", "GET"]) {
        assert!(request.starts_with(&format!("{method} /maps/cell%20stack/map HTTP/1.1")), "{request}");
        assert_eq!(value(request, "x-amz-content-sha256"), value(request, "body-sha256"), "{request}");
        let authorization = value(request, "authorization").unwrap();
        assert!(authorization.contains("/eu-west-1/s3/aws4_request, SignedHeaders=host;"), "{authorization}");
    }
    let [_, put, open, block, header] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!(value(put, "content-length"), Some(taken.size().to_string().as_str()));
    let until = |request| value(request, "range").unwrap().strip_prefix("bytes=0-").map(|last| last.parse().unwrap());
    assert_eq!((until(open), until(header)), (Some(SNAPSHOT_FIRST_READ - 1), Some(SNAPSHOT_HEADER_MAX - 1)));
    assert_eq!((value(open, "if-match"), until(block)), (None, None::<usize>));
    let etag = format!("\"{}\"", &sha256(bytes(5_000))[..32]);
    assert_eq!(value(block, "if-match"), Some(etag.as_str()));
    assert!(value(block, "authorization").unwrap().contains("SignedHeaders=host;if-match;range;x-amz-"), "{block}");
}

/// Returns an object whose index is longer than the first read, since it has so many cells.
fn long_index() -> Vec<u8> {
    let cells = (0..9_000).map(|at| {
        let record = cellstack_core::registry::CellRecord {
            table: format!("cellstack-cell-{at}"),
            status: cellstack_core::registry::CellStatus::Active,
            down_at: None,
            carried_down_at: None,
            retry_after: None,
        };
        (format!("cell-{at}").parse().unwrap(), record)
    });
    let mut draft = Draft::new(1);
    routes(100).iter().for_each(|route| draft.insert(route).unwrap());
    draft.encode(&cells.collect()).unwrap().pieces().collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn an_index_that_is_longer_than_the_first_read_takes_a_second() {
    let object = long_index();
    let (bucket, config) = server(holding(object.clone())).await;
    let opened = source().open(&config, TIMEOUT).await.unwrap();
    assert_eq!((opened.index().cells().len(), bucket.lock().unwrap().requests.len()), (9_000, 2));
    assert!(found(&opened, &config, &tenant(42)).await.unwrap().is_some());

    // Replaced between the two reads, it is opened anew.
    let (bucket, config) = server(Bucket { next: Some((1, bytes(7))), ..holding(object) }).await;
    let opened = source().open(&config, TIMEOUT).await.unwrap();
    assert_eq!((opened.index().header().tenants, bucket.lock().unwrap().requests.len()), (7, 3));
}

#[tokio::test]
async fn an_object_that_was_replaced_gives_no_block_of_the_new_one() {
    let (bucket, config) = server(holding(bytes(5_000))).await;
    let opened = source().open(&config, TIMEOUT).await.unwrap();
    bucket.lock().unwrap().object = Some(bytes(4_000));
    let error = found(&opened, &config, &tenant(1)).await.unwrap_err();
    assert!(matches!(error, SnapshotError::Replaced) && error.is_retryable(), "{error:?}");
    let again = source().open(&config, TIMEOUT).await.unwrap();
    assert!(found(&again, &config, &tenant(1)).await.unwrap().is_some());
    assert!(matches!(opened.check(&config, TIMEOUT, |_| ()).await, Err(SnapshotError::Replaced)));
}

#[tokio::test]
async fn a_response_that_is_not_the_part_is_refused_with_what_was_expected() {
    let size = bytes(3).len();
    for (response, found) in [
        ("200 OK".to_owned(), "all of it (status 200): the server does not return parts"),
        (format!("206 P\r\ncontent-range: bytes 0-{}/{size}\r\n", size - 1), "no usable ETag"),
        (format!("206 P\r\netag: \"{}\"\r\n", "x".repeat(300)), "no usable ETag"),
        ("206 P\r\netag: \"a\"\r\n".to_owned(), " bytes with the Content-Range ''"),
        ("206 P\r\netag: \"a\"\r\ncontent-range: bytes */9\r\n".to_owned(), "the Content-Range 'bytes */9'"),
        (format!("206 P\r\netag: \"a\"\r\ncontent-range: bytes 1-{size}/{size}\r\n"), "with the Content-Range"),
        (format!("206 P\r\netag: \"a\"\r\ncontent-range: bytes 0-{size}/{}\r\n", size + 1), "with the Content-Range"),
        (
            "206 P\r\netag: \"a\"\r\ncontent-range: bytes 0-18446744073709551615/1\r\n".to_owned(),
            "with the Content-Range",
        ),
    ] {
        let (_, config) = server(Bucket { response: Some(response.clone()), ..holding(bytes(3)) }).await;
        let error = source().open(&config, TIMEOUT).await.unwrap_err();
        let text = chain(&error);
        assert!(text.starts_with("expected the bytes 0 to 262143 of it; found ") && text.contains(found), "{text}");
        assert!(!error.is_retryable(), "{response}");
    }
    let (_, config) =
        server(Bucket { response: Some("206 P\r\netag: \"a\"\r\n".to_owned()), ..holding(vec![b'x'; 300_000]) }).await;
    let text = source().open(&config, TIMEOUT).await.unwrap_err().to_string();
    assert!(text.ends_with("found more bytes than that"), "{text}");
}

#[tokio::test]
async fn an_object_that_is_empty_or_ends_early_is_refused() {
    let (_, config) = server(holding(Vec::new())).await;
    let error = source().open(&config, TIMEOUT).await.unwrap_err();
    assert!(matches!(error, SnapshotError::Invalid(InvalidSnapshot::Foreign(_))), "{error:?}");
    let mut object = bytes(5_000);
    object.pop();
    let (_, config) = server(holding(object.clone())).await;
    let error = source().open(&config, TIMEOUT).await.unwrap_err();
    assert!(matches!(error, SnapshotError::Invalid(InvalidSnapshot::Size { .. })), "{error:?}");
    let part = 1_000_000..1_000_010;
    let error = get(&config, "maps", "map", &part, None, TIMEOUT).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "expected the bytes 1000000 to 1000009 of it; found that it has fewer (status 416): it was cut off, or edited"
    );
}

#[tokio::test]
async fn a_refusal_is_told_and_says_whether_to_try_again() {
    for (response, retryable) in [("403 Forbidden", false), ("503 Slow Down", true), ("301 Moved", false)] {
        let (_, config) = server(Bucket { response: Some(response.to_owned()), ..Bucket::default() }).await;
        let error = source().open(&config, TIMEOUT).await.unwrap_err();
        let expected = format!("S3 did not give or take it: the server responded with {}", &response[..3]);
        assert_eq!(chain(&error), expected);
        assert_eq!(error.is_retryable(), retryable, "{response}");
        let error = source().write(&config, &Arc::new(encoded(3))).await.unwrap_err();
        assert_eq!(chain(&error), expected);
    }
    let nothing = SdkConfig::builder().build();
    let error = source().open(&nothing, TIMEOUT).await.unwrap_err();
    assert!(matches!(error, SnapshotError::Config(_)), "{error:?}");
}

#[tokio::test]
async fn a_bucket_that_hangs_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = config(Some(&format!("http://{}", listener.local_addr().unwrap())), "eu-west-1");
    let error = source().open(&config, Duration::from_millis(200)).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
}
