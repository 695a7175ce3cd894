//! AWS Signature Version 4, checked as AWS checks it: in the header and in presigned URLs.
//!
//! The embedded S3 checks its own signatures (streamed bodies, single path encoding); everything else comes here.

mod canonical;
mod claim;
mod key;
mod time;

use http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

pub use claim::{Claim, named_access_key, scope_service};
pub use key::KeyCache;
pub use time::{basic, parse_basic};

/// How far a client's clock may be off, as AWS allows it.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// The longest life of a presigned URL, in seconds: seven days.
const LONGEST: i64 = 604_800;

/// Why a request is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No signature.
    #[error("Missing Authentication Token")]
    Missing,
    /// A part of the signature is missing or malformed.
    #[error("{0}")]
    Incomplete(String),
    /// The access key is not known, not active, or does not go with the session token.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The signature does not match, or its scope or time is wrong.
    #[error("{0}")]
    Mismatch(String),
    /// The session has ended.
    #[error("The security token included in the request is expired")]
    ExpiredToken,
}

/// AWS's text for a signature that does not match.
pub const DOES_NOT_MATCH: &str = "The request signature we calculated does not match the signature you provided. \
     Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

/// Checks a claimed signature against the secret of its access key; its time is [`check_time`]'s to judge.
///
/// `body_sha256` is the hash of the body that arrived, so a body that was changed or cut on the way does not pass.
///
/// # Errors
/// [`AuthError::Mismatch`] with AWS's text: not signed with this secret.
pub fn verify(
    keys: &KeyCache,
    parts: &Parts,
    body_sha256: &[u8; 32],
    claim: &Claim<'_>,
    secret: &str,
) -> Result<(), AuthError> {
    let canonical = canonical::request(parts, claim, body_sha256);
    let mut to_sign = String::with_capacity(160);
    for part in ["AWS4-HMAC-SHA256\n", &claim.timestamp, "\n", &claim.date, "/", &claim.region, "/", &claim.service] {
        to_sign.push_str(part);
    }
    to_sign.push_str("/aws4_request\n");
    key::push_hex(&mut to_sign, &Sha256::digest(canonical.as_bytes()));
    let signing_key = keys.signing_key(&claim.access_key, secret, &claim.date, &claim.region, &claim.service);
    let expected = key::hmac(&signing_key, to_sign.as_bytes());
    let mut given = [0_u8; 32];
    let well_formed = hex::decode_to_slice(claim.signature.as_bytes(), &mut given).is_ok();
    if well_formed && bool::from(expected.ct_eq(&given)) {
        Ok(())
    } else {
        Err(AuthError::Mismatch(DOES_NOT_MATCH.to_owned()))
    }
}

/// Checks the age of a claimed signature, which can be done before the body is there.
///
/// # Errors
/// [`AuthError::Mismatch`] with AWS's text: signed too long ago, or in the future; [`AuthError::Incomplete`]: a life that no
/// presigned URL can have.
pub fn check_time(claim: &Claim<'_>, now: Timestamp) -> Result<(), AuthError> {
    let signed = claim.signed_at;
    if let Some(life) = claim.expires {
        if !(1..=LONGEST).contains(&life) {
            return Err(AuthError::Incomplete(format!(
                "X-Amz-Expires must be between 1 and {LONGEST} seconds, and is {life}"
            )));
        }
        let end = signed.saturating_add(SignedDuration::from_secs(life)).unwrap_or(Timestamp::MAX);
        if now > end {
            return Err(AuthError::Mismatch(format!(
                "Signature expired: {} is now earlier than {}",
                basic(end),
                basic(now)
            )));
        }
    } else {
        let earliest = now.saturating_sub(SKEW).unwrap_or(Timestamp::MIN);
        if signed < earliest {
            return Err(AuthError::Mismatch(format!(
                "Signature expired: {} is now earlier than {} ({} - 5 min.)",
                basic(signed),
                basic(earliest),
                basic(now)
            )));
        }
    }
    let latest = now.saturating_add(SKEW).unwrap_or(Timestamp::MAX);
    if signed > latest {
        return Err(AuthError::Mismatch(format!(
            "Signature not yet current: {} is still later than {} ({} + 5 min.)",
            basic(signed),
            basic(latest),
            basic(now)
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
