//! Derived signing keys.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use sha2::digest::Key;
use sha2::{Digest, Sha256};

/// How many derived keys are kept; a client uses one for each day, region and service.
const KEPT: usize = 1024;

/// Keeps derived signing keys: four HMACs saved on each call.
#[derive(Default)]
pub struct KeyCache {
    keys: Mutex<HashMap<String, [u8; 32]>>,
}

impl std::fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyCache")
    }
}

impl KeyCache {
    /// The signing key of a secret for one day, region and service. An access key never changes its secret.
    pub(super) fn signing_key(
        &self,
        access_key: &str,
        secret: &str,
        date: &str,
        region: &str,
        service: &str,
    ) -> [u8; 32] {
        let mut name = String::with_capacity(access_key.len() + date.len() + region.len() + service.len() + 3);
        for part in [access_key, "/", date, "/", region, "/", service] {
            name.push_str(part);
        }
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = keys.get(&name) {
            return *key;
        }
        let key = derive(secret, date, region, service);
        if keys.len() >= KEPT {
            keys.clear();
        }
        keys.insert(name, key);
        key
    }
}

fn derive(secret: &str, date: &str, region: &str, service: &str) -> [u8; 32] {
    let mut first = Vec::with_capacity(4 + secret.len());
    first.extend_from_slice(b"AWS4");
    first.extend_from_slice(secret.as_bytes());
    let mut key = hmac(&first, date.as_bytes());
    for part in [region, service, "aws4_request"] {
        key = hmac(&key, part.as_bytes());
    }
    key
}

/// HMAC-SHA256.
pub(super) fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    // The block-sized key of RFC 2104, made here so that nothing can fail.
    let mut block = Key::<Hmac<Sha256>>::default();
    if key.len() <= block.len() {
        block[..key.len()].copy_from_slice(key);
    } else {
        block[..32].copy_from_slice(&Sha256::digest(key));
    }
    let mut mac = Hmac::<Sha256>::new(&block);
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Appends bytes as lower-case hex.
pub(super) fn push_hex(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, cases 2 and 6, and the key of the AWS documentation's example ("Examples of how to derive a signing key").
    #[test]
    fn known_answers() {
        let mac = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex::encode(mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let mac = hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex::encode(mac), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
        let key = derive("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20120215", "us-east-1", "iam");
        assert_eq!(hex::encode(key), "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d");
    }

    #[test]
    fn the_cache_tells_keys_apart() {
        let cache = KeyCache::default();
        let a = cache.signing_key("A", "s", "20200101", "r", "sts");
        assert_eq!(a, cache.signing_key("A", "s", "20200101", "r", "sts"));
        assert_ne!(a, cache.signing_key("B", "t", "20200101", "r", "sts"));
        assert_ne!(a, cache.signing_key("A", "s", "20200101", "r", "iam"));
    }
}
