//! The place of an object.

use aws_types::SdkConfig;
use cellstack_aws::signed::{domain, endpoint};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::snapshot::SnapshotError;

/// The bytes of a key that need no escape in a path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// Returns the object's URL: at the configured endpoint, else at the Region's. A bucket whose name has dots is part of
/// the path, since the Region's certificate does not cover it as a host name.
pub(super) fn url(config: &SdkConfig, bucket: &str, key: &str) -> Result<String, SnapshotError> {
    let key = utf8_percent_encode(key, PATH);
    if let Some(endpoint) = endpoint(config, "S3") {
        return Ok(format!("{endpoint}/{bucket}/{key}"));
    }
    let region = config.region().ok_or_else(|| SnapshotError::Config("no region is configured".to_owned()))?;
    let domain = domain(region.as_ref());
    Ok(if bucket.contains('.') {
        format!("https://s3.{region}.{domain}/{bucket}/{key}")
    } else {
        format!("https://{bucket}.s3.{region}.{domain}/{key}")
    })
}

#[cfg(test)]
mod tests {
    use super::super::server::config;
    use super::*;

    #[test]
    fn an_object_is_at_its_bucket_in_the_region_or_at_the_endpoint() {
        let url = |endpoint, region, bucket| url(&config(endpoint, region), bucket, "a b/ü+.json").unwrap();
        let key = "a%20b/%C3%BC%2B.json";
        assert_eq!(url(None, "eu-central-1", "maps"), format!("https://maps.s3.eu-central-1.amazonaws.com/{key}"));
        assert_eq!(url(None, "cn-north-1", "maps"), format!("https://maps.s3.cn-north-1.amazonaws.com.cn/{key}"));
        assert_eq!(url(None, "us-east-1", "my.maps"), format!("https://s3.us-east-1.amazonaws.com/my.maps/{key}"));
        assert_eq!(url(Some("http://127.0.0.1:9/"), "us-east-1", "maps"), format!("http://127.0.0.1:9/maps/{key}"));
    }
}
