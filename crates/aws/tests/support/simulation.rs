//! A service that throttles, and callers that call it through a rate limiter, in simulated time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use sagewright_aws::rate_limiter::{MIN_RATE, RateLimiter, Ticket, Turn};
use sagewright_port::Priority;

/// When a service throttles.
#[derive(Debug, Clone, Copy)]
pub enum Throttling {
    /// At more than `rate` calls a second, after `credit` calls.
    Bucket { rate: f64, credit: f64 },
    /// This share of all calls.
    Share(f64),
}

/// What was seen in a stretch of time.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    pub answered: u32,
    pub throttled: u32,
    /// Longest time that a call waited for its turn, in seconds.
    pub longest_wait: f64,
}

impl Seen {
    pub fn throttled_share(&self) -> f64 {
        f64::from(self.throttled) / f64::from((self.answered + self.throttled).max(1))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A caller has a new call.
    Call,
    /// A call reaches the service.
    Arrives(Ticket, Duration),
    /// A call is answered.
    Answered(Ticket, Duration, bool),
}

pub struct Simulation {
    pub service: Throttling,
    latency: f64,
    limiter: RateLimiter<u8>,
    now: Duration,
    events: BinaryHeap<Reverse<(Duration, Event)>>,
    entered: HashMap<Ticket, Duration>,
    credit: (f64, Duration),
    random: u64,
    seen: Seen,
}

impl Simulation {
    /// Callers that each make one call after another.
    pub fn new(service: Throttling, latency: f64, callers: usize, seed: u64) -> Self {
        let credit = match service {
            Throttling::Bucket { credit, .. } => credit,
            Throttling::Share(_) => 0.0,
        };
        Self {
            service,
            latency,
            limiter: RateLimiter::default(),
            now: Duration::from_secs(1_000),
            events: (0..callers).map(|_| Reverse((Duration::from_secs(1_000), Event::Call))).collect(),
            entered: HashMap::new(),
            credit: (credit, Duration::from_secs(1_000)),
            random: seed | 1,
            seen: Seen::default(),
        }
    }

    /// A number from 0 to 1.
    fn random(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn later(&mut self, mean: f64) -> Duration {
        let share = 0.5 + self.random();
        self.now + Duration::from_secs_f64(mean * share)
    }

    fn throttles(&mut self) -> bool {
        match self.service {
            Throttling::Share(share) => self.random() < share,
            Throttling::Bucket { rate, credit } => {
                let passed = (self.now - self.credit.1).as_secs_f64();
                self.credit = ((self.credit.0 + passed * rate).min(credit), self.now);
                let throttled = self.credit.0 < 1.0;
                self.credit.0 -= f64::from(u8::from(!throttled));
                throttled
            }
        }
    }

    fn enter(&mut self, ticket: Ticket) {
        self.entered.insert(ticket, self.now);
        if self.limiter.enter(&0, ticket, None, self.now) == Turn::Now {
            self.send(ticket);
        }
    }

    fn send(&mut self, ticket: Ticket) {
        let waited = (self.now - self.entered.remove(&ticket).unwrap()).as_secs_f64();
        self.seen.longest_wait = self.seen.longest_wait.max(waited);
        let at = self.later(self.latency / 2.0);
        self.events.push(Reverse((at, Event::Arrives(ticket, self.now))));
    }

    /// Lets time pass.
    pub fn run(&mut self, seconds: f64) -> Seen {
        self.seen = Seen::default();
        let end = self.now + Duration::from_secs_f64(seconds);
        loop {
            let due = self.limiter.until_due(self.now).map(|pause| self.now + pause + Duration::from_micros(1));
            let next = self.events.peek().map(|Reverse((at, _))| *at);
            let Some(now) = [due, next].into_iter().flatten().min().filter(|now| *now <= end) else { break };
            self.now = now;
            if next == Some(now)
                && let Some(Reverse((_, event))) = self.events.pop()
            {
                self.handle(event);
            }
            for (ticket, in_time) in self.limiter.due(self.now) {
                assert!(in_time);
                self.send(ticket);
            }
            assert!(self.limiter.rate(&0).is_none_or(|rate| rate >= MIN_RATE));
        }
        self.now = end;
        self.seen.clone()
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Call => {
                let of = [Priority::Background, Priority::Progress, Priority::Interactive];
                let priority = of[(self.random() * 2.999) as usize];
                let ticket = self.limiter.ticket(priority);
                self.enter(ticket);
            }
            Event::Arrives(ticket, sent) => {
                let throttled = self.throttles();
                let at = self.later(self.latency / 2.0);
                self.events.push(Reverse((at, Event::Answered(ticket, sent, throttled))));
            }
            Event::Answered(ticket, sent, throttled) => {
                self.limiter.answered(&0, sent, throttled, self.now);
                if throttled {
                    self.seen.throttled += 1;
                    self.enter(ticket);
                } else {
                    self.seen.answered += 1;
                    let at = self.later(0.01);
                    self.events.push(Reverse((at, Event::Call)));
                }
            }
        }
    }
}
