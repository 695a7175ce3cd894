//! Alarms between services: their states, for those that heed them, and their actions, for those that do them.

use async_trait::async_trait;

use crate::records::StoreError;

/// `StateValue` of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmState {
    /// `OK`
    Ok,
    /// `ALARM`
    Alarm,
    /// `INSUFFICIENT_DATA`
    InsufficientData,
}

impl AlarmState {
    /// As APIs write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }

    /// By the API's name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Ok, Self::Alarm, Self::InsufficientData].into_iter().find(|state| state.name() == name)
    }
}

/// Who knows the alarms of an account and region, metric and composite ones.
#[async_trait]
pub trait Alarms: Send + Sync + 'static {
    /// The states of alarms by name, in the order of the names; `None` where there is no such alarm.
    ///
    /// # Errors
    /// The store failed.
    async fn states(
        &self,
        account: &str,
        region: &str,
        names: &[String],
    ) -> Result<Vec<Option<AlarmState>>, StoreError>;
}

/// What an action is told of the alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmNews {
    /// Account id.
    pub account: String,
    /// Region.
    pub region: String,
    /// Name of the alarm.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The state that it is in.
    pub state: AlarmState,
    /// Why, as `StateReason` says it.
    pub reason: String,
    /// The evaluation that led to the action, in milliseconds since 1970.
    pub at: i64,
    /// The newest data point that was evaluated; `None` where there was none, and for composite alarms.
    pub value: Option<f64>,
    /// What it was compared with.
    pub threshold: Option<f64>,
    /// The state was entered earlier. AWS goes on to invoke scaling policies once a minute.
    pub repeated: bool,
}

/// Does the actions of alarms that are ARNs of one service.
#[async_trait]
pub trait AlarmActions: Send + Sync + 'static {
    /// Whether an action is this service's.
    fn takes(&self, action: &str) -> bool;

    /// Does an action. One that is told twice, with the same time, is done once.
    ///
    /// # Errors
    /// Why it was not done, for people: the alarm's history says so.
    async fn act(&self, action: &str, news: &AlarmNews) -> Result<(), String>;
}

/// No alarms at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAlarms;

#[async_trait]
impl Alarms for NoAlarms {
    async fn states(&self, _: &str, _: &str, names: &[String]) -> Result<Vec<Option<AlarmState>>, StoreError> {
        Ok(vec![None; names.len()])
    }
}
