//! Identifiers and secrets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Secret;

const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// 32 bytes with 256 bits of the operating system's randomness, condensed from three random UUIDs of 122 bits each.
fn bytes() -> [u8; 32] {
    let mut hash = Sha256::new();
    for _ in 0..3 {
        hash.update(Uuid::new_v4().as_bytes());
    }
    hash.finalize().into()
}

/// A unique id as IAM makes them: a prefix (`AROA` role, `AIDA` user) and 17 letters.
#[must_use]
pub fn unique_id(prefix: &str) -> String {
    letters(prefix, 17)
}

/// An access key id: `AKIA` for a user's key, `ASIA` for a session's, and 16 letters.
#[must_use]
pub fn access_key_id(prefix: &str) -> String {
    letters(prefix, 16)
}

fn letters(prefix: &str, count: usize) -> String {
    let random = bytes();
    let tail = random.iter().take(count).map(|b| char::from(LETTERS[usize::from(b & 31)]));
    prefix.chars().chain(tail).collect()
}

/// 40 characters, as AWS's secret keys have.
pub(super) fn secret() -> String {
    STANDARD.encode(&bytes()[..30])
}

/// What a program shows to be let in: 64 hexadecimal digits.
#[must_use]
pub fn pass() -> Secret {
    Secret::new(bytes().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A session token.
pub(super) fn token() -> String {
    let mut long = Vec::with_capacity(160);
    for _ in 0..5 {
        long.extend_from_slice(&bytes());
    }
    format!("IQoJ{}", STANDARD.encode(&long[..156]))
}
