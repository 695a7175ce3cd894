//! What a request is about: the bucket and the key that its host and path name.

use http::{HeaderMap, Uri};
use s3s::S3Result;
use s3s::host::S3Host as _;

use super::config::Domains;
use super::request::{pairs, percent_decode};
use super::store::validate_key;

/// What a request is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    /// Whether it is GetObjectAttributes.
    pub(crate) attributes: bool,
    pub(crate) bucket: Option<String>,
    pub(crate) key: Option<String>,
}

impl Target {
    pub(crate) fn new(domains: &Domains, uri: &Uri, headers: &HeaderMap) -> Self {
        let path = percent_decode(uri.path());
        let host = headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
        let named = host
            .and_then(|host| domains.parse_host_header(host).ok())
            .and_then(|host| host.bucket().map(str::to_owned));
        // Further slashes are the key's.
        let rest = path.strip_prefix('/').unwrap_or(&path);
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let (bucket, key) = match named {
            Some(bucket) => (Some(bucket), some(rest)),
            None => match rest.split_once('/') {
                Some((bucket, key)) => (some(bucket), some(key)),
                None => (some(rest), None),
            },
        };
        let attributes = pairs(uri.query()).any(|(name, value)| name == "attributes" && value.is_empty());
        Self { attributes, bucket, key }
    }

    /// Refuses a key that no object has.
    pub(crate) fn check_key(&self) -> S3Result<()> {
        match &self.key {
            Some(key) => Ok(validate_key(key)?),
            None => Ok(()),
        }
    }
}
