//! How fast to call after a service has said "slower". Pure: time is passed in.
//!
//! Additive increase and multiplicative decrease over a token bucket per key. A key that was never throttled has
//! no bucket and never waits; a bucket that has recovered is dropped again.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// Slowest pace, in calls a second.
pub const MIN_RATE: f64 = 0.2;
/// Pace at which the limit is forgotten, in calls a second.
pub const FREE_RATE: f64 = 50.0;
/// What a throttle leaves of the pace.
pub const DECREASE: f64 = 0.5;
/// What a success adds to the pace, in calls a second.
pub const INCREASE: f64 = 0.25;
/// Pace after a first throttle whose own pace is unknown, in calls a second.
pub const FIRST_RATE: f64 = 5.0;
/// Throttles closer together than this are one: calls in flight at the same moment fail together.
pub const SAME_EVENT: Duration = Duration::from_millis(500);
/// A limit that was not met again for this long is forgotten.
pub const FORGET: Duration = Duration::from_secs(300);

#[derive(Debug, Clone)]
struct Bucket {
    rate: f64,
    tokens: f64,
    filled: Duration,
    throttled: Duration,
}

/// Token buckets by key.
#[derive(Debug)]
pub struct Pacer<K> {
    buckets: HashMap<K, Bucket>,
    recent: HashMap<K, Recent>,
}

/// How many calls began in this second and the one before.
#[derive(Debug, Clone, Default)]
struct Recent {
    second: u64,
    count: u32,
    before: u32,
}

impl<K: Eq + Hash + Clone> Default for Pacer<K> {
    fn default() -> Self {
        Self { buckets: HashMap::new(), recent: HashMap::new() }
    }
}

impl<K: Eq + Hash + Clone> Pacer<K> {
    /// Takes a place in the queue; returns how long to wait for it. Zero for a key that was not throttled.
    pub fn reserve(&mut self, key: &K, now: Duration) -> Duration {
        self.count(key, now);
        let Some(bucket) = self.buckets.get_mut(key) else { return Duration::ZERO };
        if now.saturating_sub(bucket.throttled) > FORGET {
            self.buckets.remove(key);
            return Duration::ZERO;
        }
        bucket.fill(now);
        bucket.tokens -= 1.0;
        if bucket.tokens >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(-bucket.tokens / bucket.rate) }
    }

    /// Learns that a call was answered without a throttle.
    pub fn succeeded(&mut self, key: &K, now: Duration) {
        if let Some(bucket) = self.buckets.get_mut(key) {
            bucket.fill(now);
            bucket.rate += INCREASE;
            if bucket.rate >= FREE_RATE || now.saturating_sub(bucket.throttled) > FORGET {
                self.buckets.remove(key);
            }
        }
    }

    /// Learns that a call was throttled.
    pub fn throttled(&mut self, key: &K, now: Duration) {
        if let Some(bucket) = self.buckets.get_mut(key) {
            bucket.fill(now);
            if now.saturating_sub(bucket.throttled) >= SAME_EVENT {
                bucket.rate = (bucket.rate * DECREASE).max(MIN_RATE);
                bucket.tokens = bucket.tokens.min(0.0);
            }
            bucket.throttled = now;
            return;
        }
        let measured = self.recent.get(key).map_or(0.0, |r| f64::from(r.count.max(r.before)));
        let rate = if measured > 0.0 { measured * DECREASE } else { FIRST_RATE };
        let rate = rate.clamp(MIN_RATE, FREE_RATE * DECREASE);
        self.buckets.insert(key.clone(), Bucket { rate, tokens: 0.0, filled: now, throttled: now });
    }

    /// The current limit in calls a second; none for a key that is not limited.
    #[must_use]
    pub fn rate(&self, key: &K) -> Option<f64> {
        self.buckets.get(key).map(|b| b.rate)
    }

    fn count(&mut self, key: &K, now: Duration) {
        let second = now.as_secs();
        if !self.recent.contains_key(key) {
            // Only the last two seconds matter, so a long-lived process keeps no more than is active.
            if self.recent.len() >= 1024 {
                self.recent.retain(|_, r| r.second + 1 >= second);
            }
            self.recent.insert(key.clone(), Recent { second, count: 0, before: 0 });
        }
        if let Some(recent) = self.recent.get_mut(key) {
            if recent.second != second {
                recent.before = if recent.second + 1 == second { recent.count } else { 0 };
                recent.second = second;
                recent.count = 0;
            }
            recent.count = recent.count.saturating_add(1);
        }
    }
}

impl Bucket {
    fn fill(&mut self, now: Duration) {
        let elapsed = now.saturating_sub(self.filled).as_secs_f64();
        // One second's worth may be saved up, so that a pause does not become a burst.
        self.tokens = (self.tokens + elapsed * self.rate).min(self.rate.max(1.0));
        self.filled = self.filled.max(now);
    }
}
