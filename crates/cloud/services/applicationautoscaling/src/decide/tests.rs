use proptest::prelude::*;
use serde_json::json;

use super::*;

const NOW: i64 = 1_000_000_000;

fn situation(capacity: u32, min: u32, max: u32) -> Situation {
    let bounds = Bounds { min, max };
    Situation { capacity, busy: false, bounds, suspended: Suspended::default(), last: None, now: NOW }
}

fn high(value: f64, target: f64) -> Signal<'static> {
    Signal::Tracking { target, value, direction: Direction::Out, others: &[] }
}

fn low(value: f64, target: f64, others: &[Other]) -> Signal<'_> {
    Signal::Tracking { target, value, direction: Direction::In, others }
}

fn last(from: u32, to: u32, ended: Option<i64>) -> Option<Last> {
    Some(Last { from, to, ended, cooldown: 300_000 })
}

fn steps(kind: &str, steps: &[(Option<f64>, Option<f64>, i64)], least: Option<i64>) -> Steps {
    read_steps(&config(kind, steps, least)).unwrap()
}

fn config(kind: &str, steps: &[(Option<f64>, Option<f64>, i64)], least: Option<i64>) -> Value {
    let steps: Vec<Value> = steps
        .iter()
        .map(|(lower, upper, amount)| {
            json!({"MetricIntervalLowerBound": lower, "MetricIntervalUpperBound": upper, "ScalingAdjustment": amount})
        })
        .collect();
    json!({"AdjustmentType": kind, "StepAdjustments": steps, "MinAdjustmentMagnitude": least})
}

#[test]
fn target_tracking_brings_the_metric_to_its_target() {
    use Reason::*;
    use Verdict::*;
    for (capacity, bounds, signal, verdict) in [
        (1, (1, 10), high(140.0, 70.0), Scale(2)),
        (2, (1, 10), high(71.0, 70.0), Scale(3)),
        (2, (1, 10), high(700.0, 70.0), Scale(10)),
        (10, (1, 10), high(700.0, 70.0), Not(AtMax { max: 10 })),
        // Set by hand beyond the bounds.
        (12, (1, 10), high(700.0, 70.0), Not(AtMax { max: 10 })),
        (0, (0, 5), high(6.0, 5.0), Scale(2)),
        (10, (1, 10), low(14.0, 70.0, &[]), Scale(2)),
        (10, (3, 10), low(14.0, 70.0, &[]), Scale(3)),
        (3, (0, 10), low(0.0, 5.0, &[]), Scale(0)),
        (12, (1, 10), low(65.0, 70.0, &[]), Scale(10)),
        (3, (3, 10), low(14.0, 70.0, &[]), Not(AtMin { min: 3 })),
        // Two would have 90 each.
        (3, (1, 10), low(60.0, 70.0, &[]), Not(Flapping { current: 3 })),
        (10, (1, 10), low(63.0, 70.0, &[]), Scale(9)),
        (1, (1, 10), high(f64::INFINITY, 70.0), Quiet),
    ] {
        let situation = situation(capacity, bounds.0, bounds.1);
        assert_eq!(decide(&signal, &situation), verdict, "{capacity} in {bounds:?}: {signal:?}");
    }
}

#[test]
fn all_tracking_policies_have_to_agree_on_less_and_the_largest_capacity_wins() {
    let other = |ready, value| Other { ready, target: 50.0, value };
    for (others, verdict) in [
        (vec![other(true, Some(20.0))], Verdict::Scale(4)),
        (vec![other(true, Some(5.0))], Verdict::Scale(2)),
        (vec![other(true, Some(5.0)), other(true, Some(35.0))], Verdict::Scale(7)),
        (vec![other(false, Some(5.0))], Verdict::Quiet),
        (vec![other(true, None)], Verdict::Quiet),
    ] {
        assert_eq!(decide(&low(14.0, 70.0, &others), &situation(10, 1, 10)), verdict, "{others:?}");
    }
}

#[test]
fn a_step_is_chosen_by_the_distance_from_the_threshold() {
    // As in the documentation: a threshold of 60.
    let percent = steps(
        "PercentChangeInCapacity",
        &[
            (Some(0.0), Some(10.0), 0),
            (Some(10.0), Some(20.0), 10),
            (Some(20.0), None, 30),
            (Some(-10.0), Some(0.0), 0),
            (Some(-20.0), Some(-10.0), -10),
            (None, Some(-20.0), -30),
        ],
        None,
    );
    for (beyond, wanted) in
        [(0.0, 10), (9.9, 10), (10.0, 11), (20.0, 13), (99.0, 13), (-10.0, 9), (-9.9, 10), (-20.0, 7), (-19.9, 9)]
    {
        assert_eq!(percent.adjusted(beyond, 10), Some(wanted), "{beyond}");
    }
    let out = steps("ChangeInCapacity", &[(Some(0.0), Some(15.0), 1), (Some(15.0), None, 2)], None);
    for (beyond, wanted) in [(-1.0, None), (0.0, Some(4)), (14.9, Some(4)), (15.0, Some(5))] {
        assert_eq!(out.adjusted(beyond, 3), wanted, "{beyond}");
    }
    let back = steps("ChangeInCapacity", &[(None, Some(0.0), -5)], None);
    for (beyond, wanted) in [(0.0, Some(0)), (-1.0, Some(0)), (0.1, None)] {
        assert_eq!(back.adjusted(beyond, 3), wanted, "{beyond}");
    }
    assert_eq!(steps("ExactCapacity", &[(Some(0.0), None, 4)], None).adjusted(7.0, 1), Some(4));
}

#[test]
fn a_percentage_is_rounded_towards_none_and_is_one_at_least() {
    for (percent, least, capacity, wanted) in [
        (127, None, 10, 22),
        (10, None, 9, 10),
        (-6, None, 10, 9),
        (-67, None, 10, 4),
        (25, Some(2), 4, 6),
        (-25, Some(3), 4, 1),
        (50, None, 0, 0),
        (50, Some(2), 0, 2),
        (0, Some(2), 4, 4),
    ] {
        let steps = steps("PercentChangeInCapacity", &[(Some(0.0), None, percent)], least);
        assert_eq!(steps.adjusted(0.0, capacity), Some(wanted), "{percent} % of {capacity}, at least {least:?}");
    }
}

#[test]
fn ranges_of_steps_have_neither_gaps_nor_overlaps() {
    for (kind, given, least, wrong) in [
        ("ChangeInCapacity", &[][..], None, "At least one step"),
        ("ChangeInCapacity", &[(None, None, 1)], None, "a lower bound, an upper bound, or both"),
        ("ChangeInCapacity", &[(Some(5.0), Some(5.0), 1)], None, "below its upper bound"),
        ("ChangeInCapacity", &[(Some(0.0), Some(5.0), 1)], None, "one must have no upper bound"),
        ("ChangeInCapacity", &[(Some(-5.0), Some(0.0), 1)], None, "one must have no lower bound"),
        ("ChangeInCapacity", &[(Some(0.0), Some(5.0), 1), (Some(6.0), None, 2)], None, "a gap between 5 and 6"),
        ("ChangeInCapacity", &[(Some(0.0), Some(5.0), 1), (Some(4.0), None, 2)], None, "overlap between 4 and 5"),
        (
            "ChangeInCapacity",
            &[(Some(0.0), None, 1), (Some(4.0), None, 2)],
            None,
            "At most one step adjustment can have no upper",
        ),
        (
            "ChangeInCapacity",
            &[(None, Some(0.0), 1), (None, Some(4.0), 2)],
            None,
            "At most one step adjustment can have no lower",
        ),
        ("ChangeInCapacity", &[(Some(0.0), None, 1), (Some(1.0), Some(2.0), 1)], None, "must not overlap"),
        ("ExactCapacity", &[(Some(0.0), None, -1)], None, "non-negative"),
        ("ExactCapacity", &[(Some(0.0), None, 1)], Some(1), "only for the adjustment type Percent"),
        ("PercentChangeInCapacity", &[(Some(0.0), None, 1)], Some(0), "at least 1"),
        ("", &[(Some(0.0), None, 1)], None, "AdjustmentType is required"),
    ] {
        let told = read_steps(&config(kind, given, least)).unwrap_err();
        assert!(told.contains(wrong), "{kind} {given:?}: {told}");
    }
    let many: Vec<_> = (0..21).map(|at| (Some(f64::from(at)), (at < 20).then(|| f64::from(at + 1)), 1)).collect();
    assert!(read_steps(&config("ChangeInCapacity", &many, None)).unwrap_err().contains("at most 20"));
    read_steps(&config("ChangeInCapacity", &many[1..], None)).unwrap();
}

#[test]
fn within_the_cooldown_of_a_scale_out_what_was_added_counts() {
    let up = |amount| steps("ChangeInCapacity", &[(Some(0.0), None, amount)], None);
    let (two, three) = (up(2), up(3));
    let signal = |steps| Signal::Step { steps, beyond: 1.0 };
    for (last, wanted) in [
        // Two more, again: they are there.
        (last(1, 3, None), [Verdict::Quiet, Verdict::Scale(4)]),
        (last(1, 3, Some(NOW - 299_999)), [Verdict::Quiet, Verdict::Scale(4)]),
        (last(1, 3, Some(NOW - 300_000)), [Verdict::Scale(5), Verdict::Scale(6)]),
        // It was set by hand since.
        (last(1, 4, Some(NOW)), [Verdict::Scale(5), Verdict::Scale(6)]),
        // A scale-in stops nothing.
        (last(5, 3, Some(NOW)), [Verdict::Scale(5), Verdict::Scale(6)]),
    ] {
        let situation = Situation { last: last.clone(), ..situation(3, 1, 10) };
        assert_eq!([decide(&signal(&two), &situation), decide(&signal(&three), &situation)], wanted, "{last:?}");
    }
    let situation = Situation { last: last(2, 4, Some(NOW)), ..situation(4, 1, 10) };
    assert_eq!(decide(&high(140.0, 70.0), &situation), Verdict::Quiet);
    assert_eq!(decide(&high(211.0, 70.0), &situation), Verdict::Scale(7));
}

#[test]
fn within_the_cooldown_of_a_scale_in_nothing_is_taken_away() {
    let down = steps("ChangeInCapacity", &[(None, Some(0.0), -1)], None);
    let step = Signal::Step { steps: &down, beyond: -1.0 };
    for (last, step_verdict, verdict) in [
        (last(5, 4, Some(NOW - 299_999)), Verdict::Quiet, Verdict::Quiet),
        (last(5, 4, Some(NOW - 300_000)), Verdict::Scale(3), Verdict::Scale(1)),
        (last(3, 4, Some(NOW)), Verdict::Scale(3), Verdict::Scale(1)),
    ] {
        let situation = Situation { last, ..situation(4, 1, 10) };
        assert_eq!(decide(&step, &situation), step_verdict, "{situation:?}");
        assert_eq!(decide(&low(14.0, 70.0, &[]), &situation), verdict, "{situation:?}");
    }
}

#[test]
fn what_is_suspended_or_busy_does_not_scale() {
    let (out, back) = (high(140.0, 70.0), low(14.0, 70.0, &[]));
    let of = |dynamic_out, dynamic_in, busy| Situation {
        suspended: Suspended { dynamic_in, dynamic_out, scheduled: false },
        busy,
        ..situation(5, 1, 10)
    };
    let unscalable = Verdict::Not(Reason::Unscalable);
    assert_eq!(
        [decide(&out, &of(true, false, false)), decide(&back, &of(true, false, false))],
        [Verdict::Quiet, Verdict::Scale(1)]
    );
    assert_eq!(
        [decide(&out, &of(false, true, true)), decide(&back, &of(false, true, true))],
        [unscalable, Verdict::Quiet]
    );
}

#[test]
fn a_step_that_leads_nowhere_says_so() {
    let exact = steps("ExactCapacity", &[(Some(0.0), None, 3)], None);
    let signal = Signal::Step { steps: &exact, beyond: 1.0 };
    assert_eq!(decide(&signal, &situation(3, 1, 10)), Verdict::Not(Reason::AtDesired { current: 3 }));
    assert_eq!(decide(&signal, &situation(4, 4, 10)), Verdict::Not(Reason::AtMin { min: 4 }));
    let none = Signal::Step { steps: &exact, beyond: -1.0 };
    assert_eq!(decide(&none, &situation(4, 1, 10)), Verdict::Quiet);
}

fn any_situation() -> impl Strategy<Value = Situation> {
    let last = prop::option::of((0u32..20, 0u32..20, prop::option::of(NOW - 600_000..NOW), 0i64..600_000));
    (0u32..30, 0u32..10, 0u32..20, any::<(bool, bool, bool)>(), last).prop_map(|(capacity, min, more, flags, last)| {
        Situation {
            capacity,
            busy: flags.0,
            bounds: Bounds { min, max: min + more },
            suspended: Suspended { dynamic_in: flags.1, dynamic_out: flags.2, scheduled: false },
            last: last.map(|(from, to, ended, cooldown)| Last { from, to, ended, cooldown }),
            now: NOW,
        }
    })
}

proptest! {
    #[test]
    fn a_capacity_that_is_set_is_within_the_bounds_and_another_one(
        now in any_situation(), value in 0.0f64..1000.0, target in 0.5f64..500.0, up in any::<bool>(),
        amount in -30i64..30, beyond in -50.0f64..50.0,
    ) {
        let direction = if up { Direction::Out } else { Direction::In };
        let steps = steps("ChangeInCapacity", &[(Some(0.0), None, amount), (None, Some(0.0), -amount)], None);
        for signal in [
            Signal::Tracking { target, value, direction, others: &[] },
            Signal::Step { steps: &steps, beyond },
        ] {
            if let Verdict::Scale(to) = decide(&signal, &now) {
                prop_assert!(!now.busy);
                prop_assert_ne!(to, now.capacity);
                prop_assert!((now.bounds.min..=now.bounds.max).contains(&to), "{} in {:?}", to, now.bounds);
                let suspended = if to > now.capacity { now.suspended.dynamic_out } else { now.suspended.dynamic_in };
                prop_assert!(!suspended);
                if matches!(signal, Signal::Tracking { .. }) {
                    prop_assert_eq!(to > now.capacity, up);
                }
            }
        }
    }

    /// With the same load, scaling comes to rest: what would scale in at the new capacity does not scale out.
    #[test]
    fn tracking_comes_to_rest(load in 0.0f64..10_000.0, target in 1.0f64..500.0, start in 1u32..40) {
        let mut capacity = start;
        for _ in 0..4 {
            let value = load / f64::from(capacity);
            let signal = if value > target {
                high(value, target)
            } else if value < 0.9 * target {
                low(value, target, &[])
            } else {
                break;
            };
            match decide(&signal, &situation(capacity, 1, 1000)) {
                Verdict::Scale(to) => capacity = to,
                _ => break,
            }
        }
        let value = load / f64::from(capacity);
        let rest = decide(&high(value.max(target), target), &situation(capacity, 1, 1000));
        prop_assert!(value <= target * (1.0 + 1e-6) || capacity == 1000, "{} at {}: {:?}", value, capacity, rest);
    }

    #[test]
    fn others_only_ever_keep_more(value in 0.0f64..60.0, theirs in prop::collection::vec(0.0f64..60.0, 0..4)) {
        let others: Vec<_> = theirs.iter().map(|value| Other { ready: true, target: 70.0, value: Some(*value) }).collect();
        let capacity = |verdict| if let Verdict::Scale(to) = verdict { to } else { 20 };
        let alone = capacity(decide(&low(value, 70.0, &[]), &situation(20, 1, 30)));
        prop_assert!(capacity(decide(&low(value, 70.0, &others), &situation(20, 1, 30))) >= alone);
    }
}
