//! Fingerprints: short texts that distinguish values.

use sha2::{Digest, Sha256};

/// The first `length` hexadecimal digits of a text's SHA-256.
pub fn fingerprint(text: &str, length: usize) -> String {
    let mut out = hex::encode(Sha256::digest(text.as_bytes()));
    out.truncate(length);
    out
}
