//! Who calls next, and when, after a service has said "slower". Pure: time is passed in.
//!
//! A key (an operation of an account in a region) that was never throttled has no limit and no queue. One that was
//! has a rate, and its calls wait in a queue: those of a higher priority go first, and one of equal priority goes in the
//! order of its first arrival. A call of a lower priority is not passed over for ever.

mod rate;
mod turns;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::time::Duration;

use rate::Rate;
pub use rate::{FIRST_RATE, FORGET, MIN_RATE};
use sagewright_port::cloud::Priority;
pub(crate) use turns::{Key, Stopwatch, TooLate, Turns};

/// After so many calls in a row that went before one of a lower priority that had come earlier, that one goes.
pub const PASSED_OVER: u32 = 9;
/// Keys that are remembered at most.
pub const MOST_KEYS: usize = 1024;

/// A call's place in a queue, kept when the call is throttled and comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket {
    number: u64,
    priority: Priority,
}

/// What becomes of a call that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It may be sent now.
    Now,
    /// It waits.
    Waits,
    /// Its turn would come after its deadline; it is not in the queue.
    TooLate {
        /// How long it would have to wait, at the present rate.
        wait: Duration,
        /// How many calls would go before it.
        ahead: usize,
    },
}

/// The queue and the rate of one key.
#[derive(Debug, Default)]
struct Lane {
    rate: Option<Rate>,
    /// Deadlines of the calls that wait, by number: one queue a priority, the lowest first.
    queues: [BTreeMap<u64, Option<Duration>>; 3],
    deadlines: BTreeSet<(Duration, Ticket)>,
    passed_over: u32,
    /// Good answers in this second and the one before.
    answers: (u64, u32, u32),
    used: Duration,
}

/// Rates and queues by key.
#[derive(Debug)]
pub struct RateLimiter<K> {
    lanes: HashMap<K, Lane>,
    /// The keys whose calls wait: few of those that are remembered, and looked through with each answer.
    waiting: HashSet<K>,
    tickets: u64,
}

impl<K> Default for RateLimiter<K> {
    fn default() -> Self {
        Self { lanes: HashMap::new(), waiting: HashSet::new(), tickets: 0 }
    }
}

impl<K: Eq + Hash + Clone> RateLimiter<K> {
    /// A place for a new call.
    pub fn ticket(&mut self, priority: Priority) -> Ticket {
        self.tickets += 1;
        Ticket { number: self.tickets, priority }
    }

    /// A call comes, for the first time or after a throttle.
    pub fn enter(&mut self, key: &K, ticket: Ticket, deadline: Option<Duration>, now: Duration) -> Turn {
        let Some(lane) = self.lanes.get_mut(key) else { return Turn::Now };
        lane.used = now;
        if lane.len() == 0 && lane.rate.as_ref().is_some_and(|rate| rate.is_forgotten(now)) {
            lane.rate = None;
        }
        let waiting = lane.len();
        let Some(rate) = &mut lane.rate else { return Turn::Now };
        if waiting == 0 && rate.take(now) {
            return Turn::Now;
        }
        let ahead = lane.ahead(ticket);
        let wait = lane.rate.as_ref().map_or(Duration::ZERO, |rate| rate.until(ahead as f64 + 1.0, now));
        if deadline.is_some_and(|deadline| now.saturating_add(wait) > deadline) {
            return Turn::TooLate { wait, ahead };
        }
        lane.queues[ticket.priority as usize].insert(ticket.number, deadline);
        if let Some(deadline) = deadline {
            lane.deadlines.insert((deadline, ticket));
        }
        if waiting == 0 {
            self.waiting.insert(key.clone());
        }
        Turn::Waits
    }

    /// A call leaves the queue without having been sent.
    pub fn leave(&mut self, key: &K, ticket: Ticket) {
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.remove(ticket);
            if lane.len() == 0 {
                self.waiting.remove(key);
            }
        }
    }

    /// The calls whose turn it is, and those whose deadline has passed, which leave the queue: `true` for the first.
    pub fn due(&mut self, now: Duration) -> Vec<(Ticket, bool)> {
        let mut due = Vec::new();
        let lanes = &mut self.lanes;
        self.waiting.retain(|key| {
            let Some(lane) = lanes.get_mut(key) else { return false };
            while let Some((_, ticket)) = lane.deadlines.first().copied().filter(|(deadline, _)| *deadline < now) {
                lane.remove(ticket);
                due.push((ticket, false));
            }
            while lane.len() > 0 && lane.rate.as_mut().is_none_or(|rate| rate.take(now)) {
                let Some(ticket) = lane.next() else { break };
                due.push((ticket, true));
            }
            lane.len() > 0
        });
        due
    }

    /// How long until [`RateLimiter::due`] has something to give; none while nobody waits.
    #[must_use]
    pub fn until_due(&self, now: Duration) -> Option<Duration> {
        let lanes = self.waiting.iter().filter_map(|key| self.lanes.get(key));
        let turn = |lane: &Lane| lane.rate.as_ref().map_or(Duration::ZERO, |rate| rate.until(1.0, now));
        let late = |lane: &Lane| lane.deadlines.first().map(|(deadline, _)| deadline.saturating_sub(now));
        lanes.map(|lane| late(lane).map_or(turn(lane), |late| late.min(turn(lane)))).min()
    }

    /// Learns how a call was answered that was sent at `sent`.
    pub fn answered(&mut self, key: &K, sent: Duration, throttled: bool, now: Duration) {
        if !self.lanes.contains_key(key) {
            self.make_room(now);
            self.lanes.insert(key.clone(), Lane::default());
        }
        let Some(lane) = self.lanes.get_mut(key) else { return };
        lane.used = now;
        match &mut lane.rate {
            Some(rate) => rate.answered(sent, throttled, now),
            None => {
                let (second, count, before) = &mut lane.answers;
                if *second != now.as_secs() {
                    *before = if *second + 1 == now.as_secs() { *count } else { 0 };
                    (*second, *count) = (now.as_secs(), 0);
                }
                if throttled {
                    lane.rate = Some(Rate::new(f64::from((*count).max(*before)), now));
                } else {
                    *count = count.saturating_add(1);
                }
            }
        }
    }

    /// A key that only answered lately is no loss; among the others, those that were used longest ago go: many at once, for
    /// each new key would look through all otherwise.
    fn make_room(&mut self, now: Duration) {
        if self.lanes.len() < MOST_KEYS {
            return;
        }
        let lately = Duration::from_secs(2);
        self.lanes.retain(|_, lane| lane.len() > 0 || lane.rate.is_some() || now.saturating_sub(lane.used) < lately);
        if self.lanes.len() < MOST_KEYS {
            return;
        }
        let idle = self.lanes.iter().filter(|(_, lane)| lane.len() == 0);
        let mut idle: Vec<_> = idle.map(|(key, lane)| (lane.used, key.clone())).collect();
        idle.sort_by_key(|(used, _)| *used);
        for (_, key) in idle.into_iter().take(MOST_KEYS / 16) {
            self.lanes.remove(&key);
        }
    }

    /// The present limit in calls a second; none for a key that is not limited.
    #[must_use]
    pub fn rate(&self, key: &K) -> Option<f64> {
        self.lanes.get(key)?.rate.as_ref().map(Rate::rate)
    }

    /// How many calls wait.
    #[must_use]
    pub fn waiting(&self, key: &K) -> usize {
        self.lanes.get(key).map_or(0, Lane::len)
    }

    /// How many keys are remembered.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.lanes.len()
    }
}

impl Lane {
    fn len(&self) -> usize {
        self.queues.iter().map(BTreeMap::len).sum()
    }

    /// How many of those that wait go before a call, as far as is known now.
    fn ahead(&self, ticket: Ticket) -> usize {
        let level = ticket.priority as usize;
        let higher: usize = self.queues[level + 1..].iter().map(BTreeMap::len).sum();
        let lower: usize = self.queues[..level].iter().map(BTreeMap::len).sum();
        // A call that comes again goes before those that came after it, which are few.
        let equal = self.queues[level].len();
        let equal = if self.queues[level].keys().next_back().is_some_and(|last| *last > ticket.number) {
            self.queues[level].range(..ticket.number).count()
        } else {
            equal
        };
        let before = higher + equal;
        before + lower.min(before / PASSED_OVER as usize)
    }

    fn remove(&mut self, ticket: Ticket) {
        if let Some(Some(deadline)) = self.queues[ticket.priority as usize].remove(&ticket.number) {
            self.deadlines.remove(&(deadline, ticket));
        }
    }

    /// Takes the call that goes next out of the queue.
    fn next(&mut self) -> Option<Ticket> {
        let first =
            |priority: Priority| self.queues[priority as usize].keys().next().map(|n| Ticket { number: *n, priority });
        let levels = [Priority::Interactive, Priority::Progress, Priority::Background];
        let best = levels.into_iter().find_map(first)?;
        let oldest = levels.into_iter().filter_map(first).min_by_key(|ticket| ticket.number)?;
        let passes = oldest != best;
        let next = if passes && self.passed_over >= PASSED_OVER { oldest } else { best };
        self.passed_over = if passes && next == best { self.passed_over + 1 } else { 0 };
        self.remove(next);
        Some(next)
    }
}
