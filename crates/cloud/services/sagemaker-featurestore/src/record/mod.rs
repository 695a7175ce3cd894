//! Records of the online store, and the one way in which they are written.

pub mod batch_get;
pub mod batch_write;
pub mod delete;
pub mod get;
pub mod list;
pub mod put;
pub mod update;
pub mod write;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::SageMaker;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::event_time::iso;
use crate::group::{Group, weight};
use crate::state::{ONLINE, key_within};

/// A record of the online store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// Event time in milliseconds since 1970.
    pub at: i64,
    /// How long it lives from its event time, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<i64>,
    /// What is left of a soft delete: nothing but identifier and event time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// The values, as `FeatureValue`s.
    pub values: Vec<Value>,
}

impl Stored {
    /// Reads a record.
    pub fn read(record: &Record) -> Option<Self> {
        Self::deserialize(&record.body).ok()
    }

    /// When it expires, in milliseconds since 1970.
    pub fn expires(&self) -> Option<i64> {
        self.ttl.map(|ttl| self.at.saturating_add(ttl))
    }

    /// Whether it is there at a time.
    pub fn lives(&self, now: i64) -> bool {
        self.expires().is_none_or(|expires| expires > now)
    }

    /// Its bytes.
    pub fn size(&self) -> i64 {
        i64::try_from(self.values.iter().map(weight).sum::<usize>()).unwrap_or(i64::MAX)
    }

    /// `Record` and `ExpiresAt` of an answer, with the features that a request asks for.
    pub fn show(&self, names: &Value, expiration: &Value) -> Value {
        let wanted = |value: &&Value| match names.as_array().filter(|names| !names.is_empty()) {
            Some(names) => names.contains(&value["FeatureName"]),
            None => true,
        };
        let values: Vec<&Value> = self.values.iter().filter(wanted).collect();
        let mut out = json!({ "Record": values });
        if let Some(expires) = self.expires().filter(|_| expiration == "Enabled") {
            out["ExpiresAt"] = json!(iso(expires));
        }
        out
    }
}

/// A record of a group's online store that can be read at a time.
pub async fn find(sm: &SageMaker, group: &Group, identifier: &str, now: i64) -> Result<Option<Stored>, ApiError> {
    let found = sm.env().store.shared(&key_within(group, ONLINE, identifier)).await?;
    Ok(found.and_then(|found| Stored::read(&found.record)).filter(|stored| stored.lives(now) && !stored.deleted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_lives_until_its_time_is_over() {
        let of = |ttl| Stored { at: 1000, ttl, deleted: false, values: Vec::new() };
        assert_eq!([2999, 3000].map(|now| of(Some(2000)).lives(now)), [true, false]);
        assert!(of(None).lives(i64::MAX) && of(Some(i64::MAX)).lives(i64::MAX - 1));
    }
}
