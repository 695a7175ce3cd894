//! The pace of throttled calls, with time passed in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::type_complexity)]

use std::time::Duration;

use proptest::prelude::*;
use sagewright_aws::pacer::{DECREASE, FIRST_RATE, FORGET, FREE_RATE, INCREASE, MIN_RATE, Pacer, SAME_EVENT};

const KEY: &str = "ListModels";

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn a_throttle_halves_the_measured_pace_and_successes_raise_it() {
    let mut pacer = Pacer::default();
    for i in 0..20 {
        assert_eq!(pacer.reserve(&KEY, secs(100.0 + f64::from(i) * 0.05)), Duration::ZERO);
    }
    assert_eq!(pacer.rate(&KEY), None);
    pacer.throttled(&KEY, secs(101.0));
    assert_eq!(pacer.rate(&KEY), Some(20.0 * DECREASE));
    pacer.throttled(&KEY, secs(101.1));
    assert_eq!(pacer.rate(&KEY), Some(20.0 * DECREASE), "calls in flight together are one event");
    pacer.throttled(&KEY, secs(101.2) + SAME_EVENT);
    assert_eq!(pacer.rate(&KEY), Some(20.0 * DECREASE * DECREASE));
    pacer.succeeded(&KEY, secs(102.0));
    assert_eq!(pacer.rate(&KEY), Some(20.0 * DECREASE * DECREASE + INCREASE));
}

#[test]
fn queued_calls_are_spread_over_time() {
    let mut pacer = Pacer::default();
    pacer.throttled(&KEY, secs(0.0));
    let waits: Vec<f64> = (0..5).map(|_| pacer.reserve(&KEY, secs(0.0)).as_secs_f64()).collect();
    for (i, wait) in waits.iter().enumerate() {
        assert!((wait - (i + 1) as f64 / FIRST_RATE).abs() < 1e-9, "{waits:?}");
    }
}

#[test]
fn a_limit_is_forgotten_after_recovery_and_after_a_while() {
    let mut pacer = Pacer::default();
    pacer.throttled(&KEY, secs(0.0));
    let mut successes = 0;
    while pacer.rate(&KEY).is_some() {
        pacer.succeeded(&KEY, secs(1.0));
        successes += 1;
    }
    assert_eq!(f64::from(successes), ((FREE_RATE - FIRST_RATE) / INCREASE).ceil());
    pacer.throttled(&KEY, secs(2.0));
    assert_eq!(pacer.reserve(&KEY, secs(3.0) + FORGET), Duration::ZERO);
    assert_eq!(pacer.rate(&KEY), None);
}

/// What happens next: how much later, and what.
#[derive(Debug, Clone)]
enum Event {
    Call,
    Success,
    Throttle,
}

fn events(throttles: bool) -> impl Strategy<Value = Vec<(u64, Event)>> {
    let kinds = if throttles {
        prop_oneof![4 => Just(Event::Call), 2 => Just(Event::Success), 1 => Just(Event::Throttle)].boxed()
    } else {
        prop_oneof![Just(Event::Call), Just(Event::Success)].boxed()
    };
    proptest::collection::vec((0_u64..5_000, kinds), 0..200)
}

proptest! {
    #[test]
    fn calls_never_wait_before_a_throttle(events in events(false)) {
        let mut pacer = Pacer::default();
        let mut now = Duration::ZERO;
        for (later, event) in events {
            now += Duration::from_millis(later % 50);
            match event {
                Event::Call => prop_assert_eq!(pacer.reserve(&KEY, now), Duration::ZERO),
                _ => pacer.succeeded(&KEY, now),
            }
        }
    }

    #[test]
    fn the_pace_stays_within_its_limits_and_one_key_does_not_slow_another(events in events(true)) {
        let mut pacer = Pacer::default();
        let mut now = Duration::ZERO;
        for (later, event) in events {
            now += Duration::from_millis(later);
            match event {
                Event::Call => {
                    let wait = pacer.reserve(&KEY, now);
                    prop_assert!(wait.as_secs_f64() <= 201.0 / MIN_RATE);
                    prop_assert_eq!(pacer.reserve(&"other", now), Duration::ZERO);
                }
                Event::Success => pacer.succeeded(&KEY, now),
                Event::Throttle => pacer.throttled(&KEY, now),
            }
            if let Some(rate) = pacer.rate(&KEY) {
                prop_assert!((MIN_RATE..FREE_RATE).contains(&rate), "{}", rate);
            }
        }
    }

    #[test]
    fn no_window_holds_more_calls_than_the_pace_and_one_burst(gaps in proptest::collection::vec(0_u64..400, 1..200)) {
        let mut pacer = Pacer::default();
        pacer.throttled(&KEY, Duration::ZERO);
        let mut now = Duration::ZERO;
        let starts: Vec<f64> = gaps.iter().map(|gap| {
            now += Duration::from_millis(*gap);
            (now + pacer.reserve(&KEY, now)).as_secs_f64()
        }).collect();
        for (i, from) in starts.iter().enumerate() {
            for (j, to) in starts.iter().enumerate().skip(i) {
                let allowed = (to - from) * FIRST_RATE + FIRST_RATE + 1.0 + 1e-6;
                prop_assert!((j - i) as f64 <= allowed, "{} calls in {}s", j - i + 1, to - from);
            }
        }
    }
}
