//! Ids of requests: unique, and not to be guessed.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Builder;

/// A new id. The system is asked for randomness once, and not for each request.
pub(super) fn new() -> String {
    static KEYED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let half = |which: u8| u128::from(KEYED.hash_one((count, which)));
    Builder::from_random_bytes((half(0) << 64 | half(1)).to_be_bytes()).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_differ_and_look_random() {
        let ids: std::collections::HashSet<String> = (0..1000).map(|_| super::new()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 36 && id.as_bytes()[14] == b'4'), "{ids:?}");
    }
}
