//! What a request claims of its signature, before anything is checked.

use std::borrow::Cow;

use http::header::{AUTHORIZATION, DATE};
use http::request::Parts;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use super::AuthError;
use super::time::{basic, parse_basic};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Longer than every region's name.
const LONGEST_REGION: usize = 64;

/// The parts of a signature in the `Authorization` header or a presigned URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim<'a> {
    /// Access key id.
    pub access_key: Cow<'a, str>,
    /// Day of the scope, `YYYYMMDD`.
    pub date: Cow<'a, str>,
    /// Region of the scope.
    pub region: Cow<'a, str>,
    /// Signing name of the service.
    pub service: Cow<'a, str>,
    /// Names of the signed headers, `;` between them.
    pub signed_headers: Cow<'a, str>,
    /// Signature in hex.
    pub signature: Cow<'a, str>,
    /// Time of signing as it is in the string to sign.
    pub timestamp: Cow<'a, str>,
    /// Time of signing.
    pub signed_at: Timestamp,
    /// Session token.
    pub token: Option<Cow<'a, str>>,
    /// Life in seconds, of a presigned URL.
    pub expires: Option<i64>,
}

impl<'a> Claim<'a> {
    /// The claim of a request; `None` where it is not signed at all.
    ///
    /// # Errors
    /// [`AuthError::Incomplete`] with AWS's text, naming all that is missing.
    pub fn of(parts: &'a Parts) -> Result<Option<Self>, AuthError> {
        if let Some(header) = parts.headers.get(AUTHORIZATION) {
            let text =
                header.to_str().map_err(|_| incomplete("Authorization header holds characters outside ASCII"))?;
            return from_header(parts, text).map(Some);
        }
        match parts.uri.query() {
            Some(query) if query.contains("X-Amz-Algorithm=") || query.contains("X-Amz-Credential=") => {
                from_query(query).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// The service in the scope of a request's credential, well-formed or not: enough to choose who answers.
#[must_use]
pub fn scope_service(parts: &Parts) -> Option<Cow<'_, str>> {
    let credential = match parts.headers.get(AUTHORIZATION).and_then(|h| h.to_str().ok()) {
        Some(text) => {
            let start = text.find("Credential=")? + "Credential=".len();
            Cow::Borrowed(text[start..].split([',', ' ']).next()?)
        }
        None => query_value(parts.uri.query()?, "X-Amz-Credential")?,
    };
    let service = credential.rsplit('/').nth(1)?;
    Some(Cow::Owned(service.to_owned()))
}

/// The access key that a request names, in a signature of version 4 or 2, well-formed or not: for the log, before anything is
/// believed.
#[must_use]
pub fn named_access_key(parts: &Parts) -> Option<Cow<'_, str>> {
    if let Some(text) = parts.headers.get(AUTHORIZATION).and_then(|h| h.to_str().ok()) {
        let (_, rest) = text.split_once("Credential=").or_else(|| text.split_once("AWS "))?;
        return rest.split(['/', ':', ',']).next().map(Cow::Borrowed);
    }
    let query = parts.uri.query()?;
    let credential = query_value(query, "X-Amz-Credential").or_else(|| query_value(query, "AWSAccessKeyId"))?;
    Some(Cow::Owned(credential.split('/').next()?.to_owned()))
}

fn from_header<'a>(parts: &'a Parts, text: &'a str) -> Result<Claim<'a>, AuthError> {
    let (algorithm, rest) = text.split_once(' ').unwrap_or((text, ""));
    if algorithm != ALGORITHM {
        return Err(AuthError::Incomplete(format!(
            "Unsupported AWS 'algorithm': '{algorithm}'. The embedded cloud takes {ALGORITHM}."
        )));
    }
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for part in rest.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let Some((name, value)) = part.split_once('=') else {
            return Err(AuthError::Incomplete(format!(
                "'{part}' not a valid key=value pair (missing equal-sign) in Authorization header: '{text}'."
            )));
        };
        match name {
            "Credential" => credential = Some(value),
            "SignedHeaders" => signed_headers = Some(value),
            "Signature" => signature = Some(value),
            _ => {}
        }
    }
    let date = date_header(parts);
    let (Some(credential), Some(signed_headers), Some(signature), Some((timestamp, signed_at))) =
        (credential, signed_headers, signature, date.clone())
    else {
        let mut missing = String::new();
        for (name, present) in [
            ("Credential", credential.is_some()),
            ("Signature", signature.is_some()),
            ("SignedHeaders", signed_headers.is_some()),
        ] {
            if !present {
                missing.push_str(&format!("Authorization header requires '{name}' parameter. "));
            }
        }
        if date.is_none() {
            missing.push_str("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ");
        }
        return Err(AuthError::Incomplete(format!("{missing}Authorization={algorithm}")));
    };
    let token = parts.headers.get("x-amz-security-token").and_then(|h| h.to_str().ok()).map(Cow::Borrowed);
    Claim {
        access_key: Cow::Borrowed(""),
        date: Cow::Borrowed(""),
        region: Cow::Borrowed(""),
        service: Cow::Borrowed(""),
        signed_headers: Cow::Borrowed(signed_headers),
        signature: Cow::Borrowed(signature),
        timestamp,
        signed_at,
        token,
        expires: None,
    }
    .with_scope(Cow::Borrowed(credential))
}

fn date_header(parts: &Parts) -> Option<(Cow<'_, str>, Timestamp)> {
    if let Some(text) = parts.headers.get("x-amz-date") {
        let text = text.to_str().ok()?;
        return Some((Cow::Borrowed(text), parse_basic(text)?));
    }
    let text = parts.headers.get(DATE)?.to_str().ok()?;
    let time = parse_basic(text).or_else(|| Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp()))?;
    Some((Cow::Owned(basic(time)), time))
}

fn from_query(query: &str) -> Result<Claim<'_>, AuthError> {
    let mut missing = String::new();
    let mut take = |name: &'static str| {
        let value = query_value(query, name);
        if value.is_none() {
            missing.push_str(&format!("AWS query-string parameters must include '{name}'. "));
        }
        value.unwrap_or_default()
    };
    let algorithm = take("X-Amz-Algorithm");
    let credential = take("X-Amz-Credential");
    let signature = take("X-Amz-Signature");
    let signed_headers = take("X-Amz-SignedHeaders");
    let timestamp = take("X-Amz-Date");
    if !missing.is_empty() {
        return Err(AuthError::Incomplete(format!("{missing}Re-examine the query-string parameters.")));
    }
    if algorithm != ALGORITHM {
        return Err(AuthError::Incomplete(format!("Unsupported AWS 'algorithm': '{algorithm}'.")));
    }
    let Some(signed_at) = parse_basic(&timestamp) else {
        return Err(AuthError::Incomplete(format!(
            "X-Amz-Date must be in ISO-8601 'basic format'. Got '{timestamp}'."
        )));
    };
    let expires = match query_value(query, "X-Amz-Expires") {
        // Services other than S3 let a presigned URL live as long as the clock may be off.
        None => 300,
        Some(text) => text
            .parse()
            .map_err(|_| AuthError::Incomplete(format!("X-Amz-Expires should be a number. Got '{text}'.")))?,
    };
    Claim {
        access_key: Cow::Borrowed(""),
        date: Cow::Borrowed(""),
        region: Cow::Borrowed(""),
        service: Cow::Borrowed(""),
        signed_headers,
        signature,
        timestamp,
        signed_at,
        token: query_value(query, "X-Amz-Security-Token"),
        expires: Some(expires),
    }
    .with_scope(credential)
}

impl<'a> Claim<'a> {
    /// Whether the signature covers a header, named in lower case.
    #[must_use]
    pub fn signs(&self, header: &str) -> bool {
        self.signed_headers.split(';').any(|h| h == header)
    }

    /// Takes the credential apart and checks what the claim alone can tell.
    fn with_scope(mut self, credential: Cow<'a, str>) -> Result<Self, AuthError> {
        let mut parts = credential.split('/');
        let (Some(key), Some(date), Some(region), Some(service), Some(terminator), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(AuthError::Incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'"
            )));
        };
        if terminator != "aws4_request" {
            return Err(AuthError::Mismatch(format!(
                "Credential should be scoped with a valid terminator: 'aws4_request', not '{terminator}'."
            )));
        }
        // Services keep what belongs to a region under its name, in ARNs and in files.
        if region.is_empty() || region.len() > LONGEST_REGION || !region.bytes().all(of_a_region) {
            return Err(AuthError::Mismatch("Credential should be scoped to a valid region.".to_owned()));
        }
        if self.timestamp.get(..8) != Some(date) {
            return Err(AuthError::Mismatch(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{date}' != '{}', from '{}'.",
                self.timestamp.get(..8).unwrap_or_default(),
                self.timestamp
            )));
        }
        if !self.signs("host") {
            return Err(AuthError::Mismatch(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".to_owned(),
            ));
        }
        match &credential {
            Cow::Borrowed(text) => {
                let mut parts = text.split('/').map(Cow::Borrowed);
                self.access_key = parts.next().unwrap_or_default();
                self.date = parts.next().unwrap_or_default();
                self.region = parts.next().unwrap_or_default();
                self.service = parts.next().unwrap_or_default();
            }
            Cow::Owned(_) => {
                self.access_key = Cow::Owned(key.to_owned());
                self.date = Cow::Owned(date.to_owned());
                self.region = Cow::Owned(region.to_owned());
                self.service = Cow::Owned(service.to_owned());
            }
        }
        Ok(self)
    }
}

/// The decoded value of a query parameter.
fn query_value<'q>(query: &'q str, name: &str) -> Option<Cow<'q, str>> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then(|| percent_decode_str(value).decode_utf8_lossy())
    })
}

fn of_a_region(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn incomplete(text: &str) -> AuthError {
    AuthError::Incomplete(text.to_owned())
}
