//! How fast to call one operation after its service has said "slower". Pure: time is passed in.
//!
//! Answers are counted in windows. A window with hardly a throttle raises the rate, slowly near the rate that was too
//! much and quickly far from it. A window with throttles lowers the rate below what the service answered, once a
//! window: only answers to calls that were sent in the window count, so that calls sent at an old rate say nothing about
//! the new one. A service that goes on throttling at rates well below what it answered does so at any rate (it is shared
//! with others, or something between is faulty): that share is then borne, for a lower rate would win nothing.

use std::time::Duration;

/// Lowest rate, in calls a second.
pub const MIN_RATE: f64 = 0.2;
/// Lowest rate to begin with, in calls a second.
pub const FIRST_RATE: f64 = 1.0;
/// A limit that was not met again for this long is forgotten.
pub const FORGET: Duration = Duration::from_secs(300);

/// Share of throttled calls that is no reason to slow down.
const TOLERATED: f64 = 0.05;
/// What a lowered rate is of the rate of answers: below it, so that the service's credit fills again.
const BELOW: f64 = 0.8;
/// Most and least that one window takes from the rate.
const LOWERED: (f64, f64) = (0.25, 0.8);
/// What a window adds to the rate near the last limit, and at most far from it.
const RAISED: (f64, f64) = (0.05, 0.5);
const LEAST_RAISED: f64 = 0.05;
/// Rates so much above the last limit are far from it.
const NEAR: f64 = 1.2;
/// So many windows in a row lower the rate in vain, when what is left of the good answers is less than this.
const IN_VAIN: u32 = 3;
const VAIN: f64 = 0.6;
/// Most that is borne.
const MOST_BORNE: f64 = 0.5;
/// Least time of a window, answers that are enough, and most time.
const WINDOW: (Duration, u32, Duration) = (Duration::from_secs(1), 20, Duration::from_secs(10));

#[derive(Debug, Clone, Copy, Default)]
struct Window {
    start: Duration,
    sent: u32,
    answered: u32,
    throttled: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Lowered {
    windows: u32,
    /// Their shares of throttled calls, together.
    shares: f64,
    /// Answers since the last of them.
    quiet: u32,
    /// The rate before them, and the rate of good answers in the first.
    before: (f64, f64),
}

/// The rate of one operation.
#[derive(Debug, Clone)]
pub(super) struct Rate {
    rate: f64,
    /// The rate of answers when the service last said "slower".
    limit: f64,
    /// What the next quiet window adds.
    step: f64,
    /// The share that is throttled at any rate, and the most that it was found to be.
    borne: (f64, f64),
    /// The windows that have lowered the rate, with hardly a quiet one between.
    lowered: Lowered,
    window: Window,
    last_throttle: Duration,
    tokens: f64,
    filled: Duration,
}

impl Rate {
    /// After the first throttle: `answered` calls a second were answered well until now.
    pub(super) fn new(answered: f64, now: Duration) -> Self {
        let rate = (answered * BELOW).max(FIRST_RATE);
        Self {
            rate,
            limit: rate,
            step: RAISED.0,
            borne: (0.0, 0.0),
            lowered: Lowered::default(),
            window: Window { start: now, ..Window::default() },
            last_throttle: now,
            tokens: 0.0,
            filled: now,
        }
    }

    /// Calls a second.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    pub(super) fn is_forgotten(&self, now: Duration) -> bool {
        now.saturating_sub(self.last_throttle) > FORGET
    }

    /// Takes a token, if there is one: a call is sent now.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        self.fill(now);
        // A timer that fires at the right moment must not miss it by the last bit of a sum.
        let free = self.tokens > 1.0 - 1e-6;
        if free {
            self.tokens -= 1.0;
            self.window.sent += 1;
        }
        free
    }

    /// How long until `calls` more can have been sent.
    pub(super) fn until(&self, calls: f64, now: Duration) -> Duration {
        let passed = now.saturating_sub(self.filled).as_secs_f64();
        let missing = (calls - self.tokens - passed * self.rate) / self.rate;
        Duration::try_from_secs_f64(missing.max(0.0)).unwrap_or(Duration::MAX)
    }

    fn fill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.filled).as_secs_f64();
        // A fraction of a second may be saved up, so that a pause does not become a burst.
        self.tokens = (self.tokens + passed * self.rate).min((self.rate / 4.0).max(1.0));
        self.filled = self.filled.max(now);
    }

    /// Learns how a call was answered that was sent at `sent`.
    pub(super) fn answered(&mut self, sent: Duration, throttled: bool, now: Duration) {
        if throttled {
            self.last_throttle = self.last_throttle.max(now);
        }
        if sent < self.window.start {
            return;
        }
        self.window.answered += 1;
        self.window.throttled += u32::from(throttled);
        let age = now.saturating_sub(self.window.start);
        if (age >= WINDOW.0 && self.window.answered >= WINDOW.1) || age >= WINDOW.2 {
            self.fill(now);
            self.learn(age.as_secs_f64());
            self.window = Window { start: now, ..Window::default() };
        }
    }

    fn learn(&mut self, age: f64) {
        let answers = f64::from(self.window.answered.max(1));
        let share = f64::from(self.window.throttled) / answers;
        let sent = f64::from(self.window.sent) / age;
        let good = sent * (1.0 - share);
        // Two standard deviations of what few answers say about a share that is borne.
        let noise = 2.0 * (self.borne.0 * (1.0 - self.borne.0) / answers).sqrt();
        if share <= self.borne.0 + TOLERATED + noise {
            // Few answers without a throttle may be luck.
            self.lowered.quiet += self.window.answered;
            if self.lowered.quiet >= WINDOW.1 {
                self.lowered = Lowered::default();
            }
            self.borne.0 = (self.borne.0 * 0.8 + share * 0.2).min(self.borne.1);
            // A limit that nobody strains says nothing about a higher one.
            if sent >= self.rate * 0.7 {
                let far = self.rate > self.limit * NEAR;
                self.step = if far { (self.step * 2.0).min(RAISED.1) } else { RAISED.0 };
                self.rate += (self.rate * self.step).max(LEAST_RAISED);
            }
            return;
        }
        self.step = RAISED.0;
        let lowered = &mut self.lowered;
        if lowered.windows == 0 {
            lowered.before = (self.rate, good);
        }
        lowered.windows += 1;
        lowered.quiet = 0;
        lowered.shares += share;
        let lowest = self.rate <= MIN_RATE;
        let same_share = share * f64::from(lowered.windows) > lowered.shares * VAIN;
        if lowered.windows >= IN_VAIN && same_share && (lowest || good < lowered.before.1 * VAIN) {
            let borne = (lowered.shares / f64::from(lowered.windows)).min(MOST_BORNE);
            self.borne = (borne, borne);
            self.rate = lowered.before.0.max(FIRST_RATE);
            self.limit = self.rate;
            self.lowered = Lowered::default();
            return;
        }
        self.limit = good.max(MIN_RATE);
        self.rate = (self.limit * BELOW).clamp(self.rate * LOWERED.0, self.rate * LOWERED.1).max(MIN_RATE);
    }
}
