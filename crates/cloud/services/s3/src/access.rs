//! Which identity a request acts as: the key's secret for the signature, then its token.

use std::sync::Arc;

use http::{HeaderMap, Uri};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3ErrorCode, S3Result, s3_error};
use subtle::ConstantTimeEq as _;

use super::error::{Detail as _, plain};
use super::identity::{Caller, Credentials};
use super::request::{pairs, percent_decode};

/// The identity that [`Identities::admit`] leaves on the request for the operations.
#[derive(Clone)]
pub(crate) struct Authenticated(pub(crate) Caller);

/// Looks keys up for `s3s`.
#[derive(Clone)]
pub(crate) struct Identities(pub(crate) Arc<dyn Credentials>);

impl Identities {
    pub(crate) async fn lookup(&self, access_key: &str) -> S3Result<Caller> {
        let caller = self
            .0
            .lookup(access_key)
            .await
            .ok_or_else(|| plain(S3ErrorCode::InvalidAccessKeyId).detail("AWSAccessKeyId", access_key))?;
        if caller.expired {
            return Err(plain(S3ErrorCode::ExpiredToken));
        }
        Ok(caller)
    }
}

#[async_trait::async_trait]
impl S3Auth for Identities {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        Ok(SecretKey::from(self.lookup(access_key).await?.secret_key))
    }
}

impl Identities {
    /// Who signed a request whose signature is right: refused unless the token is the key's own and the signature
    /// covers all that it has to.
    pub(crate) async fn admit(&self, access_key: &str, uri: &Uri, headers: &HeaderMap) -> S3Result<Authenticated> {
        let caller = self.with_token(access_key, security_token(uri, headers).as_deref()).await?;
        match unsigned_headers(uri, headers) {
            Some(unsigned) => {
                Err(s3_error!(AccessDenied, "There were headers present in the request which were not signed")
                    .detail("HeadersNotSigned", unsigned))
            }
            None => Ok(caller),
        }
    }

    /// The identity of a key, when the token is the key's own.
    pub(crate) async fn with_token(&self, access_key: &str, sent: Option<&str>) -> S3Result<Authenticated> {
        let caller = self.lookup(access_key).await?;
        let matches = match (&caller.session_token, sent) {
            (Some(token), Some(sent)) => token.as_bytes().ct_eq(sent.as_bytes()).into(),
            (None, None) => true,
            _ => false,
        };
        if !matches {
            return Err(plain(S3ErrorCode::InvalidToken));
        }
        Ok(Authenticated(caller))
    }
}

/// The session token, from the header or from a presigned query (of signature version 4 or 2).
fn security_token(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    const NAME: &str = "x-amz-security-token";
    if let Some(value) = headers.get(NAME) {
        return value.to_str().ok().map(str::to_owned);
    }
    pairs(uri.query()).find(|(name, _)| name.eq_ignore_ascii_case(NAME)).map(|(_, value)| percent_decode(value))
}

/// The headers that a signature of version 4 has to cover and does not: a presigned upload must not become the copy of
/// another object. (Version 2 covers all of them by itself.)
fn unsigned_headers(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    // What the string to sign holds anyway, and the token, which is compared.
    const BOUND: [&str; 3] = ["x-amz-content-sha256", "x-amz-date", "x-amz-security-token"];
    let signed = signed_headers(uri, headers)?;
    let mut unsigned: Vec<&str> = headers
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| *name == "host" || (name.starts_with("x-amz-") && !BOUND.contains(name)))
        .filter(|name| !signed.split(';').any(|one| one == *name))
        .collect();
    unsigned.sort_unstable();
    (!unsigned.is_empty()).then(|| unsigned.join(", "))
}

/// `SignedHeaders` of a signature of version 4, in the header or in a presigned query.
fn signed_headers(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    if let Some(header) = headers.get(http::header::AUTHORIZATION) {
        let text = header.to_str().ok()?.strip_prefix("AWS4-")?;
        let (_, rest) = text.split_once("SignedHeaders=")?;
        return rest.split([',', ' ']).next().map(str::to_owned);
    }
    let mut found = pairs(uri.query()).filter(|(name, _)| *name == "X-Amz-SignedHeaders");
    found.next().map(|(_, value)| percent_decode(value))
}
