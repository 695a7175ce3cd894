//! The states of alarms, for services that heed them.

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
