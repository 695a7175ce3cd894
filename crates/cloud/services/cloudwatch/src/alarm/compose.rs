//! Composite alarms: what becomes of them when others change. Pure.

use serde_json::{Value, json};

use sagewright_cloud_core::alarms::AlarmState;
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::Record;

use super::{Turned, actions_of, acts, state};
use crate::evaluation::{AlarmRule, NoRule, name_of, stamp, written};
use crate::{unsupported, validation};

/// Members of a record's body.
const HOLD: &str = "hold";
const ACTED: &str = "acted";

/// What a composite alarm depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Composite {
    pub rule: AlarmRule,
    pub suppressor: Option<Suppressor>,
}

/// What keeps actions from being done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Suppressor {
    /// Name of the alarm.
    pub alarm: String,
    /// Milliseconds.
    pub wait: i64,
    pub extension: i64,
}

/// Why actions are not done now, and until when, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    Wait(i64),
    Alarm,
    Extension(i64),
}

impl Hold {
    fn name(self) -> &'static str {
        match self {
            Self::Wait(_) => "WaitPeriod",
            Self::Alarm => "Alarm",
            Self::Extension(_) => "ExtensionPeriod",
        }
    }

    /// When it ends by itself.
    pub fn until(self) -> Option<i64> {
        match self {
            Self::Wait(until) | Self::Extension(until) => Some(until),
            Self::Alarm => None,
        }
    }

    fn of(record: &Record) -> Option<Self> {
        let until = record.body[HOLD]["until"].as_i64().unwrap_or_default();
        match record.body[HOLD]["by"].as_str()? {
            "WaitPeriod" => Some(Self::Wait(until)),
            "ExtensionPeriod" => Some(Self::Extension(until)),
            _ => Some(Self::Alarm),
        }
    }
}

impl Composite {
    /// Reads a configuration.
    pub fn read(config: &Value, account: &str, region: &str) -> Result<Self, ApiError> {
        let text = |member: &str| config.get(member).and_then(Value::as_str);
        let rule = text("AlarmRule").unwrap_or_default();
        if rule.trim() != rule {
            return Err(validation("AlarmRule must not contain leading or trailing whitespace or be null"));
        }
        let rule = AlarmRule::parse(rule).map_err(|why| match why {
            NoRule::NotHere(what) => unsupported(&format!("{what} in an AlarmRule"), "use AND, OR and NOT"),
            NoRule::Wrong(why) => validation(format!("AlarmRule is not a valid rule: {why}.")),
        })?;
        let period = |member: &str| config.get(member).and_then(Value::as_i64);
        let (wait, extension) = (period("ActionsSuppressorWaitPeriod"), period("ActionsSuppressorExtensionPeriod"));
        let suppressor = match (text("ActionsSuppressor"), wait, extension) {
            (Some(given), Some(wait), Some(extension)) => {
                let alarm = name_of(given, account, region).unwrap_or(given).to_owned();
                Some(Suppressor { alarm, wait: wait.saturating_mul(1000), extension: extension.saturating_mul(1000) })
            }
            (None, None, None) => None,
            (Some(_), _, _) => {
                return Err(validation(
                    "ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod must be specified with \
                     ActionsSuppressor.",
                ));
            }
            (None, _, _) => {
                return Err(validation(
                    "ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod need an ActionsSuppressor.",
                ));
            }
        };
        Ok(Self { rule, suppressor })
    }

    /// The alarms of the rule, by name where they are of an account and region, and as they are given where not.
    pub fn children(&self, account: &str, region: &str) -> Vec<String> {
        let given = self.rule.children().into_iter();
        given.map(|given| name_of(given, account, region).unwrap_or(given).to_owned()).collect()
    }

    /// All alarms that it depends on.
    pub fn needs(&self, account: &str, region: &str) -> Vec<String> {
        let mut out = self.children(account, region);
        out.extend(self.suppressor.as_ref().map(|suppressor| suppressor.alarm.clone()));
        out
    }

    /// The state by the states of other alarms.
    pub fn state(&self, account: &str, region: &str, of: &impl Fn(&str) -> Option<AlarmState>) -> AlarmState {
        let by_name = |given: &str| name_of(given, account, region).and_then(of);
        if self.rule.holds(&by_name) { AlarmState::Alarm } else { AlarmState::Ok }
    }
}

/// An alarm that a composite alarm depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Child {
    pub arn: String,
    pub state: AlarmState,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
}

/// Why a composite alarm enters a state: one of its alarms did.
pub(crate) fn by_child(child: &Child) -> (String, String) {
    let at = written(child.since.div_euclid(1000), "%A %d %B, %Y %H:%M:%S UTC");
    (format!("{} transitioned to {} at {at}", child.arn, child.state.name()), triggering(std::slice::from_ref(child)))
}

/// Why a composite alarm enters a state: it was `created` or `updated`.
pub(crate) fn by_put(record: &Record, done: &str, state: AlarmState, children: &[Child]) -> (String, String) {
    let text = format!("{} was {done} and its alarm rule evaluates to {}", record.arn, state.name());
    (text, triggering(children))
}

fn triggering(children: &[Child]) -> String {
    let of = |child: &Child| json!({"arn": child.arn, "state": {"value": child.state.name(), "timestamp": stamp(child.since)}});
    json!({"triggeringAlarms": children.iter().map(of).collect::<Vec<_>>()}).to_string()
}

/// Has a suppressor decide about the actions of what was done with an alarm. `in_alarm` says whether the suppressor is in
/// alarm.
pub(crate) fn suppress(mut turned: Turned, before: &Record, by: &Suppressor, in_alarm: bool, at: i64) -> Turned {
    let was = Hold::of(before);
    let acted = before.body[ACTED].as_str().unwrap_or(AlarmState::InsufficientData.name());
    let wanting = turned.record.status != acted;
    let mut hold = match was {
        _ if in_alarm => Some(Hold::Alarm),
        Some(Hold::Alarm) => Some(Hold::Extension(at + by.extension)).filter(|_| by.extension > 0),
        None if turned.event.is_some() && wanting && by.wait > 0 => Some(Hold::Wait(at + by.wait)),
        other => other.filter(|hold| hold.until().is_none_or(|until| until > at)),
    };
    if !wanting && matches!(hold, Some(Hold::Wait(_))) {
        hold = None;
    }
    let record = &mut turned.record;
    turned.actions.clear();
    if wanting && hold.is_none() {
        record.body[ACTED] = record.status.clone().into();
        if acts(record) {
            turned.actions = actions_of(record, state(record)).map(str::to_owned).collect();
        }
        turned.news.at = at;
    }
    record.body[HOLD] = match hold {
        Some(hold) => json!({"by": hold.name(), "until": hold.until()}),
        None => Value::Null,
    };
    if let (Some(event), Some((name, reason))) = (&mut turned.event, suppressed(record)) {
        event.body["detail"]["state"]["actionsSuppressedBy"] = name.into();
        event.body["detail"]["state"]["actionsSuppressedReason"] = reason.into();
    }
    turned
}

/// When an alarm is to be looked at because a period ends.
pub(crate) fn until(record: &Record) -> Option<i64> {
    Hold::of(record).and_then(Hold::until)
}

/// `ActionsSuppressedBy` and its reason, where actions wait.
pub(crate) fn suppressed(record: &Record) -> Option<(&'static str, String)> {
    let acted = record.body[ACTED].as_str().unwrap_or(AlarmState::InsufficientData.name());
    let name = Hold::of(record).filter(|_| record.status != acted)?.name();
    Some((name, format!("Actions suppressed by {name}")))
}
