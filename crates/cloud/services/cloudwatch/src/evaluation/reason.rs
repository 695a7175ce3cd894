//! Why an alarm is in its state, as AWS words it, and the same as data.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use sagewright_cloud_core::alarms::AlarmState;

use super::decide::{Point, Rule, Treatment, Verdict};

/// The longest `StateReason`.
const LONGEST: usize = 1023;

/// `StateReason` and `StateReasonData`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason {
    pub text: String,
    pub data: String,
}

/// Why a verdict led to a state. `about` is what the data have of the alarm: its statistic and its unit.
pub(crate) fn reason(rule: &Rule, verdict: &Verdict, state: AlarmState, at: i64, about: Map<String, Value>) -> Reason {
    let mut text = match state {
        AlarmState::InsufficientData => unknown(verdict.missing.len()),
        _ if verdict.used.is_empty() => {
            let none = format!("no datapoints were received for {}", counted(verdict.missing.len(), "period"));
            let clauses: Vec<String> = [none].into_iter().chain(stand_ins(rule, verdict)).collect();
            format!("Threshold Crossed: {}.", clauses.join(" and "))
        }
        _ => crossed(rule, verdict, state == AlarmState::Alarm),
    };
    text.truncate(LONGEST);
    Reason { text, data: data(rule, verdict, at, about).to_string() }
}

fn unknown(missing: usize) -> String {
    format!("Insufficient Data: {} {} unknown.", counted(missing, "datapoint"), was(missing))
}

fn crossed(rule: &Rule, verdict: &Verdict, alarm: bool) -> String {
    let telling: Vec<&Point> = verdict.used.iter().filter(|point| rule.is_breaching(point.value) == alarm).collect();
    let many = telling.len();
    let (which, minimum) = match rule.to_alarm {
        None => (counted(many, "datapoint"), String::new()),
        Some(needed) => {
            let (least, way) = if alarm { (needed, "OK -> ALARM") } else { (rule.periods - needed + 1, "ALARM -> OK") };
            let least = counted(usize::try_from(least).unwrap_or(0), "datapoint");
            let which = format!("{many} out of the last {} datapoints", rule.periods);
            (which, format!(" (minimum {least} for {way} transition)"))
        }
    };
    let mut clauses = Vec::new();
    if !telling.is_empty() {
        let value = |point: &&Point| format!("{} ({})", number(point.value), written(point.start, "%d/%m/%y %H:%M:%S"));
        let values: Vec<String> = telling.iter().map(value).collect();
        let (not, words) = (if alarm { "" } else { "not " }, rule.comparison.words());
        let (verb, threshold, values) = (was(many), number(rule.threshold), values.join(", "));
        clauses.push(format!("{which} [{values}] {verb} {not}{words} the threshold ({threshold})"));
    }
    clauses.extend(stand_ins(rule, verdict));
    format!("Threshold Crossed: {}{minimum}.", clauses.join(" and "))
}

/// What missing data points were taken for.
fn stand_ins(rule: &Rule, verdict: &Verdict) -> Option<String> {
    let taken_for = match rule.missing {
        Treatment::Breaching => "Breaching",
        Treatment::NotBreaching => "NonBreaching",
        Treatment::Missing | Treatment::Ignore => return None,
    };
    match verdict.missing.len() {
        0 => None,
        many => Some(format!("{} {} treated as [{taken_for}]", counted(many, "missing datapoint"), was(many))),
    }
}

fn counted(many: usize, noun: &str) -> String {
    format!("{many} {noun}{}", if many == 1 { "" } else { "s" })
}

fn was(many: usize) -> &'static str {
    if many == 1 { "was" } else { "were" }
}

fn data(rule: &Rule, verdict: &Verdict, at: i64, about: Map<String, Value>) -> Value {
    let mut out = Map::new();
    out.insert("version".to_owned(), "1.0".into());
    out.insert("queryDate".to_owned(), stamp(at * 1000).into());
    if let Some(oldest) = verdict.used.last() {
        out.insert("startDate".to_owned(), stamp(oldest.start * 1000).into());
    }
    out.extend(about);
    out.insert("period".to_owned(), rule.period.into());
    let recent: Vec<f64> = verdict.used.iter().rev().map(|point| point.value).collect();
    out.insert("recentDatapoints".to_owned(), json!(recent));
    out.insert("threshold".to_owned(), rule.threshold.into());
    let known = verdict.used.iter().map(|point| {
        let mut of = json!({"timestamp": stamp(point.start * 1000)});
        if let Some(count) = point.count {
            of["sampleCount"] = count.into();
        }
        of["value"] = point.value.into();
        (point.start, of)
    });
    let missing = verdict.missing.iter().map(|start| (*start, json!({"timestamp": stamp(*start * 1000)})));
    let mut evaluated: Vec<(i64, Value)> = known.chain(missing).collect();
    evaluated.sort_by_key(|(start, _)| std::cmp::Reverse(*start));
    let evaluated: Vec<Value> = evaluated.into_iter().map(|(_, of)| of).collect();
    out.insert("evaluatedDatapoints".to_owned(), evaluated.into());
    out.into()
}

/// A number as AWS's texts have it: `5.0`, `0.02`, `1.0E7`.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-3..1e7).contains(&size) || !value.is_finite() {
        return format!("{value:?}");
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if digits.contains('.') => format!("{digits}E{exponent}"),
        Some((digits, exponent)) => format!("{digits}.0E{exponent}"),
        None => text,
    }
}

/// A time in milliseconds since 1970 as AWS's data have it.
pub(crate) fn stamp(at: i64) -> String {
    let form = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string();
    Timestamp::from_millisecond(at).map_or_else(|_| String::new(), form)
}

/// A second since 1970 in a form.
pub(crate) fn written(at: i64, form: &str) -> String {
    Timestamp::from_second(at).map_or_else(|_| String::new(), |time| time.strftime(form).to_string())
}
