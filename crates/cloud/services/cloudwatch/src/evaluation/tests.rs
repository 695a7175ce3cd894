use proptest::prelude::*;
use sagewright_cloud_core::alarms::AlarmState::{self, Alarm, InsufficientData, Ok as Fine};
use serde_json::{Map, Value};

use super::reason::number;
use super::*;

const AT: i64 = 1_570_035_840;

fn rule(needed: i64, periods: i64, missing: Treatment) -> Rule {
    let comparison = Comparison::Greater;
    Rule { period: 300, periods, to_alarm: Some(needed), comparison, threshold: 1.0, missing }
}

/// Data points as AWS's tables write them: the newest last, `0` fine, `X` breaching, `-` missing.
fn points(text: &str) -> Vec<Point> {
    let signs: Vec<char> = text.chars().filter(|c| *c != ' ').collect();
    let many = i64::try_from(signs.len()).unwrap();
    let point = |(n, sign): (i64, char)| {
        let value = if sign == 'X' { 5.0 } else { 0.5 };
        (sign != '-').then_some(Point { start: AT - (many - n) * 300, value, count: Some(1.0) })
    };
    (0..).zip(signs).filter_map(point).collect()
}

/// The tables of "Configuring how CloudWatch alarms treat missing data": data points, how many are stood in for, and the
/// states where missing data are `missing`, `ignore`, `breaching` and `notBreaching`. `None` keeps the state.
#[test]
fn missing_data_are_treated_as_awss_tables_say() {
    type Row = (&'static str, usize, [Option<AlarmState>; 4]);
    let (keep, alarm, ok, none) = (None, Some(Alarm), Some(Fine), Some(InsufficientData));
    let three_of_three: [Row; 8] = [
        ("0 - X - X", 0, [ok, ok, ok, ok]),
        ("0 - - - -", 2, [ok, ok, ok, ok]),
        ("- - - - -", 3, [none, keep, alarm, ok]),
        ("0 X X - X", 0, [alarm, alarm, alarm, alarm]),
        ("- - X - -", 2, [alarm, keep, alarm, ok]),
        // "Avoiding premature transitions to alarm state"; the states are those of the table's earlier editions.
        ("- - - - X", 2, [none, keep, alarm, ok]),
        ("- - - X -", 2, [none, keep, alarm, ok]),
        ("X - - - -", 2, [alarm, keep, alarm, ok]),
    ];
    let two_of_three: [Row; 6] = [
        ("0 - X - X", 0, [alarm, alarm, alarm, alarm]),
        ("0 0 X 0 X", 0, [alarm, alarm, alarm, alarm]),
        ("0 - X - -", 1, [ok, ok, alarm, ok]),
        ("- - - - 0", 2, [ok, ok, alarm, ok]),
        ("- - - X -", 2, [alarm, keep, alarm, ok]),
        ("- - - - X", 2, [none, keep, alarm, ok]),
    ];
    let kinds = [Treatment::Missing, Treatment::Ignore, Treatment::Breaching, Treatment::NotBreaching];
    let rows = three_of_three.map(|row| (3, row)).into_iter().chain(two_of_three.map(|row| (2, row)));
    for (needed, (text, filled, states)) in rows {
        for (missing, state) in kinds.into_iter().zip(states) {
            let verdict = decide(&rule(needed, 3, missing), &points(text), AT);
            assert_eq!(verdict.state, state, "{needed} of 3, {text}, {missing:?}");
            // The earlier editions of the table count every missing data point of the range.
            assert_eq!(verdict.missing.len(), filled, "{text}");
        }
    }
}

fn told(rule: &Rule, text: &str) -> String {
    let verdict = decide(rule, &points(text), AT);
    let state = verdict.state.unwrap();
    reason(rule, &verdict, state, AT, Map::new()).text
}

#[test]
fn reasons_are_worded_as_awss() {
    let named = |needed, periods, missing| rule(needed, periods, missing);
    let plain = |periods, missing| Rule { to_alarm: None, ..rule(periods, periods, missing) };
    for (rule, text, expected) in [
        (
            named(1, 1, Treatment::Missing),
            "X",
            "Threshold Crossed: 1 out of the last 1 datapoints [5.0 (02/10/19 16:59:00)] was greater than the threshold (1.0) \
             (minimum 1 datapoint for OK -> ALARM transition).",
        ),
        (
            named(2, 3, Treatment::Missing),
            "X 0 X",
            "Threshold Crossed: 2 out of the last 3 datapoints [5.0 (02/10/19 16:59:00), 5.0 (02/10/19 16:49:00)] were greater \
             than the threshold (1.0) (minimum 2 datapoints for OK -> ALARM transition).",
        ),
        (
            named(2, 3, Treatment::NotBreaching),
            "X - -",
            "Threshold Crossed: 2 missing datapoints were treated as [NonBreaching] (minimum 2 datapoints for ALARM -> OK \
             transition).",
        ),
        (
            plain(2, Treatment::Missing),
            "0 0",
            "Threshold Crossed: 2 datapoints [0.5 (02/10/19 16:59:00), 0.5 (02/10/19 16:54:00)] were not greater than the \
             threshold (1.0).",
        ),
        (
            plain(1, Treatment::Missing),
            "X",
            "Threshold Crossed: 1 datapoint [5.0 (02/10/19 16:59:00)] was greater than the threshold (1.0).",
        ),
        (
            plain(2, Treatment::Breaching),
            "- 0",
            "Threshold Crossed: 1 datapoint [0.5 (02/10/19 16:59:00)] was not greater than the threshold (1.0) and 1 missing \
             datapoint was treated as [Breaching].",
        ),
        (
            plain(5, Treatment::Breaching),
            "- - - - -",
            "Threshold Crossed: no datapoints were received for 5 periods and 5 missing datapoints were treated as [Breaching].",
        ),
        (
            plain(1, Treatment::NotBreaching),
            "-",
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching].",
        ),
        (plain(5, Treatment::Missing), "- - -", "Insufficient Data: 5 datapoints were unknown."),
        (plain(1, Treatment::Missing), "-", "Insufficient Data: 1 datapoint was unknown."),
    ] {
        assert_eq!(told(&rule, text), expected);
    }
}

#[test]
fn the_data_of_a_reason_are_shaped_as_awss() {
    let rule = Rule { to_alarm: None, ..rule(2, 2, Treatment::Missing) };
    let points = points("0 X X");
    let verdict = decide(&rule, &points, AT);
    let about = Map::from_iter([("statistic".to_owned(), Value::from("Average"))]);
    let told = reason(&rule, &verdict, Alarm, AT, about).data;
    let expected = concat!(
        r#"{"version":"1.0","queryDate":"2019-10-02T17:04:00.000+0000","startDate":"2019-10-02T16:54:00.000+0000","#,
        r#""statistic":"Average","period":300,"recentDatapoints":[5.0,5.0],"threshold":1.0,"evaluatedDatapoints":["#,
        r#"{"timestamp":"2019-10-02T16:59:00.000+0000","sampleCount":1.0,"value":5.0},"#,
        r#"{"timestamp":"2019-10-02T16:54:00.000+0000","sampleCount":1.0,"value":5.0}]}"#,
    );
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(parsed(&told), parsed(expected));
}

#[test]
fn numbers_are_written_as_awss() {
    for (value, text) in [
        (5.0, "5.0"),
        (0.02, "0.02"),
        (-99.50160229693434, "-99.50160229693434"),
        (0.0, "0.0"),
        (1e7, "1.0E7"),
        (12_345_678.9, "1.23456789E7"),
        (0.0001, "1.0E-4"),
        (9_999_999.0, "9999999.0"),
    ] {
        assert_eq!(number(value), text);
    }
}

#[test]
fn percentiles_need_samples_beyond_them() {
    let of = |count: f64| [Point { start: AT, value: 1.0, count: Some(count) }];
    for (percent, few, enough) in [(99.0, 999.0, 1001.0), (50.0, 19.0, 20.0), (10.0, 99.0, 101.0), (90.0, 99.0, 101.0)]
    {
        assert!(is_low(percent, &of(few)), "p{percent} of {few}");
        assert!(!is_low(percent, &of(enough)), "p{percent} of {enough}");
    }
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let missing = prop::sample::select(Treatment::NAMES.map(|(_, missing)| missing).to_vec());
    (1..6_i64, 0..6_i64, missing).prop_map(|(periods, less, missing)| rule((periods - less).max(1), periods, missing))
}

fn any_points() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!['0', 'X', '-']), 0..8).prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn real_data_points_alone_decide_where_there_are_enough(rule in any_rule(), text in any_points()) {
        let range = usize::try_from(rule.range()).unwrap();
        let text: String = text.chars().rev().take(range).collect::<Vec<_>>().into_iter().rev().collect();
        let known = points(&text);
        let verdicts = Treatment::NAMES.map(|(_, missing)| decide(&Rule { missing, ..rule.clone() }, &known, AT));
        let enough = known.len() >= usize::try_from(rule.periods).unwrap();
        if enough {
            prop_assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0] && verdict.missing.is_empty()));
        }
        for verdict in &verdicts {
            prop_assert_eq!(verdict.used.len() + verdict.missing.len(), usize::try_from(rule.periods).unwrap());
            prop_assert!(verdict.used.windows(2).all(|pair| pair[0].start > pair[1].start));
        }
        // The more is taken for breaching, the more is an alarm.
        let [breaching, fine, ..] = &verdicts;
        prop_assert!(fine.state != Some(Alarm) || breaching.state == Some(Alarm));
        // Enough breaching data points are an alarm whatever the rest is taken for.
        let bad = breaching.used.iter().filter(|point| rule.is_breaching(point.value)).count();
        if i64::try_from(bad).unwrap() >= rule.needed() {
            prop_assert!(verdicts.iter().all(|verdict| verdict.state == Some(Alarm)));
        }
        prop_assert!(known.is_empty() == (verdicts[3].state == Some(InsufficientData)) || !known.is_empty());
    }

    #[test]
    fn a_reason_is_within_its_bounds(rule in any_rule(), text in any_points()) {
        let verdict = decide(&rule, &points(&text), AT);
        if let Some(state) = verdict.state {
            let told = reason(&rule, &verdict, state, AT, Map::new());
            prop_assert!(told.text.len() <= 1023 && told.text.ends_with('.'));
            prop_assert!(serde_json::from_str::<Value>(&told.data).is_ok());
        }
    }
}
