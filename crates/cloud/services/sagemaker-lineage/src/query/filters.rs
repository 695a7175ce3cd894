//! `Filters` of a query.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::listing::optional_millis;
use serde_json::{Map, Value};

use super::{lineage_type, plain};
use crate::entity::find;

/// What an entity has to be; all that is given must hold.
pub struct Filters {
    types: Option<Vec<String>>,
    lineage_types: Option<Vec<String>>,
    created: (Option<f64>, Option<f64>),
    modified: (Option<f64>, Option<f64>),
    properties: Option<Map<String, Value>>,
}

impl Filters {
    pub fn read(call: &Call) -> Result<Self, ApiError> {
        let filters = &call.input["Filters"];
        let texts = |member: &str| {
            let list = filters[member].as_array().filter(|list| !list.is_empty())?;
            Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        };
        let time = |member: &str| optional_millis(&format!("Filters.{member}"), &filters[member]);
        Ok(Self {
            types: texts("Types"),
            lineage_types: texts("LineageTypes"),
            created: (time("CreatedAfter")?, time("CreatedBefore")?),
            modified: (time("ModifiedAfter")?, time("ModifiedBefore")?),
            properties: filters["Properties"].as_object().filter(|map| !map.is_empty()).cloned(),
        })
    }

    /// Whether an entity of a type fits. Its record is read only for what the record alone tells.
    pub async fn hold(&self, sm: &SageMaker, call: &Call, arn: &str, kind: &str) -> Result<bool, ApiError> {
        let among = |list: &Option<Vec<String>>, of: &str| list.as_ref().is_none_or(|l| l.iter().any(|t| t == of));
        if !among(&self.types, plain(kind)) || !among(&self.lineage_types, lineage_type(arn)) {
            return Ok(false);
        }
        if self.created == (None, None) && self.modified == (None, None) && self.properties.is_none() {
            return Ok(true);
        }
        let record = match find(sm, call, arn).await {
            Ok((_, record)) => record,
            Err(error) if error.status >= 500 => return Err(error),
            // It went while this was read.
            Err(_) => return Ok(false),
        };
        #[allow(clippy::cast_precision_loss)] // milliseconds since 1970 are below 2^53
        let within = |time: i64, (after, before): (Option<f64>, Option<f64>)| {
            after.is_none_or(|t| time as f64 >= t) && before.is_none_or(|t| time as f64 <= t)
        };
        // One of the given pairs is enough.
        let properties = self
            .properties
            .as_ref()
            .is_none_or(|all| all.iter().any(|(key, value)| record.body["Properties"][key] == *value));
        Ok(within(record.created, self.created) && within(record.modified, self.modified) && properties)
    }
}
