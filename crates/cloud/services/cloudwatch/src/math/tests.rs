//! Expressions over small time series.

use std::cell::Cell;
use std::collections::HashMap;

use super::*;

fn series(points: &[(i64, f64)]) -> Data {
    Data::Series(Series { label: String::new(), period: 60, points: points.to_vec() })
}

/// Over `a`: 1, 2, -, 4 and `b`: 10, -, 30, 0, at minutes 0 to 3, `empty`.
fn value(text: &str) -> Result<Data, MathError> {
    let known = HashMap::from([
        ("a", series(&[(0, 1.0), (60, 2.0), (180, 4.0)])),
        ("b", series(&[(0, 10.0), (120, 30.0), (180, 0.0)])),
        ("empty", series(&[])),
    ]);
    let scope = Scope {
        known,
        metrics: vec!["a", "b", "empty"],
        starts: HashMap::from([(60, 0)]),
        end: 240,
        work: Cell::new(0),
    };
    evaluate(&parse(text)?, &scope)
}

#[test]
fn expressions_have_the_values_that_cloudwatch_documents() {
    let cases: &[(&str, Data)] = &[
        ("1 + 2 * 3 - -4 / 2", Data::Number(9.0)),
        ("(1 + 2) * 3 ^ 2", Data::Number(27.0)),
        ("-2 ^ 2", Data::Number(-4.0)),
        ("1e3 == 1000 AND 2 != 3 || 0", Data::Number(1.0)),
        ("a + b", series(&[(0, 11.0), (180, 4.0)])),
        ("100 * b / a", series(&[(0, 1000.0), (180, 0.0)])),
        ("a / b", series(&[(0, 0.1)])),
        ("a >= 2", series(&[(0, 0.0), (60, 1.0), (180, 1.0)])),
        ("SUM(a)", Data::Number(7.0)),
        (
            "a * AVG(a) - MAX(a) + MIN(a)",
            series(&[(0, 7.0 / 3.0 - 3.0), (60, 14.0 / 3.0 - 3.0), (180, 28.0 / 3.0 - 3.0)]),
        ),
        ("SUM([a, b])", series(&[(0, 11.0), (60, 2.0), (120, 30.0), (180, 4.0)])),
        ("SUM(METRICS())", series(&[(0, 11.0), (60, 2.0), (120, 30.0), (180, 4.0)])),
        ("MAX([a, 3])", series(&[(0, 3.0), (60, 3.0), (180, 4.0)])),
        ("METRICS('a')", Data::Array(vec![series(&[(0, 1.0), (60, 2.0), (180, 4.0)])])),
        ("AVG(METRICS(\"b\")) ", series(&[(0, 10.0), (120, 30.0), (180, 0.0)])),
        ("FILL(a, 0)", series(&[(0, 1.0), (60, 2.0), (120, 0.0), (180, 4.0)])),
        ("FILL(a, REPEAT)", series(&[(0, 1.0), (60, 2.0), (120, 2.0), (180, 4.0)])),
        ("FILL(b, LINEAR)", series(&[(0, 10.0), (60, 20.0), (120, 30.0), (180, 0.0)])),
        ("FILL(empty, 5)", series(&[(0, 5.0), (60, 5.0), (120, 5.0), (180, 5.0)])),
        ("IF(a > 1, a, 0 - 1)", series(&[(0, -1.0), (60, 2.0), (180, 4.0)])),
        // An example of the user guide: values of one time of the day only.
        ("IF((MINUTE(a)<2 AND (HOUR(a)>=0 AND HOUR(a)<17)), a)", series(&[(0, 1.0), (60, 2.0)])),
        ("IF(b, a)", series(&[(0, 1.0)])),
        ("IF(0, a)", series(&[])),
        ("IF(1, a)", series(&[(0, 1.0), (60, 2.0), (180, 4.0)])),
        ("IF(b, a, b)", series(&[(0, 1.0), (180, 0.0)])),
        ("RATE(a)", series(&[(60, 1.0 / 60.0), (180, 2.0 / 120.0)])),
        ("DIFF(b)", series(&[(120, 20.0), (180, -30.0)])),
        ("DIFF_TIME(b)", series(&[(120, 120.0), (180, 60.0)])),
        ("RUNNING_SUM(a)", series(&[(0, 1.0), (60, 3.0), (180, 7.0)])),
        ("a / PERIOD(a)", series(&[(0, 1.0 / 60.0), (60, 2.0 / 60.0), (180, 4.0 / 60.0)])),
        ("METRIC_COUNT(METRICS())", Data::Number(3.0)),
        ("DATAPOINT_COUNT(b)", Data::Number(3.0)),
        ("STDDEV(b - b)", Data::Number(0.0)),
        ("ABS(CEIL(a / 3) - FLOOR(5.5))", series(&[(0, 4.0), (60, 4.0), (180, 3.0)])),
        ("LOG10(b)", series(&[(0, 1.0), (120, 30_f64.log10())])),
        ("MINUTE(b) + HOUR(b) + DAY(b) + MONTH(b) + YEAR(b)", series(&[(0, 1975.0), (120, 1977.0), (180, 1978.0)])),
        ("SUM(METRICS() * 2)", series(&[(0, 22.0), (60, 4.0), (120, 60.0), (180, 8.0)])),
        ("FIRST(REMOVE_EMPTY([empty, b]))", series(&[(0, 10.0), (120, 30.0), (180, 0.0)])),
    ];
    for (text, expected) in cases {
        assert_eq!(value(text).as_ref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_not_here_is_refused_by_name_and_what_is_wrong_is_told() {
    for (text, name) in [
        ("SEARCH('{AWS/SageMaker} x', 'Sum', 60)", "SEARCH"),
        ("ANOMALY_DETECTION_BAND(a, 2)", "ANOMALY_DETECTION_BAND"),
        ("SLICE(METRICS(), 0)", "SLICE"),
        ("SELECT AVG(x) FROM y", "Metrics Insights (SELECT)"),
    ] {
        assert_eq!(value(text), Err(MathError::NotHere(name.to_owned())), "{text}");
    }
    for (text, why) in [
        ("", "its end is not expected"),
        ("a +", "its end is not expected"),
        ("a b", "'b' is not expected"),
        ("(a", "its end is not expected"),
        ("a $ b", "'$' is not expected"),
        ("'a", "a text has no end"),
        ("1.2.3", "'1.2.3' is no number"),
        ("c + 1", "there is no query with the id 'c'"),
        ("NOPE(a)", "there is no function NOPE"),
        ("SUM(a, b)", "there is no function SUM with 2 arguments"),
        ("PERIOD(METRICS())", "PERIOD takes no array of time series"),
        ("FILL(a, 'anything')", "FILL takes a number, a time series, REPEAT or LINEAR, and no text"),
        ("RATE(1)", "RATE takes a time series, and not a scalar"),
        ("IF(METRICS(), 1, 2)", "IF takes no array of time series"),
        ("a + 'x'", "+ takes no text"),
        ("METRICS() + [a]", "the arrays at + differ in length"),
    ] {
        assert_eq!(value(text), Err(MathError::Wrong(why.to_owned())), "{text}");
    }
    let deep = format!("{}1{}", "(".repeat(500), ")".repeat(500));
    assert_eq!(value(&deep), Err(MathError::Wrong("it is nested too deeply".to_owned())));
}

#[test]
fn expressions_cannot_take_for_ever() {
    let points: Vec<_> = (0..100_000).map(|n| (n * 60, 1.0)).collect();
    let scope = Scope {
        known: HashMap::from([("m", series(&points))]),
        metrics: vec!["m"],
        starts: HashMap::from([(60, 0)]),
        end: i64::MAX / 2,
        work: Cell::new(0),
    };
    for text in ["FILL(m, 0)".to_owned(), vec!["m"; 100].join("+"), format!("AVG([{}])", vec!["m"; 30].join(","))] {
        let told = evaluate(&parse(&text).unwrap(), &scope).unwrap_err();
        assert!(matches!(&told, MathError::Wrong(why) if why.contains("too many data points")), "{told:?}");
    }
}
