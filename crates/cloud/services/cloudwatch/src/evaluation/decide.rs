//! The state of an alarm by the data points of its evaluation range (CloudWatch User Guide, "Configuring how CloudWatch alarms
//! treat missing data").

use sagewright_cloud_core::alarms::AlarmState;

/// Data points that are looked at beyond the evaluation periods, for those that are missing. AWS's examples have two.
const FURTHER: i64 = 2;
/// Samples that a percentile has to be of: this many beyond it.
const TAIL: f64 = 10.0;

/// `ComparisonOperator`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    GreaterOrEqual,
    Greater,
    Less,
    LessOrEqual,
}

impl Comparison {
    /// By the API's name; `None` for those of anomaly detection.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "GreaterThanOrEqualToThreshold" => Some(Self::GreaterOrEqual),
            "GreaterThanThreshold" => Some(Self::Greater),
            "LessThanThreshold" => Some(Self::Less),
            "LessThanOrEqualToThreshold" => Some(Self::LessOrEqual),
            _ => None,
        }
    }

    /// As a reason says it.
    pub fn words(self) -> &'static str {
        match self {
            Self::GreaterOrEqual => "greater than or equal to",
            Self::Greater => "greater than",
            Self::Less => "less than",
            Self::LessOrEqual => "less than or equal to",
        }
    }

    fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::GreaterOrEqual => value >= threshold,
            Self::Greater => value > threshold,
            Self::Less => value < threshold,
            Self::LessOrEqual => value <= threshold,
        }
    }
}

/// `TreatMissingData`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Treatment {
    Missing,
    Ignore,
    Breaching,
    NotBreaching,
}

impl Treatment {
    /// The API's names.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("breaching", Self::Breaching),
        ("notBreaching", Self::NotBreaching),
        ("ignore", Self::Ignore),
        ("missing", Self::Missing),
    ];

    /// By the API's name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, missing)| *missing)
    }
}

/// When an alarm goes off.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    /// Seconds.
    pub period: i64,
    /// `EvaluationPeriods`
    pub periods: i64,
    /// `DatapointsToAlarm`, where the alarm names it.
    pub to_alarm: Option<i64>,
    pub comparison: Comparison,
    pub threshold: f64,
    pub missing: Treatment,
}

impl Rule {
    /// Breaching data points that it takes.
    pub fn needed(&self) -> i64 {
        self.to_alarm.unwrap_or(self.periods)
    }

    /// Periods of the evaluation range.
    pub fn range(&self) -> i64 {
        self.periods.saturating_add(FURTHER)
    }

    /// How often the alarm is evaluated, in seconds: every ten where its period is below a minute.
    pub fn step(&self) -> i64 {
        if self.period < 60 { 10 } else { 60 }
    }

    /// Where the evaluation range of an evaluation at a second begins.
    pub fn from(&self, at: i64) -> i64 {
        at.saturating_sub(self.range().saturating_mul(self.period))
    }

    pub fn is_breaching(&self, value: f64) -> bool {
        self.comparison.holds(value, self.threshold)
    }
}

/// A data point of the evaluation range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    /// Where its period begins, in seconds since 1970.
    pub start: i64,
    pub value: f64,
    /// How many values it is of; `None` for one of an expression.
    pub count: Option<f64>,
}

/// What comes of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    /// The new state; `None` where the present one is kept.
    pub state: Option<AlarmState>,
    /// The data points that were looked at, the newest first.
    pub used: Vec<Point>,
    /// Starts of the periods whose data points were missing and had to be stood in for, the newest first.
    pub missing: Vec<i64>,
}

/// The state by the data points of the range, which are in order of time, at a second at which a period ends.
pub(crate) fn decide(rule: &Rule, points: &[Point], at: i64) -> Verdict {
    let wanted = usize::try_from(rule.periods).unwrap_or(usize::MAX);
    let used: Vec<Point> = points.iter().rev().take(wanted).copied().collect();
    let missing = missing(rule, &used, at);
    let count = |points: &[Point]| {
        i64::try_from(points.iter().filter(|point| rule.is_breaching(point.value)).count()).unwrap_or(i64::MAX)
    };
    let breaching = count(&used);
    let filled = i64::try_from(missing.len()).unwrap_or(i64::MAX);
    let by = |breaching: i64| Some(if breaching >= rule.needed() { AlarmState::Alarm } else { AlarmState::Ok });
    let state = match rule.missing {
        _ if filled == 0 => by(breaching),
        Treatment::Breaching => by(breaching.saturating_add(filled)),
        Treatment::NotBreaching => by(breaching),
        // What is there decides, one way or the other.
        _ if breaching >= rule.needed() || breaching < i64::try_from(used.len()).unwrap_or(0) => by(breaching),
        Treatment::Ignore => None,
        // A breaching data point that is the only one has to be old enough: the next one may be fine.
        Treatment::Missing => match used.last() {
            Some(oldest) if (at - oldest.start) / rule.period.max(1) >= rule.needed() => Some(AlarmState::Alarm),
            _ => Some(AlarmState::InsufficientData),
        },
    };
    Verdict { state, used, missing }
}

/// The newest periods without a data point, as many as have to be stood in for.
fn missing(rule: &Rule, used: &[Point], at: i64) -> Vec<i64> {
    let lacking = usize::try_from(rule.periods).unwrap_or(0).saturating_sub(used.len());
    let periods = (1..=rule.range()).map(|n| at - n * rule.period);
    periods.filter(|start| used.iter().all(|point| point.start != *start)).take(lacking).collect()
}

/// Whether a percentile is of too few samples to be a good one.
pub(crate) fn is_low(percent: f64, points: &[Point]) -> bool {
    let samples: f64 = points.iter().filter_map(|point| point.count).sum();
    let share = percent / 100.0;
    let beyond = if share >= 0.5 { 1.0 - share } else { share };
    beyond > 0.0 && samples < TAIL / beyond
}
