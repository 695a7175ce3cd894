//! A feature group as its records and its stores see it.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::objects::parse_s3_uri;
use sagewright_cloud_core::records::{Key, Record};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, locate};
use sagewright_model::Arn;
use serde_json::Value;

use crate::definition::{Definition, FeatureType};
use crate::{error, event_time, ttl};

/// Longest record, in bytes (quotas of Feature Store: 350 KB).
const LONGEST: usize = 350 * 1024;

/// A feature group.
#[derive(Debug, Clone)]
pub struct Group {
    /// Key of its record.
    pub key: Key,
    /// Tells it from an earlier group of the same name.
    pub id: String,
    /// Name as it was given.
    pub name: String,
    /// Its status.
    pub status: String,
    /// Name of the feature that identifies records.
    pub identifier: String,
    /// Name of the feature that holds event times.
    pub event_time: String,
    /// All features.
    pub definitions: Vec<Definition>,
    /// Its online store.
    pub online: Option<Online>,
    /// Bucket and prefix of its offline store.
    pub offline: Option<(String, String)>,
}

/// An online store.
#[derive(Debug, Clone)]
pub struct Online {
    /// How long records live that say nothing of it, in milliseconds.
    pub ttl: Option<i64>,
    /// `Standard`, `Standard_V2` or `InMemory`.
    pub storage: String,
}

/// A record of a request, checked.
#[derive(Debug, Clone)]
pub struct Row {
    /// Value of the identifier.
    pub identifier: String,
    /// Event time as it was given.
    pub event_time: String,
    /// Event time in milliseconds since 1970.
    pub at: i64,
    /// The values, as `FeatureValue`s.
    pub values: Vec<Value>,
}

impl Group {
    /// Reads a group's record.
    pub fn read(record: &Record) -> Self {
        let body = &record.body;
        let text = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
        let online = &body["OnlineStoreConfig"];
        let uri = body["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"].as_str();
        Self {
            key: record.key.clone(),
            id: body[HIDDEN]["id"].as_str().unwrap_or_default().to_owned(),
            name: text("FeatureGroupName"),
            status: record.status.clone(),
            identifier: text("RecordIdentifierFeatureName"),
            event_time: text("EventTimeFeatureName"),
            definitions: Definition::read_all(&body["FeatureDefinitions"]),
            online: (online["EnableOnlineStore"] == true).then(|| Online {
                ttl: ttl::millis(&online["TtlDuration"]).unwrap_or_default(),
                storage: online["StorageType"].as_str().unwrap_or("Standard").to_owned(),
            }),
            offline: uri.and_then(parse_s3_uri).map(|(bucket, prefix)| (bucket.to_owned(), prefix.to_owned())),
        }
    }

    /// The group that a request of the runtime API names, which must be there and take records.
    pub async fn of(sm: &SageMaker, call: &Call, name_or_arn: &str) -> Result<Self, ApiError> {
        if let Ok(arn) = name_or_arn.parse::<Arn>()
            && arn.account != call.caller.account
        {
            return Err(error::forbidden(format!(
                "The feature group {name_or_arn} belongs to another account, and is not shared with account {}.",
                call.caller.account
            )));
        }
        let name = name_or_arn.rsplit('/').next().unwrap_or_default();
        let missing = || {
            error::missing(
                call,
                format!("Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name {name}"),
            )
        };
        let (key, _) = locate(call, Kind::FEATURE_GROUP, name_or_arn).map_err(|_| missing())?;
        let found = sm.env().store.shared(&key).await?.ok_or_else(missing)?;
        let group = Self::read(&found.record);
        if group.status != "Created" {
            return Err(error::validation(format!(
                "The feature group {} is in status {}: records can be written and read only in status Created.",
                group.name, group.status
            )));
        }
        Ok(group)
    }

    /// Its online store, for an operation that needs it.
    pub fn online(&self) -> Result<&Online, ApiError> {
        self.online.as_ref().ok_or_else(|| {
            error::validation(format!("The online store of the feature group {} is not enabled.", self.name))
        })
    }

    /// The feature of a name.
    pub fn definition(&self, name: &str) -> Result<&Definition, ApiError> {
        let found = self.definitions.iter().find(|definition| definition.name == name);
        found.ok_or_else(|| {
            error::validation(format!("The feature group {} does not have a feature named {name}.", self.name))
        })
    }

    /// Whether all these are names of features.
    pub fn check_names(&self, names: &Value) -> Result<(), ApiError> {
        let mut names = names.as_array().into_iter().flatten().filter_map(Value::as_str);
        names.try_for_each(|name| self.definition(name).map(drop))
    }

    /// Milliseconds since 1970 of an event time.
    pub fn at(&self, event_time: &str) -> Result<i64, ApiError> {
        let kind = self.definition(&self.event_time).map_or(FeatureType::String, |definition| definition.kind);
        event_time::millis(kind, event_time).map_err(error::validation)
    }

    /// Checks values: each is of a feature, which has one value, of its type.
    pub fn check_values(&self, values: &Value) -> Result<Vec<Value>, ApiError> {
        let values: Vec<Value> = values.as_array().cloned().unwrap_or_default();
        let mut seen = std::collections::HashSet::new();
        let mut size = 0;
        for value in &values {
            let name = value["FeatureName"].as_str().unwrap_or_default();
            self.definition(name)?.check(value).map_err(error::validation)?;
            if !seen.insert(name) {
                return Err(error::validation(format!("The record has feature {name} more than once.")));
            }
            size += weight(value);
        }
        if size > LONGEST {
            return Err(error::validation(format!("The record has {size} bytes; a record has at most {LONGEST}.")));
        }
        Ok(values)
    }

    /// Checks a record.
    pub fn row(&self, record: &Value) -> Result<Row, ApiError> {
        let values = self.check_values(record)?;
        let value = |name: &str| {
            let found = values.iter().find(|value| value["FeatureName"] == name);
            let text = found.and_then(|value| value["ValueAsString"].as_str()).filter(|text| !text.is_empty());
            text.map(str::to_owned).ok_or_else(|| {
                error::validation(format!(
                    "The record has no value of {name}: the record identifier {} and the event time {} are required.",
                    self.identifier, self.event_time
                ))
            })
        };
        let (identifier, event_time) = (value(&self.identifier)?, value(&self.event_time)?);
        let at = self.at(&event_time)?;
        Ok(Row { identifier, event_time, at, values })
    }
}

/// Bytes of a value with its name.
pub fn weight(value: &Value) -> usize {
    let text = |value: &Value| value.as_str().map_or(0, str::len);
    let list = value["ValueAsStringList"].as_array().into_iter().flatten().map(text).sum::<usize>();
    text(&value["FeatureName"]) + text(&value["ValueAsString"]) + list
}
