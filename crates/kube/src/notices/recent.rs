//! Events that say the same within a moment: SageMaker may send several for one change, and SQS may give one twice. Pure: times are
//! passed in.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use sagewright_engine::watch::ContentHash;
use tokio::time::Instant;

/// How long an event is remembered.
const MOMENT: Duration = Duration::from_secs(10);
/// Events that are remembered at most.
const MOST: usize = 4_096;

/// What was said a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    said: HashSet<ContentHash>,
    order: VecDeque<(Instant, ContentHash)>,
}

impl Recent {
    /// Whether this was not said a moment ago; it is remembered.
    pub(crate) fn is_new(&mut self, content: ContentHash, now: Instant) -> bool {
        while let Some((at, oldest)) = self.order.front().copied()
            && (at + MOMENT <= now || self.order.len() >= MOST)
        {
            self.order.pop_front();
            self.said.remove(&oldest);
        }
        let is_new = self.said.insert(content);
        if is_new {
            self.order.push_back((now, content));
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_same_within_a_moment_is_said_once_and_little_is_kept() {
        let start = Instant::now();
        let content = |i: usize| ContentHash::of(&json!(i), &[]);
        let mut recent = Recent::default();
        for (what, millis, is_new) in
            [(1, 0, true), (1, 900, false), (2, 900, true), (1, 9_900, false), (1, 10_000, true), (2, 10_800, false)]
        {
            let now = start + Duration::from_millis(millis);
            assert_eq!(recent.is_new(content(what), now), is_new, "{what} after {millis} ms");
        }
        assert!((0..3 * MOST).all(|i| recent.is_new(content(i), start + Duration::from_secs(60))));
        assert!(recent.order.len() <= MOST && recent.said.len() == recent.order.len());
    }
}
