//! An S3 object, read in parts or written whole. Three kinds of requests do not need a client of their own: they are signed
//! here and go over the configuration's HTTP client.

#[cfg(test)]
mod server;
#[cfg(test)]
mod tests;
mod url;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use cellstack_aws::fetch::{FetchError, Fetched, OK, PARTIAL_CONTENT};
use cellstack_aws::pieces;
use cellstack_aws::signed::{SignedError, Unsigned};
use cellstack_core::hex::sha256;
use cellstack_core::snapshot::Encoded;
use cellstack_core::text::excerpt;

use self::url::url;
use super::SnapshotError;

/// A part of an object.
#[derive(Debug)]
pub(super) struct Part {
    /// The version of the object.
    pub(super) etag: String,
    /// The bytes of the whole object.
    pub(super) size: u64,
    /// The bytes of the part, fewer than asked for where the object ends before.
    pub(super) bytes: Vec<u8>,
}

/// S3's name in a signature.
const SERVICE: &str = "s3";
/// Longest `ETag` that is kept and sent back, in bytes. S3's have 34 to 40.
const ETAG_MAX: usize = 256;
/// Longest response to a write that is read, in bytes. S3's is empty.
const CONFIRMATION_MAX: usize = 64 * 1024;

/// Reads a part of an object: of any version, or of the one with this `ETag`.
pub(super) async fn get(
    config: &SdkConfig,
    bucket: &str,
    key: &str,
    part: &Range<u64>,
    etag: Option<&str>,
    timeout: Duration,
) -> Result<Part, SnapshotError> {
    let last = part.end.saturating_sub(1);
    let limit = usize::try_from(part.end.saturating_sub(part.start)).unwrap_or(usize::MAX);
    let mut headers = vec![("range", format!("bytes={}-{last}", part.start))];
    headers.extend(etag.map(|etag| ("if-match", etag.to_owned())));
    let (url, body) = (url(config, bucket, key)?, SdkBody::empty());
    let request = Unsigned { service: SERVICE, method: "GET", url, headers, sha256: sha256(""), body };
    let fetched = match call(config, request, PARTIAL_CONTENT, limit, timeout).await {
        Err(SnapshotError::S3(FetchError::Status { status, .. })) if status == OK => {
            return Err(SnapshotError::part(part, "all of it (status 200): the server does not return parts"));
        }
        Err(SnapshotError::S3(FetchError::Status { status: 412, .. })) => return Err(SnapshotError::Replaced),
        // No part of an empty object can be asked for.
        Err(SnapshotError::S3(FetchError::Status { status: 416, .. })) if etag.is_none() && part.start == 0 => {
            return Ok(Part { etag: String::new(), size: 0, bytes: Vec::new() });
        }
        Err(SnapshotError::S3(FetchError::Status { status: 416, .. })) => {
            return Err(SnapshotError::part(part, "that it has fewer (status 416): it was cut off, or edited"));
        }
        Err(SnapshotError::S3(FetchError::TooLarge(_))) => {
            return Err(SnapshotError::part(part, "more bytes than that"));
        }
        fetched => fetched?,
    };
    returned(part, fetched)
}

/// Checks that a response has the part that was asked for.
fn returned(part: &Range<u64>, fetched: Fetched) -> Result<Part, SnapshotError> {
    let Fetched { etag, content_range, body } = fetched;
    let etag = etag.filter(|etag| etag.len() <= ETAG_MAX).ok_or_else(|| SnapshotError::part(part, "no usable ETag"))?;
    let range = content_range.as_deref().unwrap_or_default();
    let is_whole = |(first, last, size): &(u64, u64, u64)| {
        let end = part.end.min(*size);
        (*first, last.checked_add(1)) == (part.start, Some(end)) && body.len() as u64 == end.saturating_sub(part.start)
    };
    match content(range).filter(is_whole) {
        Some((_, _, size)) => Ok(Part { etag, size, bytes: body }),
        None => {
            let found = format!("{} bytes with the Content-Range '{}'", body.len(), excerpt(range));
            Err(SnapshotError::part(part, found))
        }
    }
}

/// Reads a `Content-Range`: first byte, last byte and size of the object.
fn content(range: &str) -> Option<(u64, u64, u64)> {
    let (part, size) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = part.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?, size.parse().ok()?))
}

/// Writes an object.
pub(super) async fn put(
    config: &SdkConfig,
    bucket: &str,
    key: &str,
    snapshot: &Arc<Encoded>,
    timeout: Duration,
) -> Result<(), SnapshotError> {
    let sent = Arc::clone(snapshot);
    let body = pieces::body(snapshot.size(), (0..).map_while(move |number| sent.piece(number)));
    let (url, sha256) = (url(config, bucket, key)?, snapshot.sha256());
    let request = Unsigned { service: SERVICE, method: "PUT", url, headers: Vec::new(), sha256, body };
    call(config, request, OK, CONFIRMATION_MAX, timeout).await.map(drop)
}

async fn call(
    config: &SdkConfig,
    request: Unsigned,
    expected: u16,
    limit: usize,
    timeout: Duration,
) -> Result<Fetched, SnapshotError> {
    request.send(config, expected, limit, timeout).await.map_err(|error| match error {
        SignedError::Config(text) => SnapshotError::Config(text),
        SignedError::Fetch(FetchError::Status { status: 404, ref excerpt }) if !excerpt.contains("NoSuchBucket") => {
            SnapshotError::Missing
        }
        SignedError::Fetch(error) => SnapshotError::S3(error),
    })
}
