use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

fn told(time: Option<i64>) -> String {
    time.map_or_else(|| "never".to_owned(), |time| Timestamp::from_millisecond(time).unwrap().to_string())
}

#[test]
fn runs_follow_the_expression_in_its_time_zone() {
    for (schedule, zone, after, next) in [
        ("at(2026-03-01T10:00:00)", "UTC", "2026-01-01T00:00:00Z", "2026-03-01T10:00:00Z"),
        ("at(2026-03-01T10:00:00)", "America/New_York", "2026-01-01T00:00:00Z", "2026-03-01T15:00:00Z"),
        ("at(2026-03-01T10:00:00)", "UTC", "2026-03-01T10:00:00Z", "never"),
        ("rate(1 minute)", "UTC", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"),
        ("rate(2 hours)", "UTC", "2026-01-01T03:00:00Z", "2026-01-01T04:00:00Z"),
        ("rate(7 days)", "UTC", "2026-01-08T00:00:00Z", "2026-01-15T00:00:00Z"),
        ("cron(0 10 * * ? *)", "UTC", "2026-01-01T10:00:00Z", "2026-01-02T10:00:00Z"),
        ("cron(15 12 * * ? *)", "Asia/Kolkata", "2026-01-01T00:00:00Z", "2026-01-01T06:45:00Z"),
        ("cron(0 18 ? * MON-FRI *)", "UTC", "2026-01-02T18:00:00Z", "2026-01-05T18:00:00Z"),
        ("cron(0 18 ? * 2-6 *)", "UTC", "2026-01-02T18:00:00Z", "2026-01-05T18:00:00Z"),
        ("cron(0 8 1 * ? *)", "UTC", "2026-01-01T08:00:00Z", "2026-02-01T08:00:00Z"),
        ("cron(0/15 * * * ? *)", "UTC", "2026-01-01T00:50:00Z", "2026-01-01T01:00:00Z"),
        ("cron(0/5 8-17 ? * mon-fri *)", "UTC", "2026-01-02T17:56:00Z", "2026-01-05T08:00:00Z"),
        ("cron(30 6 ? * MON *)", "UTC", "2026-01-01T00:00:00Z", "2026-01-05T06:30:00Z"),
        ("cron(0 0 L * ? *)", "UTC", "2026-12-01T00:00:00Z", "2026-12-31T00:00:00Z"),
        ("cron(0 0 L 2 ? *)", "UTC", "2026-03-01T00:00:00Z", "2027-02-28T00:00:00Z"),
        ("cron(0 0 3W * ? *)", "UTC", "2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z"),
        ("cron(0 0 1W * ? *)", "UTC", "2026-07-31T00:00:00Z", "2026-08-03T00:00:00Z"),
        ("cron(0 0 LW * ? *)", "UTC", "2026-05-01T00:00:00Z", "2026-05-29T00:00:00Z"),
        ("cron(0 0 ? * 6L *)", "UTC", "2026-12-01T00:00:00Z", "2026-12-25T00:00:00Z"),
        ("cron(0 0 ? * FRI#2 *)", "UTC", "2026-01-01T00:00:00Z", "2026-01-09T00:00:00Z"),
        ("cron(0 0 ? * FRI-MON *)", "UTC", "2026-01-05T00:00:00Z", "2026-01-09T00:00:00Z"),
        ("cron(0 0 29 2 ? *)", "UTC", "2097-01-01T00:00:00Z", "2104-02-29T00:00:00Z"),
        ("cron(0 0 30 2 ? *)", "UTC", "2026-01-01T00:00:00Z", "never"),
        ("cron(0 0 1 1 ? 2030,2032)", "UTC", "2030-01-01T00:00:00Z", "2032-01-01T00:00:00Z"),
        ("cron(0 0 1 1 ? 2020)", "UTC", "2026-01-01T00:00:00Z", "never"),
        // Clocks go forward over this time, and back over that.
        ("cron(30 2 29 3 ? 2026)", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-03-29T01:30:00Z"),
        ("cron(30 2 25 10 ? 2026)", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-10-25T00:30:00Z"),
        ("cron(30 2 25 10 ? 2026)", "Europe/Berlin", "2026-10-25T00:30:00Z", "never"),
    ] {
        let read = Schedule::read(schedule, Some(zone)).unwrap();
        assert_eq!(told(read.next(at(after), at("2026-01-01T00:00:00Z"))), next, "{schedule} {zone} after {after}");
    }
}

#[test]
fn what_is_no_schedule_is_refused_with_what_is_wrong() {
    for (schedule, zone, wrong) in [
        ("daily", None, "no parentheses"),
        ("every(5)", None, "neither at, rate nor cron"),
        ("at(2026-03-01)", None, "yyyy-mm-ddThh:mm:ss"),
        ("at(2026-13-01T00:00:00)", None, "yyyy-mm-ddThh:mm:ss"),
        ("rate(0 minutes)", None, "a positive number"),
        ("rate(5 weeks)", None, "minutes, hours or days"),
        ("rate(9223372036854775807 days)", None, "a positive number"),
        ("cron(0 10 * * *)", None, "5 fields"),
        ("cron(0 10 * * * *)", None, "must be ?"),
        ("cron(0 10 ? * ? *)", None, "must be ?"),
        ("cron(60 10 * * ? *)", None, "'60' is no minutes"),
        ("cron(0 10 * JUX ? *)", None, "'JUX' is no month"),
        ("cron(0/0 10 * * ? *)", None, "no increment"),
        ("cron(0 10 ? * FRI#6 *)", None, "up to five times"),
        ("cron(0 10 * * ? 1969)", None, "no year"),
        ("cron(- 10 * * ? *)", None, "is no minutes"),
        ("rate(1 day)", Some("Mars/Base"), "time zone 'Mars/Base'"),
    ] {
        let told = Schedule::read(schedule, zone).unwrap_err();
        assert!(told.contains(wrong), "{schedule}: {told}");
    }
}

#[test]
fn an_action_runs_at_its_start_and_not_after_its_end() {
    let rate = Schedule::read("rate(1 hour)", None).unwrap();
    let once = Schedule::read("at(2026-01-02T00:00:00)", None).unwrap();
    let (begun, noon, one) = (at("2026-01-01T00:30:00Z"), at("2026-01-01T12:00:00Z"), at("2026-01-01T13:00:00Z"));
    let span = (Some(noon), Some(one));
    assert_eq!(next_run(&rate, begun, begun, span), Some(noon));
    assert_eq!(next_run(&rate, noon, begun, span), Some(one));
    assert_eq!(next_run(&rate, one, begun, span), None);
    assert_eq!(next_run(&once, begun, begun, (Some(noon), None)), Some(at("2026-01-02T00:00:00Z")));
    assert_eq!(next_run(&once, begun, begun, span), None);
    assert_eq!(last_run(&rate, begun, begun, span), None);
    assert_eq!(last_run(&rate, noon + 1, begun, span), Some(noon));
    assert_eq!(last_run(&rate, one + 7_200_000, begun, span), Some(one));
    assert_eq!(last_run(&once, one, begun, (None, None)), None);
    assert_eq!(last_run(&once, at("2027-01-01T00:00:00Z"), begun, (None, None)), Some(at("2026-01-02T00:00:00Z")));
}

proptest! {
    /// Between a run and the next one there is none.
    #[test]
    fn the_last_run_before_the_next_one_is_this_one(
        minute in 0u8..60, step in 1u8..24, day in "(\\*|L|15W|1-7)", month in "(\\*|2|1/3)",
        zone in "(UTC|Europe/Berlin|America/New_York|Pacific/Apia)", days in 0i64..4000,
    ) {
        let text = format!("cron({minute} 0/{step} {day} {month} ? *)");
        let schedule = Schedule::read(&text, Some(&zone)).unwrap();
        let after = at("2026-01-01T00:00:00Z") + days * 86_400_000;
        let first = schedule.next(after, 0).unwrap();
        let second = schedule.next(first, 0).unwrap();
        prop_assert!(after < first && first < second);
        prop_assert_eq!(schedule.last(second - 1, 0), Some(first));
        prop_assert_eq!(schedule.last(second, 0), Some(second));
        prop_assert!(schedule.last(first - 1, 0).unwrap() <= after);
    }

    #[test]
    fn no_text_breaks_the_reader(text in "(at|rate|cron)\\([ -~]{0,40}\\)") {
        if let Ok(schedule) = Schedule::read(&text, None) {
            let _ = (schedule.next(0, 0), schedule.last(1_800_000_000_000, 0));
        }
    }
}
