//! What goes by in a body: its length, its digest, and its bytes where they are few.

use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::LONGEST;

/// Sees a body go by.
#[derive(Clone, Default)]
pub(in crate::server) struct Tap(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    bytes: u64,
    digest: Sha256,
    kept: Vec<u8>,
}

/// What went by.
pub(in crate::server) struct Taken {
    pub(super) bytes: u64,
    pub(super) sha256: String,
    /// All of it; `None` where it is long.
    pub(super) kept: Option<Vec<u8>>,
}

impl Tap {
    pub(in crate::server) fn see(&self, data: &[u8]) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.bytes += data.len() as u64;
        seen.digest.update(data);
        if seen.bytes <= LONGEST as u64 {
            seen.kept.extend_from_slice(data);
        } else {
            seen.kept = Vec::new();
        }
    }

    /// Bytes that are kept.
    pub(super) fn held(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).kept.len()
    }

    pub(super) fn take(&self) -> Taken {
        let seen = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let kept = (seen.bytes <= LONGEST as u64).then_some(seen.kept);
        Taken { bytes: seen.bytes, sha256: hex::encode(seen.digest.finalize()), kept }
    }
}
