//! Rates and queues of throttled calls, with time passed in and against a simulated service.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::type_complexity)]

use std::time::Duration;

use proptest::prelude::*;
use sagewright_aws::rate_limiter::{FIRST_RATE, FORGET, MIN_RATE, MOST_KEYS, PASSED_OVER, RateLimiter, Ticket, Turn};
use sagewright_port::Priority;
use simulation::{Simulation, Throttling};

#[path = "support/simulation.rs"]
mod simulation;

const KEY: &str = "ListModels";

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// A limiter whose key was throttled at the start.
fn limited() -> RateLimiter<&'static str> {
    let mut limiter = RateLimiter::default();
    limiter.answered(&KEY, Duration::ZERO, true, Duration::ZERO);
    limiter
}

fn enter(
    limiter: &mut RateLimiter<&'static str>,
    priority: Priority,
    deadline: Option<f64>,
    now: f64,
) -> (Ticket, Turn) {
    let ticket = limiter.ticket(priority);
    (ticket, limiter.enter(&KEY, ticket, deadline.map(secs), secs(now)))
}

/// The calls that go from `now` on, in order, with the time of each.
fn drain(limiter: &mut RateLimiter<&'static str>, mut now: f64) -> Vec<(Ticket, bool, f64)> {
    let mut order = Vec::new();
    while let Some(pause) = limiter.until_due(secs(now)) {
        now += pause.as_secs_f64() + 1e-6;
        order.extend(limiter.due(secs(now)).into_iter().map(|(ticket, in_time)| (ticket, in_time, now)));
    }
    order
}

#[test]
fn a_limit_begins_below_what_was_answered_and_is_forgotten_after_a_while() {
    let mut limiter = RateLimiter::default();
    for i in 0..20 {
        assert_eq!(enter(&mut limiter, Priority::Interactive, None, 100.0).1, Turn::Now);
        limiter.answered(&KEY, secs(100.0), false, secs(100.0 + f64::from(i) * 0.04));
    }
    assert_eq!(limiter.rate(&KEY), None);
    limiter.answered(&KEY, secs(100.0), true, secs(101.0));
    assert_eq!(limiter.rate(&KEY), Some(16.0));
    assert_eq!(enter(&mut limiter, Priority::Interactive, None, 102.0).1, Turn::Now);
    assert_eq!(limiter.rate(&KEY), Some(16.0));
    assert_eq!(enter(&mut limiter, Priority::Interactive, None, 102.0 + FORGET.as_secs_f64()).1, Turn::Now);
    assert_eq!(limiter.rate(&KEY), None);
}

#[test]
fn calls_that_were_sent_at_an_old_rate_do_not_lower_the_new_one() {
    let mut limiter = RateLimiter::default();
    for i in 0..200 {
        limiter.answered(&KEY, secs(0.0), i >= 20, secs(f64::from(i) * 0.05));
    }
    assert_eq!(limiter.rate(&KEY), Some(16.0), "180 calls that were in flight together are one throttle");
}

#[test]
fn a_higher_priority_goes_first_and_equals_in_the_order_of_their_arrival() {
    let mut limiter = limited();
    let of = [Priority::Background, Priority::Progress, Priority::Interactive];
    let tickets: Vec<Ticket> = [0, 1, 2, 0, 1, 2].map(|i| enter(&mut limiter, of[i], None, 0.0).0).into();
    let order: Vec<Ticket> = drain(&mut limiter, 0.0).into_iter().map(|(ticket, ..)| ticket).collect();
    assert_eq!(order, [2, 5, 1, 4, 0, 3].map(|i| tickets[i]));
}

#[test]
fn a_call_that_is_throttled_keeps_its_place() {
    let mut limiter = limited();
    let (first, _) = enter(&mut limiter, Priority::Progress, None, 0.0);
    assert_eq!(limiter.due(secs(1.0)), [(first, true)]);
    let (second, _) = enter(&mut limiter, Priority::Progress, None, 1.0);
    assert_eq!(limiter.enter(&KEY, first, None, secs(1.1)), Turn::Waits);
    let order: Vec<Ticket> = drain(&mut limiter, 1.1).into_iter().map(|(ticket, ..)| ticket).collect();
    assert_eq!(order, [first, second]);
}

#[test]
fn a_lower_priority_is_not_passed_over_for_ever() {
    let mut limiter = limited();
    let (low, _) = enter(&mut limiter, Priority::Background, None, 0.0);
    (0..30).for_each(|_| _ = enter(&mut limiter, Priority::Interactive, None, 0.0));
    let order = drain(&mut limiter, 0.0);
    assert_eq!(order.iter().position(|(ticket, ..)| *ticket == low), Some(PASSED_OVER as usize));
}

#[test]
fn a_deadline_is_a_time_and_not_a_length_of_waiting() {
    let mut limiter = RateLimiter::default();
    limiter.answered(&KEY, secs(100.0), true, secs(100.0));
    (0..50).for_each(|_| _ = enter(&mut limiter, Priority::Progress, None, 100.0));
    let late = |turn| matches!(turn, Turn::TooLate { wait, .. } if wait < secs(110.0));
    let (_, turn) = enter(&mut limiter, Priority::Progress, Some(110.0), 100.0);
    assert!(late(turn), "{turn:?}");
    let (_, turn) = enter(&mut limiter, Priority::Progress, Some(200.0), 100.0);
    assert_eq!(turn, Turn::Waits);
}

#[test]
fn a_deadline_that_cannot_be_met_is_told_at_once_and_one_that_is_missed_when_it_passes() {
    let mut limiter = limited();
    (0..2000).for_each(|_| _ = enter(&mut limiter, Priority::Progress, None, 0.0));
    let (_, turn) = enter(&mut limiter, Priority::Progress, Some(10.0), 0.0);
    let Turn::TooLate { wait, ahead } = turn else { panic!("{turn:?}") };
    assert_eq!((ahead, wait), (2000, secs(2001.0 / FIRST_RATE)));
    assert_eq!(limiter.waiting(&KEY), 2000, "it is not in the queue");
    let (urgent, turn) = enter(&mut limiter, Priority::Interactive, Some(10.0), 0.0);
    assert_eq!(turn, Turn::Waits, "the others do not go before it");
    assert_eq!(limiter.due(secs(1.0)), [(urgent, true)]);

    let mut limiter = limited();
    let (patient, _) = enter(&mut limiter, Priority::Progress, Some(1.5), 0.0);
    (0..3).for_each(|_| _ = enter(&mut limiter, Priority::Interactive, None, 0.0));
    let order = drain(&mut limiter, 0.0);
    let (_, in_time, at) = order.iter().find(|(ticket, ..)| *ticket == patient).copied().unwrap();
    assert!(!in_time && (1.5..1.6).contains(&at), "{order:?}");
}

#[test]
fn a_call_that_leaves_makes_room_for_those_behind_it() {
    let mut limiter = limited();
    let tickets: Vec<Ticket> = (0..5).map(|_| enter(&mut limiter, Priority::Progress, Some(60.0), 0.0).0).collect();
    tickets[..4].iter().for_each(|ticket| limiter.leave(&KEY, *ticket));
    limiter.leave(&KEY, tickets[0]);
    assert_eq!(limiter.waiting(&KEY), 1);
    assert_eq!(limiter.due(secs(1.0)), [(tickets[4], true)]);
    assert_eq!((limiter.waiting(&KEY), limiter.until_due(secs(1.0))), (0, None));
}

#[test]
fn keys_that_are_remembered_are_bounded() {
    let mut limiter = RateLimiter::default();
    for key in 0..5_000_u32 {
        limiter.answered(&key, secs(f64::from(key)), key % 2 == 0, secs(f64::from(key)));
    }
    assert!(limiter.keys() <= MOST_KEYS, "{}", limiter.keys());
    assert!(limiter.rate(&4_998).is_some());
}

/// What happens next: how much later, and what.
#[derive(Debug, Clone)]
enum Event {
    Call(Priority, Option<u64>),
    Answer { throttled: bool, took: u64 },
    Leave(usize),
}

fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let priorities = prop_oneof![Just(Priority::Background), Just(Priority::Progress), Just(Priority::Interactive)];
    let kinds = prop_oneof![
        6 => (priorities, proptest::option::of(0_u64..20_000)).prop_map(|(p, d)| Event::Call(p, d)),
        4 => (any::<bool>(), 0_u64..3_000).prop_map(|(throttled, took)| Event::Answer { throttled, took }),
        1 => any::<usize>().prop_map(Event::Leave),
    ];
    proptest::collection::vec((0_u64..2_000, kinds), 0..300)
}

proptest! {
    #[test]
    fn every_call_goes_once_or_is_too_late_or_leaves_and_the_rate_has_a_minimum(events in events()) {
        let mut limiter = limited();
        let mut now = Duration::ZERO;
        let mut waiting: Vec<(Ticket, Option<Duration>)> = Vec::new();
        for (later, event) in events {
            now += Duration::from_millis(later);
            match event {
                Event::Call(priority, deadline) => {
                    let deadline = deadline.map(|d| now + Duration::from_millis(d));
                    let ticket = limiter.ticket(priority);
                    match limiter.enter(&KEY, ticket, deadline, now) {
                        Turn::Waits => waiting.push((ticket, deadline)),
                        Turn::Now => prop_assert!(waiting.is_empty(), "it goes before those that wait"),
                        Turn::TooLate { wait, .. } => prop_assert!(now + wait > deadline.unwrap()),
                    }
                    let other = limiter.ticket(priority);
                    prop_assert_eq!(limiter.enter(&"other", other, deadline, now), Turn::Now);
                }
                Event::Answer { throttled, took } => {
                    limiter.answered(&KEY, now.saturating_sub(Duration::from_millis(took)), throttled, now);
                }
                Event::Leave(i) if !waiting.is_empty() => {
                    let (ticket, _) = waiting.remove(i % waiting.len());
                    limiter.leave(&KEY, ticket);
                }
                Event::Leave(_) => {}
            }
            for (ticket, in_time) in limiter.due(now) {
                let i = waiting.iter().position(|(t, _)| *t == ticket).expect("a call goes that does not wait");
                let (_, deadline) = waiting.remove(i);
                prop_assert_eq!(in_time, deadline.is_none_or(|d| d >= now));
            }
            prop_assert_eq!(limiter.waiting(&KEY), waiting.len());
            prop_assert!(limiter.rate(&KEY).is_none_or(|rate| rate >= MIN_RATE));
        }
        let left = drain(&mut limiter, now.as_secs_f64());
        prop_assert_eq!(left.len(), waiting.len());
    }
}

/// A service with a token bucket: its rate, its credit, how long it takes to answer, how many call it.
fn services() -> impl Strategy<Value = (f64, f64, f64, usize, u64)> {
    (4.0_f64..80.0, 5.0_f64..40.0, 0.02_f64..1.0, 150_usize..400, any::<u64>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn the_rate_comes_near_what_the_service_takes_and_few_calls_are_throttled(
        (rate, credit, latency, callers, seed) in services()
    ) {
        let mut world = Simulation::new(Throttling::Bucket { rate, credit }, latency, callers, seed);
        world.run(180.0);
        let seen = world.run(240.0);
        let answered = seen.answered as f64 / 240.0;
        prop_assert!(answered > 0.7 * rate, "{answered} of {rate} a second: {seen:?}");
        prop_assert!(seen.throttled_share() < 0.18, "{rate} a second: {seen:?}");
        prop_assert!(seen.longest_wait < 10.0 * callers as f64 / rate + 30.0, "starved: {seen:?}");
    }

    #[test]
    fn the_rate_follows_a_service_that_takes_more_and_one_that_takes_less(
        (rate, credit, latency, callers, seed) in services()
    ) {
        let bucket = |rate| Throttling::Bucket { rate, credit };
        let mut world = Simulation::new(bucket(rate), latency, callers, seed);
        world.run(120.0);
        for changed in [rate / 4.0, rate] {
            world.service = bucket(changed);
            world.run(120.0);
            let seen = world.run(120.0);
            let answered = seen.answered as f64 / 120.0;
            prop_assert!(answered > 0.6 * changed, "{answered} of {changed} a second: {seen:?}");
            prop_assert!(seen.throttled_share() < 0.2, "{changed} a second: {seen:?}");
        }
    }

    #[test]
    fn throttles_that_no_rate_avoids_do_not_bring_calls_to_a_stop(share in 0.05_f64..0.4, latency in 0.02_f64..0.5, seed in any::<u64>()) {
        let mut world = Simulation::new(Throttling::Share(share), latency, 100, seed);
        world.run(120.0);
        let seen = world.run(240.0);
        // At the lowest rate there would be fewer than 48.
        prop_assert!(seen.answered > 75, "{seen:?}");
    }
}
