//! Which identity a request acts as: the key's secret for the signature, then its token.

use std::sync::Arc;

use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::PostObjectInput;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result, s3_error};
use subtle::ConstantTimeEq as _;

use super::error::{message, not_implemented};
use super::identity::{Caller, Credentials};

/// The identity that [`S3Access::check`] leaves on the request for the operations.
#[derive(Clone)]
pub(crate) struct Authenticated(pub(crate) Caller);

/// Looks keys up for `s3s`.
#[derive(Clone)]
pub(crate) struct Identities(pub(crate) Arc<dyn Credentials>);

impl Identities {
    fn lookup(&self, access_key: &str) -> S3Result<Caller> {
        let caller = self.0.lookup(access_key).ok_or_else(|| refused(S3ErrorCode::InvalidAccessKeyId))?;
        if caller.expired {
            return Err(refused(S3ErrorCode::ExpiredToken));
        }
        Ok(caller)
    }
}

#[async_trait::async_trait]
impl S3Auth for Identities {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        Ok(SecretKey::from(self.lookup(access_key)?.secret_key))
    }
}

#[async_trait::async_trait]
impl S3Access for Identities {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(credentials) = context.credentials() else {
            return Err(s3_error!(
                AccessDenied,
                "Access Denied: anonymous requests are not allowed, sign the request."
            ));
        };
        let caller = self.lookup(&credentials.access_key)?;
        let sent = security_token(context);
        let matches = match (&caller.session_token, &sent) {
            (Some(token), Some(sent)) => token.as_bytes().ct_eq(sent.as_bytes()).into(),
            (None, None) => true,
            _ => false,
        };
        if !matches {
            return Err(refused(S3ErrorCode::InvalidToken));
        }
        if let Some(unsigned) = unsigned_headers(context) {
            return Err(s3_error!(
                AccessDenied,
                "There were headers present in the request which were not signed: {unsigned}"
            ));
        }
        if let Some(unknown) = unknown_to_s3s(context) {
            return Err(not_implemented(unknown));
        }
        context.extensions_mut().insert(Authenticated(caller));
        Ok(())
    }

    /// A form upload goes on as a PutObject, for which the name of its file is lost.
    async fn post_object(&self, request: &mut S3Request<PostObjectInput>) -> S3Result<()> {
        if request.input.key.contains("${filename}") {
            return Err(not_implemented(
                "${filename} in the key of a form upload is not implemented: name the key in full.",
            ));
        }
        Ok(())
    }
}

/// The session token, from the header or from a presigned query (of signature version 4 or 2).
fn security_token(context: &S3AccessContext<'_>) -> Option<String> {
    const NAME: &str = "x-amz-security-token";
    if let Some(value) = context.headers().get(NAME) {
        return value.to_str().ok().map(str::to_owned);
    }
    let query = context.uri().query()?;
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case(NAME))
        .map(|(_, value)| super::request::percent_decode(value))
}

/// The headers that a signature of version 4 has to cover and does not: a presigned upload must not become the copy of
/// another object. (Version 2 covers all of them by itself.)
fn unsigned_headers(context: &S3AccessContext<'_>) -> Option<String> {
    // What the string to sign holds anyway, and the token, which is compared.
    const BOUND: [&str; 3] = ["x-amz-content-sha256", "x-amz-date", "x-amz-security-token"];
    let signed = signed_headers(context)?;
    let mut unsigned: Vec<&str> = context
        .headers()
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| *name == "host" || (name.starts_with("x-amz-") && !BOUND.contains(name)))
        .filter(|name| !signed.split(';').any(|one| one == *name))
        .collect();
    unsigned.sort_unstable();
    (!unsigned.is_empty()).then(|| unsigned.join(", "))
}

/// What the service model has and `s3s` does not know, and would take for a plain request on the object or bucket:
/// parameters that name an operation, and headers that change what a write does.
fn unknown_to_s3s(context: &S3AccessContext<'_>) -> Option<String> {
    const OF_OBJECTS: &[(&str, &str)] = &[
        ("annotation", "object annotations"),
        ("encryption", "UpdateObjectEncryption"),
        ("renameObject", "RenameObject"),
    ];
    const OF_BUCKETS: &[(&str, &str)] = &[
        ("abac", "attribute-based access control of a bucket"),
        ("metadataAnnotationTable", "UpdateBucketMetadataAnnotationTableConfiguration"),
        ("metadataConfiguration", "a bucket's metadata configuration"),
        ("metadataInventoryTable", "UpdateBucketMetadataInventoryTableConfiguration"),
        ("metadataJournalTable", "UpdateBucketMetadataJournalTableConfiguration"),
    ];
    const HEADERS: &[&str] = &[
        "x-amz-bucket-namespace",
        "x-amz-checksum-md5",
        "x-amz-checksum-sha512",
        "x-amz-checksum-xxhash128",
        "x-amz-checksum-xxhash3",
        "x-amz-checksum-xxhash64",
        "x-amz-object-lock-event-hold",
    ];
    let known = if context.s3_path().as_object().is_some() { OF_OBJECTS } else { OF_BUCKETS };
    let names = context.uri().query().unwrap_or_default().split('&').map(|pair| pair.split('=').next().unwrap_or(pair));
    for name in names {
        if let Some((_, what)) = known.iter().find(|(parameter, _)| *parameter == name) {
            return Some(format!("S3 {what} is not supported by the embedded cloud"));
        }
    }
    let value = |name: &str| context.headers().get(name).and_then(|value| value.to_str().ok());
    let trailers: Vec<&str> = value("x-amz-trailer").unwrap_or_default().split(',').map(str::trim).collect();
    // `global` is what every bucket is here.
    let sent = |name: &str| value(name).is_some_and(|value| value != "global") || trailers.contains(&name);
    let name = HEADERS.iter().find(|name| sent(name))?;
    Some(format!("The header {name} is not supported by the embedded cloud: leave it out."))
}

/// `SignedHeaders` of a signature of version 4, in the header or in a presigned query.
fn signed_headers(context: &S3AccessContext<'_>) -> Option<String> {
    if let Some(header) = context.headers().get(http::header::AUTHORIZATION) {
        let text = header.to_str().ok()?.strip_prefix("AWS4-")?;
        let (_, rest) = text.split_once("SignedHeaders=")?;
        return rest.split([',', ' ']).next().map(str::to_owned);
    }
    let pairs = context.uri().query()?.split('&').filter_map(|pair| pair.split_once('='));
    let mut found = pairs.filter(|(name, _)| *name == "X-Amz-SignedHeaders");
    found.next().map(|(_, value)| super::request::percent_decode(value))
}

fn refused(code: S3ErrorCode) -> S3Error {
    let text = message(code.as_str());
    let mut error = S3Error::new(code);
    // AWS answers 403 to an unknown key and 400 to a wrong or expired token.
    if let Some(text) = text {
        error.set_message(text);
    }
    error
}
