//! AWS Signature Version 4 in a request's headers.

use anyhow::{Result, anyhow};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// In place of a body's hash: the signature is not over the body. S3 alone takes it.
pub const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// Access key, region and service to sign with.
#[derive(Debug, Clone)]
pub struct Signer {
    access_key: String,
    secret_key: String,
    region: String,
    service: &'static str,
}

/// The parts of a request that are signed.
pub struct Signed<'a> {
    pub method: &'a str,
    /// Absolute path, already percent-encoded, without a query.
    pub path: &'a str,
    /// What [`digest`] gives of the body, or [`UNSIGNED`].
    pub body: &'a str,
    /// Lower-case names, sorted, `host` and `x-amz-date` included.
    pub headers: &'a [(&'a str, &'a str)],
}

impl Signer {
    /// A signer for one service.
    pub fn new(access_key: &str, secret_key: &str, region: &str, service: &'static str) -> Self {
        Self { access_key: access_key.into(), secret_key: secret_key.into(), region: region.into(), service }
    }

    /// The same keys for another service.
    pub fn of(&self, service: &'static str) -> Self {
        Self { service, ..self.clone() }
    }

    /// `20150830T123600Z`.
    pub fn time(now: Timestamp) -> String {
        now.strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    /// The `Authorization` header of a request at a time as [`Signer::time`] writes it.
    pub fn authorization(&self, request: &Signed<'_>, time: &str) -> Result<String> {
        let day = time.get(..8).ok_or_else(|| anyhow!("{time} is not a time"))?;
        let names: Vec<&str> = request.headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let headers: String = request.headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let canonical = format!("{}\n{}\n\n{headers}\n{names}\n{}", request.method, request.path, request.body);
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", digest(canonical.as_bytes()));
        let mut key = mac(format!("AWS4{}", self.secret_key).as_bytes(), day)?;
        for part in [&self.region, self.service, "aws4_request"] {
            key = mac(&key, part)?;
        }
        let signature = hex::encode(mac(&key, &text)?);
        Ok(format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.access_key
        ))
    }
}

/// SHA-256 as hexadecimal text.
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn mac(key: &[u8], text: &str) -> Result<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
    mac.update(text.as_bytes());
    Ok(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    // `get-vanilla` of AWS's published Signature Version 4 test suite.
    #[test]
    fn the_published_example_has_its_signature() {
        let signer = Signer::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service");
        let request = Signed {
            method: "GET",
            path: "/",
            body: &digest(b""),
            headers: &[("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")],
        };
        let header = signer.authorization(&request, "20150830T123600Z").unwrap();
        assert!(
            header.ends_with("Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            "{header}"
        );
    }

    #[test]
    fn times_are_written_as_the_protocol_wants() {
        assert_eq!(Signer::time("2015-08-30T12:36:00Z".parse().unwrap()), "20150830T123600Z");
    }
}
